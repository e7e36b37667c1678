/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/hung.h"

#include "server/log/lvm_lock.h"
#include "server/restart/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MSEC 2000
#define PAUSE_MSEC 20
#define BLOCK_BYTES 4096u
#define KEPT_FD 3

/* The child: of the locks that we hold only this one is its, until the device has answered. */
static void read_first_block(const char *path, int lock_fd)
{
	static alignas(BLOCK_BYTES) char block[BLOCK_BYTES];
	int fd;

	if (lock_fd >= 0)
		dup2(lock_fd, KEPT_FD);
	close_range(lock_fd >= 0 ? KEPT_FD + 1 : KEPT_FD, ~0u, 0);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd >= 0)
		(void)!pread(fd, block, sizeof(block), 0);
	_exit(0);
}

/* One that hangs in the kernel ends when its device answers, and is nobody's to wait for. */
static bool ends_in_time(pid_t child)
{
	struct pollfd end = {.fd = pidfd_open(child, 0), .events = POLLIN};
	bool in_time;
	int r;

	if (end.fd < 0)
		return waitpid(child, NULL, 0) == child;
	do
		r = poll(&end, 1, LIMIT_MSEC);
	while (r < 0 && errno == EINTR);
	in_time = r != 0;
	if (!in_time)
		kill(child, SIGKILL);
	waitpid(child, NULL, in_time ? 0 : WNOHANG);
	close(end.fd);
	return in_time;
}

/* One reader of a device is enough: those that hang would become more and more. -EWOULDBLOCK: there is one, and it does
 * not end; any other error: nobody can tell. */
static int lock_of(const char *name)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_MSEC * 1000000};
	char key[NAME_MAX];
	int fd;

	snprintf(key, sizeof(key), "read-%.200s", name);
	fd = device_lock_try(PLACE_DIR, key);
	for (int msec = 0; fd == -EWOULDBLOCK && msec < LIMIT_MSEC; msec += PAUSE_MSEC) {
		nanosleep(&pause, NULL);
		fd = device_lock_try(PLACE_DIR, key);
	}
	return fd;
}

static bool answers(const char *path, const char *name)
{
	int lock_fd = lock_of(name);
	pid_t child;

	if (lock_fd == -EWOULDBLOCK)
		return false;
	child = fork();
	if (child == 0)
		read_first_block(path, lock_fd);
	if (lock_fd >= 0)
		close(lock_fd);
	return child < 0 || ends_in_time(child);
}

/* Of an entry of slaves/: the kernel's `!` is a `/` there. */
static void path_of(const char *entry, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "/dev/%s", entry);
	for (char *at = path; *at; at++)
		if (*at == '!')
			*at = '/';
}

bool hung_beneath(dev_t device, char path[PATH_MAX])
{
	struct dirent *entry;
	bool found = false;
	DIR *slaves;

	snprintf(path, PATH_MAX, "/sys/dev/block/%u:%u/slaves", major(device), minor(device));
	slaves = opendir(path);
	while (slaves && !found && (entry = readdir(slaves))) {
		if (entry->d_name[0] == '.')
			continue;
		path_of(entry->d_name, path);
		found = !answers(path, entry->d_name);
	}
	if (slaves)
		closedir(slaves);
	return found;
}
