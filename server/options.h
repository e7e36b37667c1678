/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command line of dirtylogd. */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "iouring/flush_engine.h"
#include "server/base/diag.h"
#include "server/base/placement.h"
#include "server/log/log.h"
#include "server/metrics_http.h"

struct options {
	bool foreground;
	unsigned workers;
	enum diag_level log_level;
	struct log_options log;
	/* What holds until it is changed (settings.h). */
	int64_t clear_delay_ns;
	uint64_t max_lazy;
	unsigned mark_ahead; /* regions at a time; 0: none */
	uint64_t resync_rate; /* bytes in a second, of a mirror; 0: no limit */
	int rcvbuf;
	int64_t busy_poll_ns;
	bool follow;
	struct placement placement;
	enum flush_engine_kind io_engine;
	bool accept_any;
	bool clustered_as_single_host;
	bool supervise;
	bool take_over; /* of whoever serves, at the start */
	int64_t watchdog_ns;
	const char *record; /* file, NULL: none */
	struct metrics_address metrics_listen;
	const char *config; /* file of options */
	char *config_faults; /* what was wrong in it, a line each; NULL: nothing */
	bool check, print_config;
	/* Hidden: what a child process is asked to do, see mirrors.h. */
	const char *query_device, *cycle_device, *wake_devices;
};

/* Fill options from the file of options and the command line, which goes before. Returns -1 to go on, or the
 * exit status: 0 after --help or --version, 2 with the fault on stderr. A fault in the file keeps nobody from
 * going on: mirrors that wait for a daemon wait for ever if it is not there. */
int options_parse(struct options *options, int argc, char **argv);

/* Set one by its long name. False: wanted says what it may be, and the option is as it was. */
bool options_set(struct options *options, const char *name, const char *value, FILE *wanted);

/* The shipped file of options. */
void options_print_config(FILE *out);

#endif
