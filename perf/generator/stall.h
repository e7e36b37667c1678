/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the stall after a kill consists of, as the server tells it afterwards. One thread.
 */
#ifndef PERF_GENERATOR_STALL_H
#define PERF_GENERATOR_STALL_H

#include "perf/generator/histogram.h"

enum stall_part {
	STALL_DEATH, /* until the supervisor knows: the dead's memory and rings are taken apart */
	STALL_BEGIN, /* until its successor runs: woken, or forked */
	STALL_THREADS, /* its rings and threads */
	STALL_LOOK, /* at what the dead has left: slots, the list of logs, blocks on their way */
	STALL_IN_HAND, /* requests that were */
	STALL_PARTS,
	STALL_LOGS = STALL_PARTS, /* behind it, while it serves: until all logs are taken up */
	STALL_ALL
};

extern const char *const stall_names[STALL_ALL];

/* Ask the server for its last take-over, of which that server was killed at killed_ns, and record each part. It is none
 * if the server has none of it. */
void stall_record(struct histogram parts[STALL_ALL], int64_t killed_ns);

#endif
