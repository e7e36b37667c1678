/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/hung.h"

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
#include <unistd.h>

#define LIMIT_MSEC 2000
#define BLOCK_BYTES 4096u

/* The child: locks that we hold are not its. */
static void read_first_block(const char *path)
{
	static alignas(BLOCK_BYTES) char block[BLOCK_BYTES];
	int fd;

	close_range(3, ~0u, 0);
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

static bool answers(const char *path)
{
	pid_t child = fork();

	if (child == 0)
		read_first_block(path);
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
		found = !answers(path);
	}
	if (slaves)
		closedir(slaves);
	return found;
}
