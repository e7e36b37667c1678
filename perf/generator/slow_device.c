/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loop device on a file, ext4 on that, a file in it, and another loop device on this one, which is
 * the slow one. Freezing the ext4 holds its writes back. The freezer is a process, not a thread,
 * with a socket for a leash: when the generator dies, even by SIGKILL, it closes and the last
 * thing that it does is to thaw. Otherwise the frozen file system could never be unmounted.
 */
#include "perf/generator/slow_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_SYSTEM_BYTES (UINT64_C(32) << 20) /* beside the image */
#define THAWED_USEC 1000u

/* --- making it --- */

static int leave_mounts_of_others(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -errno;
	return 0;
}

static int make_file_system(const char *disk)
{
	char command[300];

	snprintf(command, sizeof(command), "mkfs.ext4 -q %s", disk);
	return system(command) == 0 ? 0 : -ENOEXEC;
}

static int make_in(struct slow_device *slow, const char *path, uint64_t bytes)
{
	struct loop_device_config device = {
		.directory = path, .bytes = (off_t)bytes, .block_bytes = 512, .direct = true};
	int r;

	if (mount(slow->disk.path, path, "ext4", 0, NULL) != 0)
		return -errno;
	slow->file_system = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = slow->file_system < 0 ? -errno : loop_device_make(&slow->device, &device);
	if (r < 0 && slow->file_system >= 0)
		close(slow->file_system);
	umount2(path, MNT_DETACH); /* what is open keeps it */
	return r;
}

static int make_at_new_path(struct slow_device *slow, const char *directory, uint64_t bytes)
{
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/dirtylog-load.XXXXXX", directory);
	if (!mkdtemp(path))
		return -errno;
	r = make_in(slow, path, bytes);
	rmdir(path);
	return r;
}

int slow_device_make(struct slow_device *slow, const char *directory, uint64_t bytes)
{
	struct loop_device_config disk = {.directory = directory,
					  .bytes = (off_t)(bytes + FILE_SYSTEM_BYTES),
					  .block_bytes = 512,
					  .direct = true};
	int r = leave_mounts_of_others();

	if (r == 0)
		r = loop_device_make(&slow->disk, &disk);
	if (r == 0)
		r = make_file_system(slow->disk.path);
	if (r == 0)
		r = make_at_new_path(slow, directory, bytes);
	if (r < 0)
		fprintf(stderr, "dirtylog-load: no slow device in %s: %s\n", directory,
			r == -ENOEXEC ? "mkfs.ext4 failed" : strerror(-r));
	return r;
}

/* --- making it slow --- */

/* In a process of its own, in no terminal's foreground. Nothing but the end of the leash ends it
 * while the file system is frozen; it is told by it of the first time. */
static void freeze_and_thaw(int file_system, int leash, int msec)
{
	struct pollfd end = {.fd = leash};
	bool told = false;
	int ended = 0;

	setpgid(0, 0);
	while (!ended) {
		if (ioctl(file_system, FIFREEZE, 0) != 0) {
			fprintf(stderr, "dirtylog-load: the slow device cannot be frozen: %s\n",
				strerror(errno));
			_exit(1);
		}
		told = told || send(leash, "", 1, MSG_NOSIGNAL) == 1;
		ended = poll(&end, 1, msec);
		ioctl(file_system, FITHAW, 0);
		usleep(THAWED_USEC);
	}
	_exit(0);
}

int slow_device_begin(struct slow_device *slow, unsigned msec)
{
	int ends[2];
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	slow->freezer = fork();
	if (slow->freezer == 0) {
		close(ends[1]);
		freeze_and_thaw(slow->file_system, ends[0], (int)msec);
	}
	close(ends[0]);
	if (slow->freezer < 0) {
		slow->freezer = 0;
		close(ends[1]);
		return -EAGAIN;
	}
	slow->leash = ends[1];
	if (recv(slow->leash, &byte, 1, 0) == 1)
		return 0;
	slow_device_end(slow);
	return -EIO;
}

int slow_device_end(struct slow_device *slow)
{
	int status = 0;

	if (slow->freezer == 0)
		return 0;
	close(slow->leash);
	while (waitpid(slow->freezer, &status, 0) < 0 && errno == EINTR)
		;
	slow->freezer = 0;
	return status == 0 ? 0 : -EIO;
}

void slow_device_release(struct slow_device *slow)
{
	slow_device_end(slow);
	if (slow->device.path[0])
		close(slow->file_system);
	loop_device_close(&slow->device);
	loop_device_close(&slow->disk);
}
