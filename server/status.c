/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts are the maps' own; cells are counted by shards of 4,096 regions. The text is written as it goes: a tree of
 * JSON values would cost more than all the rest. */
#include "server/status.h"

#include "server/base/clock.h"
#include "server/base/json_text.h"
#include "server/waits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *const log_state_names[] = {"opening",   "created", "active",
				       "suspended", "closing", "dead"};

static const char *const health_names[] = {"sound", "failed", "unusable"};

static const char *const place_names[] = {"", "open", "read", "write", "leg flush"};

static void print_waits(FILE *out, const struct waits *waits, uint64_t log_id, int64_t now_ns)
{
	int64_t since_ns;
	unsigned count = waits_of(waits, log_id, &since_ns);

	fprintf(out, ",\"waiting\":%u", count);
	if (count > 0)
		fprintf(out, ",\"oldest_wait_ms\":%" PRId64, (now_ns - since_ns) / NSEC_PER_MSEC);
}

/* --- a log --- */

struct status {
	FILE *out;
	struct waits waits;
	int64_t now_ns;
	unsigned count, left_out;
};

static void print_identity(FILE *out, const struct mirror_log *log, enum log_state state)
{
	fputs("{\"uuid\":", out);
	json_text_write(out, log->uuid);
	fprintf(out,
		",\"luid\":\"%llx\",\"type\":\"%s\",\"state\":\"%s\",\"region_size\":%" PRIu32
		",\"regions\":%" PRIu64,
		(unsigned long long)log->luid, log->args.type, log_state_names[state],
		log->args.region_size, log->args.region_count);
}

static void print_regions_of(FILE *out, const struct mirror_log *log)
{
	const struct dirty_log *dirty = &log->dirty;
	uint32_t device_major, device_minor;

	fprintf(out, ",\"in_sync\":%" PRIu64 ",\"dirty\":%" PRIu64 ",\"lazy\":%" PRIu64,
		dirty_log_sync_count(dirty), dirty_log_dirty_count(dirty),
		dirty_log_lazy_count(dirty));
	if (mirror_log_device(log, &device_major, &device_minor))
		fprintf(out, ",\"dirty_on_disk\":%" PRIu64 ",\"device\":\"%u:%u\"",
			dirty_log_disk_dirty_count(dirty), device_major, device_minor);
}

static const char *truth(bool value)
{
	return value ? "true" : "false";
}

static void print_health(FILE *out, const struct mirror_log *log)
{
	bool retries = atomic_load_explicit(&log->tally.backs_off, memory_order_relaxed);

	fprintf(out, ",\"health\":\"%s\",\"retries\":%s,\"spoilt\":%s,\"paused\":%s",
		health_names[mirror_log_health(log)], truth(retries),
		truth(mirror_log_is_spoilt(log)),
		truth(atomic_load_explicit(&log->pace.paused, memory_order_relaxed)));
}

static void print_tally(FILE *out, const struct tally *tally, int64_t now_ns)
{
	fprintf(out,
		",\"changes\":%" PRIu64 ",\"recovered\":%" PRIu64
		",\"resync_rate\":%.3f,\"commits\":%" PRIu64 ",\"commits_us\":%" PRId64,
		tally_read(&tally->changes), tally_read(&tally->recovered),
		tally_resync_rate(tally, now_ns), tally_read(&tally->commits),
		atomic_load_explicit(&tally->commits_ns, memory_order_relaxed) / NSEC_PER_USEC);
}

static void print_last_error(FILE *out, const struct tally *tally)
{
	struct tally_error error;

	if (!tally_last_error(tally, &error))
		return;
	fprintf(out,
		",\"last_error\":{\"at\":\"%s\",\"errno\":%d,\"text\":", place_names[error.place],
		error.error);
	json_text_write(out, strerror(error.error));
	fprintf(out, ",\"time\":%" PRId64 "}", error.time);
}

/* A log that a CTR makes has no more than its name: what that sets is not ours to read yet. */
static void print_status_of(const struct mirror_log *log, void *context)
{
	enum log_state state = mirror_log_state(log);
	struct status *status = context;

	if (state >= LOG_CLOSING)
		return;
	if (status->count == STATUS_LOGS_MAX) {
		status->left_out++;
		return;
	}
	if (status->count++ > 0)
		fputs(",\n", status->out);
	print_identity(status->out, log, state);
	if (mirror_log_is_told(log)) {
		print_regions_of(status->out, log);
		print_health(status->out, log);
		print_tally(status->out, &log->tally, status->now_ns);
	}
	print_waits(status->out, &status->waits, log->id, status->now_ns);
	print_last_error(status->out, &log->tally);
	putc('}', status->out);
}

void status_print(FILE *out, struct registry *registry, const struct slots *slots)
{
	struct status status = {.out = out, .now_ns = clock_coarse()};

	waits_find(&status.waits, slots);
	fputs("{\"logs\":[", out);
	registry_visit(registry, print_status_of, &status);
	fprintf(out, "],\"left_out\":%u}\n", status.left_out);
	waits_free(&status.waits);
}

/* --- the regions of a log --- */

/* Cut the last word off. NULL: there is none, or nothing before it. */
static char *cut_word(char *text)
{
	char *space = strrchr(text, ' ');

	if (!space || space == text)
		return NULL;
	*space = '\0';
	return space + 1;
}

static bool parse_word(const char *word, int base, uint64_t *value)
{
	char *end;

	if (!word || *word == '\0')
		return false;
	*value = strtoull(word, &end, base);
	return *end == '\0';
}

uint64_t status_first_of_cell(uint64_t cell, uint64_t cells, uint64_t regions)
{
	return regions / cells * cell + regions % cells * cell / cells;
}

static void print_runs(FILE *out, const struct dirty_log *dirty, uint64_t cells)
{
	uint64_t regions = dirty->config.region_count, run = 0;
	struct dirty_log_cell cell = {0}, before = {0};
	const char *comma = "";

	for (uint64_t i = 0; i <= cells; i++, run++) {
		if (i < cells)
			cell = dirty_log_count_cell(dirty, status_first_of_cell(i, cells, regions),
						    status_first_of_cell(i + 1, cells, regions));
		if (i == cells || (i > 0 && (cell.out_of_sync != before.out_of_sync ||
					     cell.dirty != before.dirty))) {
			fprintf(out, "%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", comma, run,
				before.out_of_sync, before.dirty);
			comma = ",";
			run = 0;
		}
		before = cell;
	}
}

static void print_recovering(FILE *out, const struct mirror_log *log)
{
	uint64_t recovering = tally_read(&log->tally.recovering);

	if (recovering > 0)
		fprintf(out, ",\"recovering\":%" PRIu64, recovering - 1);
}

static void print_cells(FILE *out, const struct mirror_log *log, uint64_t cells)
{
	uint64_t regions = log->args.region_count;

	if (cells > regions)
		cells = regions;
	fprintf(out, "{\"regions\":%" PRIu64 ",\"cells\":%" PRIu64, regions, cells);
	print_recovering(out, log);
	fputs(",\"runs\":[", out);
	print_runs(out, &log->dirty, cells);
	fputs("]}\n", out);
}

/* UUID LUID, which is cut in two. */
static bool parse_log(char *uuid_luid, uint64_t *luid)
{
	return parse_word(cut_word(uuid_luid), 16, luid);
}

struct mirror_log *status_find_log(struct registry *registry, char *uuid_luid)
{
	uint64_t luid;

	return parse_log(uuid_luid, &luid) ? registry_get(registry, luid, uuid_luid) : NULL;
}

bool status_print_regions(FILE *out, struct registry *registry, char *arguments, const char **why)
{
	struct mirror_log *log;
	uint64_t cells, luid;
	bool told;

	*why = "regions: UUID LUID CELLS are expected, with 1 to 8192 cells";
	if (!parse_word(cut_word(arguments), 10, &cells) || cells < 1 || cells > STATUS_CELLS_MAX ||
	    !parse_log(arguments, &luid))
		return false;
	*why = "there is no such log";
	log = registry_get(registry, luid, arguments);
	if (!log)
		return false;
	told = mirror_log_is_told(log);
	if (told)
		print_cells(out, log, cells);
	mirror_log_put(log);
	return told;
}
