/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: an abstract unix socket, which also is the place of the one daemon of a
 * network namespace. A client sends one line, `stats` or `logs`, and reads text until the end.
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

/* Serve one client of the listening fd, bounded in time. generation: which server we are, the first is
 * 1. The control thread's. */
void control_handle_client(int listen_fd, struct registry *registry, unsigned generation);

#endif
