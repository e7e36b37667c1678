/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One measured run against a server that has been found: logs are made, loaded, verified and
 * removed, and what came of it is told in a load_result. One thread; needs root for its loop
 * devices and sockets.
 */
#ifndef PERF_GENERATOR_LOAD_RUN_H
#define PERF_GENERATOR_LOAD_RUN_H

#include "perf/generator/client.h"
#include "perf/generator/load_options.h"
#include "perf/generator/log_devices.h"
#include "perf/generator/measure.h"
#include "perf/generator/server_process.h"
#include "perf/generator/stall.h"

/* What the logs cost the daemon before anything is asked of them. */
struct load_setup {
	int64_t ns; /* from the first CTR until all logs have answered all of their activation */
	bool has_usage; /* the next are known: the daemon is ours */
	int64_t rss_before, rss_after; /* bytes */
	int64_t idle_ns, idle_cpu_ns; /* that the logs were left alone, and the daemon's share */
};

struct load_result {
	unsigned logs, depth;
	uint64_t regions; /* of each log; of the largest one of a recording */
	struct load_setup setup;
	struct measure server, echo;
	bool has_echo, has_devices;
	uint64_t unsent; /* open loop: requests that were due and had to wait until the end */
	uint64_t marks;
	struct log_devices_counts written; /* until the logs were suspended, or gone */
	unsigned kills; /* of serving processes */
	bool too_few_kills; /* fewer than were asked for, though nobody has interrupted the run */
	struct histogram stalls; /* the longest time without an answer after each */
	struct histogram stall_parts[STALL_ALL];
	int error; /* 0, or the -errno that ended the run early */
};

/* The server that is talked to. */
struct load_server {
	struct client client;
	struct server_process process;
	bool spawned;
};

/* Fills result; what is wrong is said on stderr. 0 or -errno. */
int load_run(struct load_server *server, const struct load_options *options,
	     const volatile int *interrupted, struct load_result *result);

#endif
