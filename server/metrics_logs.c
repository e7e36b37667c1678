/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A heap keeps the worst while the logs are visited, so that memory is bounded whatever their number. Families are
 * written one behind the other, as the formats want it, from the samples taken. */
#include "server/metrics_logs.h"

#include "server/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const condition_names[] = {"well", "resyncing", "degraded", "failed"};

/* --- which of them --- */

static bool is_worse(const struct log_sample *a, const struct log_sample *b)
{
	if (a->condition != b->condition)
		return a->condition > b->condition;
	return a->changes > b->changes;
}

static void sift_down(struct log_sample **heap, unsigned count, unsigned at)
{
	for (;;) {
		unsigned least = at, child = 2 * at + 1;

		for (unsigned i = child; i < child + 2 && i < count; i++)
			if (is_worse(heap[least], heap[i]))
				least = i;
		if (least == at)
			return;
		struct log_sample *moved = heap[at];

		heap[at] = heap[least];
		heap[least] = moved;
		at = least;
	}
}

static void make_heap(struct metrics_logs *logs)
{
	for (unsigned i = logs->count / 2; i-- > 0;)
		sift_down(logs->heap, logs->count, i);
}

static void keep_sample(struct metrics_logs *logs, const struct log_sample *sample)
{
	if (logs->count < METRICS_LOGS_MAX) {
		logs->samples[logs->count] = *sample;
		logs->heap[logs->count] = &logs->samples[logs->count];
		logs->count++;
		if (logs->count == METRICS_LOGS_MAX)
			make_heap(logs);
		return;
	}
	logs->left_out++;
	if (!is_worse(sample, logs->heap[0]))
		return;
	*logs->heap[0] = *sample;
	sift_down(logs->heap, logs->count, 0);
}

/* --- a log --- */

static enum log_condition condition_of(const struct mirror_log *log,
				       const struct log_sample *sample)
{
	if (mirror_log_health(log) != LOG_SOUND)
		return LOG_HAS_FAILED;
	if (sample->retries || sample->spoilt)
		return LOG_IS_DEGRADED;
	return sample->in_sync < sample->regions ? LOG_RESYNCS : LOG_IS_WELL;
}

static void name_device(struct log_sample *sample, const struct mirror_log *log)
{
	uint32_t device_major, device_minor;

	if (mirror_log_device(log, &device_major, &device_minor))
		snprintf(sample->device, sizeof(sample->device), "%u:%u", device_major,
			 device_minor);
	else
		strcpy(sample->device, "-");
}

static void take_tally(struct log_sample *sample, const struct tally *tally)
{
	int64_t commits_ns = atomic_load_explicit(&tally->commits_ns, memory_order_relaxed);

	sample->changes = tally_read(&tally->changes);
	sample->recovered = tally_read(&tally->recovered);
	sample->commits = tally_read(&tally->commits);
	sample->commit_seconds = (double)commits_ns / (double)NSEC_PER_SEC;
	sample->retries = atomic_load_explicit(&tally->backs_off, memory_order_relaxed);
}

static void take_waits(struct log_sample *sample, const struct metrics_logs *logs, uint64_t id)
{
	int64_t since_ns = logs->now_ns;

	sample->waiting = waits_of(logs->waits, id, &since_ns);
	sample->oldest_wait_seconds = (double)(logs->now_ns - since_ns) / (double)NSEC_PER_SEC;
}

static void sample_log(const struct mirror_log *log, void *context)
{
	struct metrics_logs *logs = context;
	struct log_sample sample = {.state = mirror_log_state(log)};

	if (!mirror_log_is_told(log))
		return;
	strcpy(sample.uuid, log->uuid);
	name_device(&sample, log);
	sample.regions = log->args.region_count;
	sample.in_sync = dirty_log_sync_count(&log->dirty);
	sample.dirty = dirty_log_dirty_count(&log->dirty);
	sample.lazy = dirty_log_lazy_count(&log->dirty);
	sample.spoilt = mirror_log_is_spoilt(log);
	sample.paused = atomic_load_explicit(&log->pace.paused, memory_order_relaxed);
	take_tally(&sample, &log->tally);
	take_waits(&sample, logs, log->id);
	sample.condition = condition_of(log, &sample);
	logs->conditions[sample.condition]++;
	keep_sample(logs, &sample);
}

/* --- in order --- */

/* A mirror's live and inactive table, and pvmove's mirrors, have logs of one name: the one that counts comes first. */
static int by_name_and_state(const void *left, const void *right)
{
	const struct log_sample *a = *(struct log_sample *const *)left;
	const struct log_sample *b = *(struct log_sample *const *)right;
	int order = strcmp(a->uuid, b->uuid);

	if (order == 0)
		order = strcmp(a->device, b->device);
	if (order == 0)
		order = (b->state == LOG_ACTIVE) - (a->state == LOG_ACTIVE);
	if (order == 0)
		order = is_worse(b, a) - is_worse(a, b);
	return order;
}

static bool same_name(const struct log_sample *a, const struct log_sample *b)
{
	return strcmp(a->uuid, b->uuid) == 0 && strcmp(a->device, b->device) == 0;
}

/* A series must not come twice. */
static void drop_namesakes(struct metrics_logs *logs)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < logs->count; i++)
		if (kept == 0 || !same_name(logs->heap[kept - 1], logs->heap[i]))
			logs->heap[kept++] = logs->heap[i];
	logs->left_out += logs->count - kept;
	logs->count = kept;
}

static int by_badness(const void *left, const void *right)
{
	const struct log_sample *a = *(struct log_sample *const *)left;
	const struct log_sample *b = *(struct log_sample *const *)right;

	return is_worse(b, a) - is_worse(a, b);
}

int metrics_logs_take(struct metrics_logs *logs, struct registry *registry,
		      const struct waits *waits)
{
	*logs = (struct metrics_logs){.waits = waits, .now_ns = clock_coarse()};
	logs->samples = malloc(METRICS_LOGS_MAX * sizeof(*logs->samples));
	logs->heap = malloc(METRICS_LOGS_MAX * sizeof(struct log_sample *));
	if (!logs->samples || !logs->heap) {
		metrics_logs_free(logs);
		return -ENOMEM;
	}
	registry_visit(registry, sample_log, logs);
	qsort(logs->heap, logs->count, sizeof(struct log_sample *), by_name_and_state);
	drop_namesakes(logs);
	qsort(logs->heap, logs->count, sizeof(struct log_sample *), by_badness);
	return 0;
}

void metrics_logs_free(struct metrics_logs *logs)
{
	free(logs->samples);
	free(logs->heap);
	logs->samples = NULL;
	logs->heap = NULL;
}

/* --- families --- */

enum value_type { TRUTH, NUMBER, NUMBER_64, REAL };

/* What is told of each log. */
struct log_family {
	const char *name;
	enum metric_kind kind;
	enum value_type type;
	size_t field;
	const char *help;
};

#define FIELD(name) offsetof(struct log_sample, name)

static const struct log_family families[] = {
	{"dirtylogd_log_condition", METRIC_GAUGE, NUMBER, FIELD(condition),
	 "How the log is: 0 well, 1 regions are not in sync, 2 degraded, 3 failed."},
	{"dirtylogd_log_retries", METRIC_GAUGE, TRUTH, FIELD(retries),
	 "Whether a write to the log device has failed and is tried again."},
	{"dirtylogd_log_spoilt", METRIC_GAUGE, TRUTH, FIELD(spoilt),
	 "Whether a leg has failed to flush, so that no region is recorded clean."},
	{"dirtylogd_log_paused", METRIC_GAUGE, TRUTH, FIELD(paused),
	 "Whether its resync is paused (dirtylogctl pause)."},
	{"dirtylogd_log_regions", METRIC_GAUGE, NUMBER_64, FIELD(regions),
	 "Regions of the mirror."},
	{"dirtylogd_log_in_sync_regions", METRIC_GAUGE, NUMBER_64, FIELD(in_sync),
	 "Regions whose legs are the same."},
	{"dirtylogd_log_dirty_regions", METRIC_GAUGE, NUMBER_64, FIELD(dirty),
	 "Regions that are marked."},
	{"dirtylogd_log_lazy_regions", METRIC_GAUGE, NUMBER_64, FIELD(lazy),
	 "Regions that are clean, and dirty on the log device still."},
	{"dirtylogd_log_waiting_requests", METRIC_GAUGE, NUMBER, FIELD(waiting),
	 "Requests that wait to be answered."},
	{"dirtylogd_log_oldest_wait_seconds", METRIC_GAUGE, REAL, FIELD(oldest_wait_seconds),
	 "Age of the oldest request that waits, 0 if none does."},
	{"dirtylogd_log_changes", METRIC_COUNTER, NUMBER_64, FIELD(changes),
	 "Requests that change a region."},
	{"dirtylogd_log_recovered_regions", METRIC_COUNTER, NUMBER_64, FIELD(recovered),
	 "Regions recovered, each time."},
	{"dirtylogd_log_commits", METRIC_COUNTER, NUMBER_64, FIELD(commits),
	 "Commits to the log device that have ended."},
	{"dirtylogd_log_commit_seconds", METRIC_COUNTER, REAL, FIELD(commit_seconds),
	 "How long they took together."},
};

#define FAMILIES (sizeof(families) / sizeof(families[0]))

static void print_value(const struct metric_text *text, const struct log_family *family,
			const struct log_sample *sample)
{
	const struct metric_label labels[] = {
		{"uuid", sample->uuid}, {"device", sample->device}, {0}};
	const void *field = (const char *)sample + family->field;

	switch (family->type) {
	case TRUTH:
		metric_count(text, labels, *(const bool *)field);
		break;
	case NUMBER:
		metric_count(text, labels, *(const unsigned *)field);
		break;
	case NUMBER_64:
		metric_count(text, labels, *(const uint64_t *)field);
		break;
	case REAL:
		metric_real(text, labels, *(const double *)field);
	}
}

static void print_conditions(struct metric_text *text, const struct metrics_logs *logs)
{
	metric_family(text, "dirtylogd_logs", METRIC_GAUGE, "Logs, by how they are.");
	for (unsigned i = 0; i < LOG_CONDITIONS; i++) {
		const struct metric_label labels[] = {{"condition", condition_names[i]}, {0}};

		metric_count(text, labels, logs->conditions[i]);
	}
}

void metrics_logs_print(struct metric_text *text, const struct metrics_logs *logs)
{
	double created = text->created;

	print_conditions(text, logs);
	metric_family(
		text, "dirtylogd_logs_left_out", METRIC_GAUGE,
		"Logs that dirtylogd_log_... tell nothing of: there are too many, or others of "
		"that name.");
	metric_count(text, NULL, logs->left_out);
	text->created = 0; /* a log may be younger than the server */
	for (unsigned i = 0; i < FAMILIES; i++) {
		metric_family(text, families[i].name, families[i].kind, families[i].help);
		for (unsigned j = 0; j < logs->count; j++)
			print_value(text, &families[i], logs->heap[j]);
	}
	text->created = created;
}
