/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One measured run: logs are made, loaded, verified and removed. One thread. */
#ifndef PERF_LOAD_RUN_H
#define PERF_LOAD_RUN_H

#include "perf/client.h"
#include "perf/load_options.h"
#include "perf/log_devices.h"
#include "perf/measure.h"
#include "perf/server_process.h"

struct load_result {
	unsigned logs, depth;
	uint64_t regions; /* of each log; of the largest one of a recording */
	struct measure server, echo;
	bool has_echo, has_devices;
	uint64_t unsent; /* open loop: requests that were due and had to wait until the end */
	uint64_t marks;
	struct log_devices_counts written; /* until the logs were gone */
	unsigned kills; /* of serving processes */
	struct histogram stalls; /* the longest time without an answer after each */
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
