/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd's fd store: two fds by their names, through sd_pid_notify_with_fds(3) and
 * sd_listen_fds_with_names(3). */
#include "server/restart/fd_store.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define NETLINK "netlink"
#define ESTATE "estate"

static bool store_fd(const char *name_line, int fd)
{
	return sd_pid_notify_with_fds(0, 0, name_line, &fd, 1) > 0;
}

bool fd_store_put(int netlink_fd, int estate_fd)
{
	return store_fd("FDSTORE=1\nFDPOLL=0\nFDNAME=" NETLINK, netlink_fd) &&
	       store_fd("FDSTORE=1\nFDPOLL=0\nFDNAME=" ESTATE, estate_fd);
}

/* The name's first fd; -1 if there is none. */
static void sort_in(int fd, const char *name, int *netlink_fd, int *estate_fd)
{
	if (strcmp(name, NETLINK) == 0 && *netlink_fd < 0)
		*netlink_fd = fd;
	else if (strcmp(name, ESTATE) == 0 && *estate_fd < 0)
		*estate_fd = fd;
	else
		close(fd);
}

bool fd_store_take(int *netlink_fd, int *estate_fd)
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names);

	*netlink_fd = *estate_fd = -1;
	for (int i = 0; i < count; i++) {
		sort_in(SD_LISTEN_FDS_START + i, names[i], netlink_fd, estate_fd);
		free(names[i]);
	}
	free(names);
	if (*netlink_fd >= 0 && *estate_fd >= 0)
		return true;
	if (*netlink_fd >= 0)
		close(*netlink_fd);
	if (*estate_fd >= 0)
		close(*estate_fd);
	return false;
}

void fd_store_clear(void)
{
	sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" NETLINK);
	sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" ESTATE);
}
