/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words to systemd that wait for nobody: sd_notify(3) would wait for a systemd that does not read. One
 * thread.
 */
#ifndef SERVER_RESTART_NOTIFY_H
#define SERVER_RESTART_NOTIFY_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
	int fd; /* -1: nobody wants to hear from us */
	struct sockaddr_un address;
	socklen_t length; /* of the address */
};

/* Who has started us may want to hear from us ($NOTIFY_SOCKET). */
void notify_open(struct notify *notify);

/* Send variables as in sd_notify(3). False: not sent now. */
bool notify_send(const struct notify *notify, const char *text);

#endif
