/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Another file takes all pages that are left; a page that is punched out of the device's cannot be had again then. */
#include "perf/trouble/full_device.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define ROOM "size=1m"

int full_device_make(struct full_device *full, const char *directory, off_t bytes)
{
	struct loop_device_config config = {.bytes = bytes, .block_bytes = 512};

	memset(full, 0, sizeof(*full));
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -errno;
	snprintf(full->path, sizeof(full->path), "%s/troubled-mirror.XXXXXX", directory);
	if (!mkdtemp(full->path)) {
		full->path[0] = '\0';
		return -errno;
	}
	if (mount("none", full->path, "tmpfs", 0, ROOM) != 0)
		return -errno;
	config.directory = full->path;
	return loop_device_make(&full->device, &config);
}

static int open_filler(const struct full_device *full, int flags)
{
	char path[sizeof(full->path) + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/filler", full->path);
	fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
	return fd < 0 ? -errno : fd;
}

int full_device_fill(const struct full_device *full, off_t page)
{
	static const uint8_t bytes[FULL_DEVICE_PAGE];
	int fd = open_filler(full, O_CREAT | O_APPEND);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fallocate(full->device.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page,
		      FULL_DEVICE_PAGE) != 0) {
		close(fd);
		return -errno;
	}
	do
		n = write(fd, bytes, sizeof(bytes));
	while (n > 0);
	close(fd);
	return n < 0 && errno != ENOSPC ? -errno : 0;
}

int full_device_make_room(const struct full_device *full)
{
	int fd = open_filler(full, O_TRUNC);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

void full_device_release(struct full_device *full)
{
	loop_device_close(&full->device);
	if (!full->path[0])
		return;
	umount2(full->path, MNT_DETACH);
	rmdir(full->path);
}
