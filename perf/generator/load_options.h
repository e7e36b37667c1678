/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command line of dirtylog-load. */
#ifndef PERF_GENERATOR_LOAD_OPTIONS_H
#define PERF_GENERATOR_LOAD_OPTIONS_H

#include "perf/generator/mirror_script.h"

#define LOAD_OPTIONS_DEVICES_MAX 1024u
#define LOAD_OPTIONS_POINTS_MAX 32u

enum load_options_sweep { LOAD_SWEEP_NONE, LOAD_SWEEP_DEPTH, LOAD_SWEEP_LOGS };

struct load_options {
	struct mirror_script_config script;
	unsigned logs;
	uint64_t regions;
	uint32_t region_size; /* sectors */
	bool disk;
	const char *loop_dir;
	const char *devices[LOAD_OPTIONS_DEVICES_MAX];
	unsigned ndevices;
	unsigned depth; /* 0: one, or one for each log of a chain workload */
	unsigned burst; /* 0: none */
	double rate; /* requests a second; 0: closed loop */
	double seconds, warmup, lost_after;
	unsigned kills; /* of the serving process, 0: none */
	unsigned kill_pause_msec; /* between two of them, at least */
	double idle; /* seconds between set-up and warm-up */
	uint64_t count; /* requests; UINT64_MAX: no limit */
	uint64_t seed;
	bool spawn;
	const char *spawn_command; /* NULL: dirtylogd beside this program */
	bool unicast, busy_poll, echo, echo_poll, quiet;
	int generator_cpu, server_cpu; /* -1: any */
	const char *json, *plot; /* files, NULL: none */
	unsigned slow_msec; /* of the slow device beside the logs; 0: none */
	const char *replay; /* a recording, NULL: none */
	double replay_speed; /* 0: as fast as answers come */
	enum load_options_sweep sweep;
	unsigned points[LOAD_OPTIONS_POINTS_MAX];
	unsigned npoints;
};

/* Fill options from the command line. Returns -1 to go on, or the exit status: 0 after --help or
 * --version, 2 with the fault on stderr. Strings stay argv's. */
int load_options_parse(struct load_options *options, int argc, char **argv);

/* Requests on their way at a time. */
unsigned load_options_depth(const struct load_options *options);

#endif
