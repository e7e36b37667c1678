/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the table and the JSON have in common comes from the same functions. Ratios to the echo
 * server are made here, of two measures of one run; nothing is measured here.
 */
#include "perf/generator/report.h"

#include "server/base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <jansson.h>

static const struct {
	const char *name, *key; /* of the table, of JSON */
	double quantile;
} columns[] = {{"p50", "p50_us", 0.5},
	       {"p90", "p90_us", 0.9},
	       {"p99", "p99_us", 0.99},
	       {"p99.9", "p999_us", 0.999},
	       {"max", "max_us", 1}};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static double microseconds(const struct histogram *histogram, double quantile)
{
	return (double)histogram_quantile(histogram, quantile) / 1000;
}

static double milliseconds(const struct histogram *histogram, double quantile)
{
	return microseconds(histogram, quantile) / 1000;
}

static double rate_of(const struct measure *measure, const struct histogram *histogram)
{
	if (measure->active_ns <= 0)
		return 0;
	return (double)histogram->count * NSEC_PER_SEC / (double)measure->active_ns;
}

static double per_mark(const struct load_result *result, uint64_t value)
{
	return result->marks ? (double)value / (double)result->marks : 0;
}

/* What a log cannot do without: sync and clean of a core log; of a disk log also what the device
 * holds and what was touched since the last leg flush (server/protocol/dirty_log.h). */
static uint64_t bits_per_log(const struct load_options *options, const struct load_result *result)
{
	return (options->disk ? 4 : 2) * ((result->regions + 7) / 8);
}

static double rss_per_log(const struct load_result *result)
{
	return (double)(result->setup.rss_after - result->setup.rss_before) / result->logs;
}

static double idle_share(const struct load_result *result)
{
	return (double)result->setup.idle_cpu_ns / (double)result->setup.idle_ns;
}

static double ratio(double daemon, double echo)
{
	return echo > 0 ? daemon / echo : 0;
}

/* --- table --- */

static void print_speed(FILE *out, double speed, const char *sender)
{
	if (speed > 0)
		fprintf(out, "speed %g, %s\n", speed, sender);
	else
		fprintf(out, "full speed, %s\n", sender);
}

static void print_title(FILE *out, const struct load_options *options,
			const struct load_result *result)
{
	const char *sender = options->unicast ? "unicast" : "multicast";

	fprintf(out, "%s, %u %s log%s of %" PRIu64 " regions, ",
		options->replay ? options->replay : options->script.workload->name, result->logs,
		options->disk ? "disk" : "core", result->logs == 1 ? "" : "s", result->regions);
	if (options->replay)
		print_speed(out, options->replay_speed, sender);
	else if (options->rate > 0)
		fprintf(out, "open loop at %.0f/s, %s\n", options->rate, sender);
	else if (options->burst)
		fprintf(out, "bursts of %u, %s\n", options->burst, sender);
	else
		fprintf(out, "depth %u, %s\n", result->depth, sender);
	if (options->slow_msec)
		fprintf(out,
			"beside one more on a device that takes %u ms: its MARKs and FLUSHes\n",
			options->slow_msec);
	fprintf(out, "%-11s %-20s %11s", "", "", "requests/s");
	for (size_t i = 0; i < COLUMNS; i++)
		fprintf(out, " %9s", columns[i].name);
	fprintf(out, "  us\n");
}

static void print_row(FILE *out, const char *server, const char *name,
		      const struct measure *measure, const struct histogram *histogram)
{
	fprintf(out, "%-11s %-20s %11.0f", server, name, rate_of(measure, histogram));
	for (size_t i = 0; i < COLUMNS; i++)
		fprintf(out, " %9.1f", microseconds(histogram, columns[i].quantile));
	fputc('\n', out);
}

static unsigned used_types(const struct measure *measure)
{
	unsigned used = 0;

	for (unsigned type = 1; type < WIRE_TYPES; type++)
		used += measure->types[type].count > 0;
	return used;
}

static void print_server(FILE *out, const char *server, const struct measure *measure,
			 const struct histogram *total)
{
	for (unsigned type = 1; type < WIRE_TYPES; type++) {
		if (measure->types[type].count == 0)
			continue;
		print_row(out, server, wire_opcodes[type].name, measure, &measure->types[type]);
		server = "";
	}
	if (used_types(measure) != 1)
		print_row(out, server, "all", measure, total);
}

static void print_ratio(FILE *out, const struct load_result *result, const struct histogram *daemon,
			const struct histogram *echo)
{
	fprintf(out, "%-11s %-20s %11.2f", "ratio", "daemon / echo",
		ratio(measure_rate(&result->server), measure_rate(&result->echo)));
	for (size_t i = 0; i < COLUMNS; i++)
		fprintf(out, " %9.2f",
			ratio(microseconds(daemon, columns[i].quantile),
			      microseconds(echo, columns[i].quantile)));
	fputc('\n', out);
}

static void print_setup(FILE *out, const struct load_options *options,
			const struct load_result *result)
{
	const struct load_setup *setup = &result->setup;

	if (setup->ns == 0) /* of a recording */
		return;
	fprintf(out, "logs made in %.3f s", (double)setup->ns / NSEC_PER_SEC);
	if (setup->has_usage)
		fprintf(out, ", %.1f KiB of memory for each (its bits: %.1f)",
			rss_per_log(result) / 1024, (double)bits_per_log(options, result) / 1024);
	if (setup->has_usage && setup->idle_ns > 0)
		fprintf(out, "; left alone for %.1f s: %.4f %% of a core",
			(double)setup->idle_ns / NSEC_PER_SEC, 100 * idle_share(result));
	fputc('\n', out);
}

static void print_kills(FILE *out, const struct load_result *result)
{
	if (result->kills == 0)
		return;
	fprintf(out,
		"%u servers killed; longest time without an answer after each: p50 %.1f, p90 %.1f, "
		"p99 %.1f, max %.1f ms\n",
		result->kills, milliseconds(&result->stalls, 0.5),
		milliseconds(&result->stalls, 0.9), milliseconds(&result->stalls, 0.99),
		milliseconds(&result->stalls, 1));
	fputs("of that, p50 and p99:", out);
	for (unsigned i = 0; i < STALL_ALL; i++)
		fprintf(out, "%s %s %.2f %.2f", i ? "," : "", stall_names[i],
			milliseconds(&result->stall_parts[i], 0.5),
			milliseconds(&result->stall_parts[i], 0.99));
	fputs(" ms\n", out);
}

void report_table(FILE *out, const struct load_options *options, const struct load_result *result)
{
	static struct histogram daemon, echo;

	if (result->server.requests == 0) /* why was said */
		return;
	measure_total(&result->server, &daemon);
	print_title(out, options, result);
	print_server(out, "dirtylogd", &result->server, &daemon);
	if (result->has_echo) {
		measure_total(&result->echo, &echo);
		print_server(out, "echo", &result->echo, &echo);
		print_ratio(out, result, &daemon, &echo);
	}
	fprintf(out,
		"%" PRIu64 " requests, wrong answers %" PRIu64 ", doubled %" PRIu64
		", lost %" PRIu64 "\n",
		result->server.requests, result->server.wrong, result->server.doubled,
		result->server.lost);
	print_kills(out, result);
	print_setup(out, options, result);
	if (result->unsent)
		fprintf(out,
			"%" PRIu64
			" requests were due and could not be sent before the end: the daemon "
			"does not keep up with this rate\n",
			result->unsent);
	if (result->has_devices && result->marks)
		fprintf(out,
			"%" PRIu64
			" regions marked; for each %.3f log sectors written, %.3f device "
			"flushes\n",
			result->marks, per_mark(result, result->written.sectors),
			per_mark(result, result->written.flushes));
}

/* --- JSON --- */

static void set_u64(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_real(json_t *object, const char *key, double value)
{
	json_object_set_new(object, key, json_real(value));
}

static json_t *json_of_histogram(const struct measure *measure, const struct histogram *histogram)
{
	json_t *object = json_object();

	set_u64(object, "count", histogram->count);
	set_real(object, "rate", rate_of(measure, histogram));
	set_real(object, "mean_us", histogram_mean(histogram) / 1000);
	for (size_t i = 0; i < COLUMNS; i++)
		set_real(object, columns[i].key, microseconds(histogram, columns[i].quantile));
	return object;
}

static json_t *json_of_measure(const struct measure *measure)
{
	static struct histogram total;
	json_t *object = json_object(), *types = json_object();

	measure_total(measure, &total);
	set_u64(object, "requests", measure->requests);
	set_u64(object, "wrong", measure->wrong);
	set_u64(object, "doubled", measure->doubled);
	set_u64(object, "lost", measure->lost);
	set_real(object, "seconds", (double)measure->active_ns / NSEC_PER_SEC);
	json_object_set_new(object, "all", json_of_histogram(measure, &total));
	for (unsigned type = 1; type < WIRE_TYPES; type++)
		if (measure->types[type].count > 0)
			json_object_set_new(types, wire_opcodes[type].name,
					    json_of_histogram(measure, &measure->types[type]));
	json_object_set_new(object, "types", types);
	return object;
}

static json_t *json_of_ratio(const struct load_result *result)
{
	static struct histogram daemon, echo;
	json_t *object = json_object();

	measure_total(&result->server, &daemon);
	measure_total(&result->echo, &echo);
	set_real(object, "rate", ratio(measure_rate(&result->server), measure_rate(&result->echo)));
	set_real(object, "p50", ratio(microseconds(&daemon, 0.5), microseconds(&echo, 0.5)));
	set_real(object, "p99", ratio(microseconds(&daemon, 0.99), microseconds(&echo, 0.99)));
	return object;
}

static json_t *json_of_setup(const struct load_options *options, const struct load_result *result)
{
	const struct load_setup *setup = &result->setup;
	json_t *object = json_object();

	set_real(object, "seconds", (double)setup->ns / NSEC_PER_SEC);
	set_u64(object, "bits_per_log", bits_per_log(options, result));
	if (!setup->has_usage)
		return object;
	set_real(object, "rss_per_log", rss_per_log(result));
	if (setup->idle_ns > 0) {
		set_real(object, "idle_seconds", (double)setup->idle_ns / NSEC_PER_SEC);
		set_real(object, "idle_cpu_share", idle_share(result));
	}
	return object;
}

static json_t *json_of_parts(const struct load_result *result)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < STALL_ALL; i++) {
		json_t *part = json_object();

		set_real(part, "p50_ms", milliseconds(&result->stall_parts[i], 0.5));
		set_real(part, "p99_ms", milliseconds(&result->stall_parts[i], 0.99));
		json_object_set_new(object, stall_names[i], part);
	}
	return object;
}

static json_t *json_of_result(const struct load_options *options, const struct load_result *result)
{
	json_t *object = json_object();

	set_u64(object, "logs", result->logs);
	set_u64(object, "depth", result->depth);
	set_u64(object, "regions", result->regions);
	json_object_set_new(object, "good",
			    json_boolean(result->error == 0 && !measure_failed(&result->server)));
	if (result->setup.ns > 0)
		json_object_set_new(object, "setup", json_of_setup(options, result));
	json_object_set_new(object, "dirtylogd", json_of_measure(&result->server));
	if (result->has_echo) {
		json_object_set_new(object, "echo", json_of_measure(&result->echo));
		json_object_set_new(object, "ratio", json_of_ratio(result));
	}
	set_u64(object, "unsent", result->unsent);
	set_u64(object, "kills", result->kills);
	set_real(object, "stall_p50_ms", milliseconds(&result->stalls, 0.5));
	set_real(object, "stall_p99_ms", milliseconds(&result->stalls, 0.99));
	set_real(object, "stall_max_ms", milliseconds(&result->stalls, 1));
	json_object_set_new(object, "stall_parts", json_of_parts(result));
	set_u64(object, "marks", result->marks);
	if (result->has_devices) {
		set_u64(object, "log_sectors", result->written.sectors);
		set_u64(object, "device_flushes", result->written.flushes);
		set_real(object, "log_sectors_per_mark", per_mark(result, result->written.sectors));
		set_real(object, "device_flushes_per_mark",
			 per_mark(result, result->written.flushes));
	}
	return object;
}

static json_t *json_of_options(const struct load_options *options)
{
	json_t *object = json_object();

	json_object_set_new(
		object, "workload",
		json_string(options->replay ? "replay" : options->script.workload->name));
	json_object_set_new(object, "type", json_string(options->disk ? "disk" : "core"));
	json_object_set_new(object, "sender",
			    json_string(options->unicast ? "unicast" : "multicast"));
	set_u64(object, "region_size", options->region_size);
	set_u64(object, "reads_percent", options->script.reads_percent);
	set_u64(object, "writers", options->script.writers);
	set_u64(object, "hot", options->script.hot);
	json_object_set_new(object, "pattern",
			    json_string(options->script.pattern == MIRROR_SCRIPT_SEQUENTIAL
						? "sequential"
						: "uniform"));
	json_object_set_new(object, "integrated_flush",
			    json_boolean(options->script.integrated_flush));
	json_object_set_new(object, "resync", json_boolean(options->script.resync));
	json_object_set_new(object, "busy_poll", json_boolean(options->busy_poll));
	set_u64(object, "slow_msec", options->slow_msec);
	set_u64(object, "burst", options->burst);
	set_real(object, "rate", options->rate);
	set_u64(object, "seed", options->seed);
	json_object_set_new(object, "replay",
			    options->replay ? json_string(options->replay) : json_null());
	return object;
}

int report_json(const char *path, const struct load_options *options,
		const struct load_result *results, unsigned count)
{
	json_t *root = json_object(), *runs = json_array();
	int r;

	json_object_set_new(root, "version", json_string(DIRTYLOG_VERSION));
	json_object_set_new(root, "options", json_of_options(options));
	for (unsigned i = 0; i < count; i++)
		json_array_append_new(runs, json_of_result(options, &results[i]));
	json_object_set_new(root, "runs", runs);
	if (strcmp(path, "-") == 0) {
		r = json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
		putchar('\n');
	} else {
		r = json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	}
	json_decref(root);
	return r == 0 ? 0 : errno ? -errno : -EIO;
}
