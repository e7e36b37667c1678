/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the control socket is: under an abstract name, which anybody can take while no dirtylogd runs, and as a
 * file that is root's (place.h). dirtylogd listens to both as far as it can have them; dirtylogctl asks
 * only what is root's.
 */
#ifndef SERVER_CONTROL_SOCKET_H
#define SERVER_CONTROL_SOCKET_H

#include "server/base/control_name.h"

#include <sys/socket.h>
#include <sys/time.h>

/* An fd that listens under the abstract name, or -errno; -EADDRINUSE with who has it in *holder, whose pid is 0
 * if it can't be told. */
int control_listen(struct ucred *holder);

/* An fd that listens at the file, or -errno. By the one that holds the place: what is there is a
 * predecessor's. */
int control_listen_file(void);

/* This process is the one that listens, no longer its parent. */
void control_listen_again(int fd);

/* Connect to dirtylogd: an fd whose calls take as long as patience at most, or -errno; -EPERM if the one that
 * listens is not root, with who it is in *holder. */
int control_connect(struct timeval patience, struct ucred *holder);

#endif
