/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel names a free device, which is ours only once it is configured: another process may be
 * faster, and then the next one is tried. LO_FLAGS_AUTOCLEAR has the kernel take it back at the
 * last close.
 */
#include "perf/generator/loop_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int open_backing(const struct loop_device_config *config)
{
	int fd = open(config->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, config->bytes) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static int configure(const struct loop_device *loop, const struct loop_device_config *config)
{
	struct loop_config wanted = {.fd = (uint32_t)loop->file, .block_size = config->block_bytes};

	wanted.info.lo_flags = LO_FLAGS_AUTOCLEAR | (config->direct ? LO_FLAGS_DIRECT_IO : 0);
	if (ioctl(loop->fd, LOOP_CONFIGURE, &wanted) == 0)
		return 0;
	if (errno != EINVAL || !config->direct)
		return -errno;
	wanted.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	return ioctl(loop->fd, LOOP_CONFIGURE, &wanted) == 0 ? 0 : -errno;
}

static int learn_number(struct loop_device *loop)
{
	struct stat st;

	if (fstat(loop->fd, &st) != 0)
		return -errno;
	snprintf(loop->number, sizeof(loop->number), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return 0;
}

/* -EBUSY: another process has taken it. */
static int try_device(struct loop_device *loop, int control,
		      const struct loop_device_config *config)
{
	int number = config->number;
	int r;

	if (number == 0)
		number = ioctl(control, LOOP_CTL_GET_FREE);
	else if (ioctl(control, LOOP_CTL_ADD, number) < 0)
		return -errno;
	if (number < 0)
		return -errno;
	snprintf(loop->path, sizeof(loop->path), "/dev/loop%d", number);
	loop->fd = open(loop->path, O_RDWR | O_CLOEXEC);
	if (loop->fd < 0)
		return -errno;
	r = configure(loop, config);
	if (r == 0)
		r = learn_number(loop);
	if (r < 0)
		close(loop->fd);
	return r;
}

static int make_on_file(struct loop_device *loop, const struct loop_device_config *config)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int r;

	if (control < 0)
		return -errno;
	do {
		r = try_device(loop, control, config);
	} while (r == -EBUSY);
	close(control);
	return r;
}

int loop_device_make(struct loop_device *loop, const struct loop_device_config *config)
{
	int r;

	memset(loop, 0, sizeof(*loop));
	r = loop->file = open_backing(config);
	if (r < 0)
		goto err;
	r = make_on_file(loop, config);
	if (r < 0)
		goto err_file;
	return 0;

err_file:
	close(loop->file);
err:
	memset(loop, 0, sizeof(*loop));
	return r;
}

void loop_device_close(struct loop_device *loop)
{
	if (!loop->path[0])
		return;
	close(loop->fd);
	close(loop->file);
	memset(loop, 0, sizeof(*loop));
}
