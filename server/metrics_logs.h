/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told of single logs: of so many at most, the worst first (failed, degraded, resyncing), then those with the
 * most requests. Any thread; a struct metrics_logs is its caller's.
 */
#ifndef SERVER_METRICS_LOGS_H
#define SERVER_METRICS_LOGS_H

#include "server/base/metric_text.h"
#include "server/log/registry.h"
#include "server/waits.h"

#define METRICS_LOGS_MAX 1000u

/* The worst is the highest. */
enum log_condition {
	LOG_IS_WELL,
	LOG_RESYNCS, /* or waits to: regions are not in sync */
	LOG_IS_DEGRADED, /* a write is tried again, or a leg has failed to flush */
	LOG_HAS_FAILED,
	LOG_CONDITIONS
};

struct log_sample {
	char uuid[DM_UUID_LEN];
	char device[24]; /* major:minor, or - */
	enum log_state state;
	enum log_condition condition;
	bool retries, spoilt, paused;
	uint64_t regions, in_sync, dirty, lazy;
	uint64_t changes, recovered, commits;
	double commit_seconds, oldest_wait_seconds;
	unsigned waiting;
};

struct metrics_logs {
	struct log_sample *samples; /* METRICS_LOGS_MAX */
	struct log_sample *
		*heap; /* those that stay, the first to go on top; in the end the worst first */
	unsigned count, left_out;
	unsigned conditions[LOG_CONDITIONS]; /* how many logs of all are so */
	const struct waits *waits;
	int64_t now_ns;
};

/* Look at all of them. 0 or -ENOMEM. */
int metrics_logs_take(struct metrics_logs *logs, struct registry *registry,
		      const struct waits *waits);
void metrics_logs_free(struct metrics_logs *logs);

/* Their families. */
void metrics_logs_print(struct metric_text *text, const struct metrics_logs *logs);

#endif
