/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A datagram socket of our own, and MSG_DONTWAIT. */
#include "server/restart/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void notify_open(struct notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;

	*notify = (struct notify){.fd = -1, .address.sun_family = AF_UNIX};
	if (length == 0 || length >= sizeof(notify->address.sun_path) || !strchr("/@", path[0]))
		return;
	memcpy(notify->address.sun_path, path, length);
	if (path[0] == '@')
		notify->address.sun_path[0] = '\0';
	notify->length =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/'));
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

bool notify_send(const struct notify *notify, const char *text)
{
	return notify->fd >= 0 &&
	       sendto(notify->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
		      (const struct sockaddr *)&notify->address, notify->length) > 0;
}
