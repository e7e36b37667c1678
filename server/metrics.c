/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Histograms are kept by each thread for itself, and added up here. */
#include "server/metrics.h"

#include "server/base/clock.h"
#include "server/base/stats.h"
#include "server/metrics_logs.h"

#include <stddef.h>

#define NO_LABEL NULL

static uint64_t read_counter(enum stats_counter counter)
{
	return atomic_load_explicit(&stats.counters[counter], memory_order_relaxed);
}

/* --- the server --- */

static void print_server(struct metric_text *text, const struct metrics *metrics)
{
	const struct metric_label version[] = {{"version", DIRTYLOG_VERSION}, {0}};
	double created = text->created;

	metric_family(text, "dirtylogd_build_info", METRIC_GAUGE, "The version.");
	metric_count(text, version, 1);
	metric_family(text, "dirtylogd_start_time_seconds", METRIC_GAUGE,
		      "When this server began, since 1970.");
	metric_count(text, NO_LABEL, (uint64_t)metrics->began);
	text->created = 0; /* of the supervisor's life */
	metric_family(text, "dirtylogd_restarts", METRIC_COUNTER,
		      "Servers that have taken over from another.");
	metric_count(text, NO_LABEL, metrics->generation - 1);
	text->created = created;
}

static void print_drops(struct metric_text *text, const struct metrics *metrics)
{
	double created = text->created;
	uint64_t drops;

	if (!transport_drops(metrics->transport, &drops))
		return;
	text->created = 0; /* the socket is older than the server */
	metric_family(text, "dirtylogd_netlink_drops", METRIC_COUNTER,
		      "Requests that the kernel could not deliver for want of room in the socket.");
	metric_count(text, NO_LABEL, drops);
	text->created = created;
}

/* --- counters --- */

static void print_requests(struct metric_text *text)
{
	metric_family(text, "dirtylogd_requests", METRIC_COUNTER, "Requests, by type.");
	for (unsigned i = 1; i < WIRE_TYPES; i++) {
		const struct metric_label type[] = {{"type", wire_opcodes[i].name}, {0}};

		metric_count(text, type,
			     atomic_load_explicit(&stats.requests[i], memory_order_relaxed));
	}
}

static const struct {
	const char *kind;
	enum stats_counter counter;
} errors[] = {
	{"dropped", STATS_DROPPED},	    {"refused", STATS_REFUSED},
	{"unknown_log", STATS_UNKNOWN_LOG}, {"reply_lost", STATS_REPLIES_LOST},
	{"log_open", STATS_OPEN_ERRORS},    {"log_read", STATS_READ_ERRORS},
	{"log_write", STATS_WRITE_ERRORS},  {"leg_flush", STATS_LEG_FLUSH_ERRORS},
};

static void print_errors(struct metric_text *text)
{
	metric_family(text, "dirtylogd_errors", METRIC_COUNTER, "What went wrong, by kind.");
	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const struct metric_label kind[] = {{"kind", errors[i].kind}, {0}};

		metric_count(text, kind, read_counter(errors[i].counter));
	}
}

static const struct {
	const char *name;
	enum stats_counter counter;
	const char *help;
} counters[] = {
	{"dirtylogd_served_inline", STATS_SERVED_INLINE,
	 "Requests that the receiver has answered itself."},
	{"dirtylogd_express_writes", STATS_EXPRESS, "Commits that the receiver has begun itself."},
	{"dirtylogd_log_writes", STATS_LOG_WRITES, "Writes to log devices."},
	{"dirtylogd_log_written_bytes", STATS_LOG_BYTES, "Bytes of them."},
	{"dirtylogd_leg_flushes", STATS_LEG_FLUSHES, "Legs flushed before clears were written."},
	{"dirtylogd_cleared_regions", STATS_CLEARS_WRITTEN,
	 "Regions recorded clean on log devices."},
};

static void print_counters(struct metric_text *text)
{
	for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		metric_family(text, counters[i].name, METRIC_COUNTER, counters[i].help);
		metric_count(text, NO_LABEL, read_counter(counters[i].counter));
	}
}

/* --- histograms --- */

static void print_commits(struct metric_text *text, const struct metrics *metrics)
{
	struct buckets sum = {0};

	for (unsigned i = 0; i < metrics->executor_count; i++)
		buckets_merge(&sum, &metrics->executors[i]->commit_requests);
	metric_family(text, "dirtylogd_commit_requests", METRIC_HISTOGRAM,
		      "Requests that a commit to a log device was for; 0: clears alone.");
	metric_buckets(text, NO_LABEL, &sum, &executor_commit_scale);
}

static void print_times(struct metric_text *text, const struct metrics *metrics, size_t field,
			const struct bucket_scale *scale)
{
	for (unsigned type = 1; type < WIRE_TYPES; type++) {
		const struct metric_label label[] = {{"type", wire_opcodes[type].name}, {0}};
		struct buckets sum = {0};

		for (unsigned i = 0; i < metrics->executor_count; i++) {
			const char *times = (const char *)&metrics->executors[i]->outbox.times;

			buckets_merge(&sum, (const struct buckets *)(times + field) + type);
		}
		metric_buckets(text, label, &sum, scale);
	}
}

static void print_all_times(struct metric_text *text, const struct metrics *metrics)
{
	metric_family(text, "dirtylogd_request_seconds", METRIC_HISTOGRAM,
		      "From the arrival of a request to its reply, of one in 1031.");
	print_times(text, metrics, offsetof(struct reply_times, sampled), &reply_times_sampled);
	metric_family(text, "dirtylogd_request_wait_seconds", METRIC_HISTOGRAM,
		      "The same of each that was not answered at once, to a tick of the kernel's "
		      "clock.");
	print_times(text, metrics, offsetof(struct reply_times, waited), &reply_times_waited);
}

/* --- what stands --- */

static void print_waits_of_all(struct metric_text *text, const struct waits *waits)
{
	int64_t now_ns = clock_coarse(), since_ns = now_ns;

	for (unsigned i = 0; i < waits->count; i++)
		if (waits->all[i].since_ns < since_ns)
			since_ns = waits->all[i].since_ns;
	metric_family(text, "dirtylogd_waiting_requests", METRIC_GAUGE,
		      "Requests that wait to be answered.");
	metric_count(text, NO_LABEL, waits->count);
	metric_family(text, "dirtylogd_oldest_wait_seconds", METRIC_GAUGE,
		      "Age of the oldest request that waits, 0 if none does.");
	metric_real(text, NO_LABEL, (double)(now_ns - since_ns) / (double)NSEC_PER_SEC);
}

static void print_logs(struct metric_text *text, const struct metrics *metrics)
{
	struct metrics_logs logs;
	struct waits waits;

	waits_find(&waits, metrics->slots);
	print_waits_of_all(text, &waits);
	if (metrics_logs_take(&logs, metrics->registry, &waits) == 0) {
		metrics_logs_print(text, &logs);
		metrics_logs_free(&logs);
	}
	waits_free(&waits);
}

void metrics_print(FILE *out, const struct metrics *metrics, bool open)
{
	struct metric_text text = {.out = out, .open = open, .created = metrics->began};

	print_server(&text, metrics);
	print_drops(&text, metrics);
	print_requests(&text);
	print_errors(&text);
	print_counters(&text);
	print_commits(&text, metrics);
	print_all_times(&text, metrics);
	print_logs(&text, metrics);
	metric_end(&text);
}
