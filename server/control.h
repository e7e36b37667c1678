/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: an abstract unix socket, which also is the place of the one daemon of a
 * network namespace. A client sends one line, `stats` or `logs`, and reads text until the end;
 * CONTROL_ERROR and what is wrong, if there is no answer. Many are served at a time, and who says or takes
 * nothing for a second is left.
 */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include "server/log/registry.h"

#define CONTROL_NAME "dirtylogd" /* behind a NUL: abstract, see unix(7) */

/* Fill address with the socket's; returns its length. */
struct sockaddr_un;
unsigned control_address(struct sockaddr_un *address);

/* Take the place. An fd that listens, or -errno; -EADDRINUSE with the holder's pid in *holder (0 if
 * it can't be told). */
int control_listen(int *holder);

#define CONTROL_ERROR "error: "
#define CONTROL_CLIENTS 32u

struct control_client {
	int fd; /* -1: none */
	int64_t deadline_ns; /* clock_coarse() */
	unsigned polled; /* its index among what is polled */
	size_t length; /* of what has come of the line */
	char line[32];
	char *text; /* the answer, NULL: the line is not whole */
	size_t size, sent;
};

struct control {
	/* To be set. */
	int listen_fd, stop_fd;
	struct registry *registry;
	unsigned generation; /* which server we are, the first is 1 */

	struct control_client clients[CONTROL_CLIENTS];
	int64_t pause_until_ns; /* nobody is accepted */
};

/* Serve clients until stop_fd is readable. The control thread's. */
void control_run(struct control *control);

#endif
