/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relief of a dirtylogd by one that somebody else has started: of that of an initramfs, whose program and whose view
 * of the files are gone, by the service.
 *
 *   the new one                 the old one's server        its supervisor
 *   RELIEF_REQUEST         -->
 *                          <--  the descriptors, and
 *                               both processes
 *   supervisor_ask_relief  -------------------------------> passes it on; starts no other server
 *                               hands over, ends            ends
 *   serves on
 *
 * The descriptors are open files that both share, so the place of the one daemon is never free between.
 */
#ifndef SERVER_RELIEF_H
#define SERVER_RELIEF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "server/restart/watchdog.h"

#define RELIEF_REQUEST "relieve" /* to the control socket */

enum relief_fd {
	RELIEF_NETLINK,
	RELIEF_ESTATE,
	RELIEF_PLACE, /* place.h */
	RELIEF_FILE, /* the control socket's two: control_socket.h */
	RELIEF_NAME,
	RELIEF_FDS
};

struct relief {
	int fds[RELIEF_FDS]; /* close-on-exec; RELIEF_NAME may be -1 */
	pid_t supervisor, server; /* 0: the server has outlived it (`stay` to the control socket) */
	int supervisor_fd, server_fd; /* pidfds */
	int turn_fd; /* place_turn */
};

/* --- the old one --- */

/* Whether all is there that has to go along. */
bool relief_is_possible(const int fds[RELIEF_FDS], pid_t supervisor);

/* send(2) of the beginning of an answer, the descriptors with it. Does not wait. */
ssize_t relief_send(int client, const char *text, size_t size, const int fds[RELIEF_FDS]);

/* --- the new one --- */

/* Ask the one that serves. 0, and its descriptors are ours too; or -errno: there is none, or it cannot be relieved. It
 * serves on until relief_end. */
int relief_ask(struct relief *relief);

/* In a fork, which has no part in it. */
void relief_close_turn(struct relief *relief);

/* Have it end, handing over, or (if its estate is of no use to us) as for good, and wait until it has. Nothing that we
 * need from then on may lie on a mirror that waits: our memory is locked. 0, or -errno: it is ending by itself. */
int relief_end(struct relief *relief, bool hand_over, struct watchdog *watchdog);

#endif
