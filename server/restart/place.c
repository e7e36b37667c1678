/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A lock of an open file (F_OFD_SETLK), since those of a process end with it: the server may outlive its
 * supervisor for a moment, and has the place until then. The file is never removed: who opens it later
 * would lock another one. */
#include "server/restart/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY_MAX 64 /* and the longest name fits in PLACE_PATH_MAX */

static const char *directory(void)
{
	const char *path = getenv("DIRTYLOGD_RUN_DIR");

	return path && strlen(path) <= DIRECTORY_MAX ? path : PLACE_DIR;
}

/* The number of our network namespace; 0: it is the host's, which alone has this file. (To compare ours with
 * process 1's takes a capability that the service has not.) */
static unsigned long long other_namespace(void)
{
	struct stat own;

	if (access("/proc/sys/net/core/netdev_max_backlog", F_OK) == 0 ||
	    stat("/proc/self/ns/net", &own) != 0)
		return 0;
	return own.st_ino;
}

void place_path(char path[PLACE_PATH_MAX], const char *name)
{
	unsigned long long number = other_namespace();

	if (number)
		snprintf(path, PLACE_PATH_MAX, "%s/%s.%llu", directory(), name, number);
	else
		snprintf(path, PLACE_PATH_MAX, "%s/%s", directory(), name);
}

/* Where nobody else can put or remove a file. */
static int make_directory(void)
{
	struct stat st;

	if (mkdir(directory(), 0755) != 0 && errno != EEXIST)
		return -errno;
	if (lstat(directory(), &st) != 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)) ? 0 : -EPERM;
}

static pid_t read_holder(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

static int lock(int fd, pid_t *holder)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return -errno;
	*holder = read_holder(fd);
	return -EADDRINUSE;
}

int place_take(pid_t *holder)
{
	char path[PLACE_PATH_MAX];
	int fd, r = make_directory();

	*holder = 0;
	if (r < 0)
		return r;
	place_path(path, "lock");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = lock(fd, holder);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* Another kind of lock on the same file, which does not meet the holder's. */
int place_turn(void)
{
	char path[PLACE_PATH_MAX];
	int fd, r;

	place_path(path, "lock");
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

void place_sign(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", getpid());

	/* For a message; the lock is what counts. */
	if (fd >= 0 && ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, text, (size_t)n, 0);
}
