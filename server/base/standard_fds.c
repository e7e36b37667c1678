/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/base/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

/* Without a /dev: a descriptor that can be neither read nor written. */
static int open_nothing(void)
{
	int fd = open("/dev/null", O_RDWR);

	return fd >= 0 ? fd : open("/", O_PATH);
}

void standard_fds_open(void)
{
	int fd;

	do
		fd = open_nothing();
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
}
