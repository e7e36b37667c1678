/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kills the serving process at random moments of a run, and measures how long no answer comes then.
 * One thread, that of the runner.
 */
#ifndef PERF_GENERATOR_KILLER_H
#define PERF_GENERATOR_KILLER_H

#include "perf/generator/histogram.h"
#include "perf/generator/server_process.h"
#include "perf/generator/stall.h"

struct killer {
	/* The caller's. */
	const struct server_process *process;
	unsigned wanted; /* kills */
	int64_t pause_ns; /* after a kill, at least */
	const volatile int *interrupted;

	unsigned killed;
	pid_t victim; /* the last one */
	uint64_t dice;
	int64_t due_ns; /* of the next kill */
	int64_t answer_ns; /* of the last answers */
	bool answered; /* since the last kill */
	int64_t gap_ns; /* the longest without an answer since the last kill */
	struct histogram gaps; /* one for each kill */
	int64_t killed_ns; /* when the last one was */
	struct histogram parts[STALL_ALL];
	volatile int done; /* not 0: all kills are made, and the run may end */
};

/* To be called between any two receives; n answers have just come. Returns 0, or -ESRCH if there
 * is no server to be killed for so long that there will be none. */
int killer_tick(struct killer *killer, int64_t now_ns, int n);

#endif
