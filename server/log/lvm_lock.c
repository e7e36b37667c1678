/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file can be removed by who held the lock before, as LVM does, while we wait for it: a lock counts if
 * its file is the one of that name. */
#include "server/log/lvm_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* `<vg>-<lv>[-<layer>]`, where a hyphen of the parts' own is doubled. */
bool lvm_vg_of(const char *name, const char *uuid, char vg[DM_NAME_LEN])
{
	size_t length = 0;

	if (strncmp(uuid, "LVM-", 4) != 0)
		return false;
	while (*name && length < DM_NAME_LEN - 1) {
		if (name[0] == '-' && *++name != '-')
			break;
		vg[length++] = *name++;
	}
	vg[length] = '\0';
	return length > 0;
}

static bool is_named(int fd, const char *path)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev &&
	       held.st_ino == named.st_ino;
}

static int lock_file(const char *dir, const char *prefix, const char *name)
{
	char path[PATH_MAX];
	int fd, r;

	/* There before any command of LVM's has run: then its first one finds it. */
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/%s%s", dir, prefix, name);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_named(fd, path))
		return fd;
	r = errno == EWOULDBLOCK ? -EWOULDBLOCK : -ESTALE;
	close(fd);
	return r;
}

int lvm_lock_try(const char *dir, const char *vg)
{
	return lock_file(dir, "V_", vg);
}

int device_lock_try(const char *dir, const char *device)
{
	return lock_file(dir, "device-", device);
}
