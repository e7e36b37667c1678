/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processors the threads run on. A thread's memory is where it runs first (engine, buffers, and
 * the bits of the logs that a worker makes), so this places memory on NUMA nodes too.
 */
#ifndef SERVER_BASE_PLACEMENT_H
#define SERVER_BASE_PLACEMENT_H

#include <stdbool.h>
#include <sched.h>

struct placement {
	unsigned count; /* 0: the scheduler decides */
	cpu_set_t cpus;
};

/* A list as taskset(1) takes it: 0-3,8. False: it is none, or names a processor that is not there or
 * not ours. */
bool placement_parse(struct placement *placement, const char *list);

/* The calling thread, and those that it makes, run on all of them. 0 or -errno. */
int placement_all(const struct placement *placement);

/* The calling thread runs on the index-th of them alone, counted in a circle. 0 or -errno. */
int placement_one(const struct placement *placement, unsigned index);

#endif
