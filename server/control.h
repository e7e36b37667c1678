/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the control socket's clients are told. One sends a line, `stats`, `logs`, `metrics` (OpenMetrics),
 * `metrics 0.0.4` (metrics.h), or, for JSON (status.h), `status` or `regions UUID LUID CELLS`; `set`, for
 * the settings (settings.h), or `set NAME VALUE`; `pause UUID LUID`, `continue UUID LUID`, or `rewrite UUID LUID`
 * (rewrite.h); and reads text until the end, of which there is some; CONTROL_ERROR and what is wrong, if what was wanted
 * is not done. RELIEF_REQUEST is answered with descriptors (relief.h). Many are served at a time, and who says or takes nothing for a second is left.
 */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include "server/metrics.h"
#include "server/relief.h"
#include "server/restart/estate.h"
#include "server/work/worker.h"

#define CONTROL_ERROR "error: "

/* Before a line: its answer ends with CONTROL_END, so that who asks sees that it is whole. */
#define CONTROL_WHOLE "whole "
#define CONTROL_END "\n.end\n"
#define CONTROL_CLIENTS 32u
#define CONTROL_LINE_MAX 255u
#define CONTROL_SOCKETS 2u /* control_socket.h */

struct control_client {
	int fd; /* -1: none */
	int64_t deadline_ns; /* clock_coarse() */
	unsigned polled; /* its index among what is polled */
	size_t length; /* of what has come of the line */
	char line[CONTROL_LINE_MAX + 1];
	char *text; /* the answer, NULL: the line is not whole */
	size_t size, sent;
	bool relieves; /* descriptors go along with the answer */
};

struct control {
	/* To be set. */
	int listen_fds[CONTROL_SOCKETS]; /* -1: none */
	int stop_fd;
	int relief_fds[RELIEF_FDS]; /* -1: none */
	struct registry *registry;
	pid_t supervisor; /* 0: none */
	int64_t program_ns; /* when the program began that the supervisor is now, clock_now() */
	const struct slots *slots;
	const struct metrics *metrics;
	struct estate_settings *settings;
	struct estate_fixed *estate;
	int64_t until_ns; /* returns then at the latest (clock_coarse()) */
	struct worker *workers; /* to be told of them */
	unsigned nworkers;
	unsigned generation; /* which server we are, the first is 1 */
	struct estate_executor *watched; /* its turns are the watchdog's to see */

	struct control_client clients[CONTROL_CLIENTS];
	int64_t pause_until_ns; /* nobody is accepted */
};

/* Serve clients until stop_fd is readable. The control thread's. */
void control_run(struct control *control);

#endif
