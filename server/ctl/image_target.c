/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/image_target.h"

#include "server/log/log_device.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LOOK_BYTES 65536u /* of a device: a file system or a volume would show by then */

static int refuse_in_use(const char *path, const char *holder)
{
	image_fault(path,
		    "is in use by %s: not written; deactivate its mirror first, or give another "
		    "device",
		    holder);
	return -EBUSY;
}

/* Zeros or ones, as LVM wipes. */
static bool is_wiped(const uint8_t *bytes, uint64_t count)
{
	if (count == 0)
		return true;
	for (uint64_t i = 1; i < count; i++)
		if (bytes[i] != bytes[0])
			return false;
	return bytes[0] == 0 || bytes[0] == 0xFF;
}

static int judge_target(const struct image *to, const struct image *from)
{
	uint64_t looked = to->file.bytes < LOOK_BYTES ? to->file.bytes : LOOK_BYTES;
	const char *path = to->file.path;

	if (image_file_is_same(&to->file, &from->file)) {
		image_fault(path, "is the image to be converted itself: give another device or "
				  "file");
		return -EINVAL;
	}
	if (to->file.holder[0])
		return refuse_in_use(path, to->file.holder);
	if (to->verdict == LOG_IMAGE_VALID || is_wiped(to->file.piece, looked))
		return 0;
	image_fault(path,
		    "holds something else than a log in its first %u bytes: not written; if "
		    "it is the right one, wipe it first (wipefs -a, then blkdiscard -z)",
		    LOOK_BYTES);
	return -EEXIST;
}

/* A claim fails where device-mapper or a mount has one. */
static int try_exclusive(const struct image_target *target)
{
	int fd = log_device_open_number(major(target->device), minor(target->device),
					O_RDONLY | O_EXCL);

	if (fd == -EBUSY)
		return refuse_in_use(target->path, "device-mapper, a mount or another program");
	if (fd < 0) {
		image_fault(target->path, "cannot be opened by its number: %s", strerror(-fd));
		return fd;
	}
	close(fd);
	return 0;
}

int image_target_look(struct image_target *target, const char *path, const struct image *from)
{
	struct image to;
	int r;

	*target = (struct image_target){.path = path, .block_bytes = 512, .fd = -1};
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return 0;
	r = image_open(&to, path, 0);
	if (r < 0)
		return r;
	target->exists = true;
	target->is_device = to.file.is_device;
	target->device = to.file.device;
	target->block_bytes = to.file.block_bytes;
	target->bytes = to.file.bytes;
	r = judge_target(&to, from);
	image_close(&to);
	return r == 0 && target->is_device ? try_exclusive(target) : r;
}

/* A mirror's table cannot take it, nor dirtylogd write it, while we do. */
static int open_device(const struct image_target *target)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = log_device_open_number(major(target->device), minor(target->device),
					O_RDWR | O_EXCL | O_DIRECT);

	if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &whole) != 0) {
		close(fd);
		return -EBUSY;
	}
	return fd;
}

static int open_or_make(const struct image_target *target)
{
	int fd = open(target->path, O_RDWR | O_CLOEXEC | (target->exists ? 0 : O_CREAT | O_EXCL),
		      0600);

	return fd < 0 ? -errno : fd;
}

/* A file of zeros may take no room yet: who writes it through would fill the file system before it is told. */
static int check_free(const struct image_target *target, uint64_t wanted)
{
	struct statvfs system;
	uint64_t left;

	if (fstatvfs(target->fd, &system) != 0 || system.f_blocks == 0)
		return 0; /* it tells no size, as a tmpfs without a limit does not */
	left = system.f_bavail * system.f_frsize;
	if (left >= wanted)
		return 0;
	image_fault(target->path,
		    "its file system has %" PRIu64 " bytes left, and so many regions take %" PRIu64
		    " more: give another place, or --regions if FROM's number is damaged",
		    left, wanted);
	return -ENOSPC;
}

static int grow(const struct image_target *target, uint64_t bytes)
{
	int r;

	if (target->is_device || target->bytes >= bytes)
		return 0;
	if (ftruncate(target->fd, (off_t)bytes) == 0)
		return 0;
	r = -errno;
	image_fault(target->path, "cannot be made %" PRIu64 " bytes long: %s", bytes, strerror(-r));
	return r;
}

static int make_room(const struct image_target *target, uint64_t bytes)
{
	int r = 0;

	if (!target->is_device && target->bytes < bytes)
		r = check_free(target, bytes - target->bytes);
	return r == 0 ? grow(target, bytes) : r;
}

static int take_header_away(struct image_target *target)
{
	uint8_t *block = aligned_alloc(65536, 65536);
	int r;

	if (!block)
		return -ENOMEM;
	memset(block, 0, 65536);
	r = image_target_write(target, block, target->block_bytes, 0);
	free(block);
	return r == 0 ? image_target_sync(target) : r;
}

int image_target_begin(struct image_target *target, uint64_t bytes)
{
	int r;

	target->fd = target->is_device ? open_device(target) : open_or_make(target);
	if (target->fd == -EBUSY)
		return refuse_in_use(target->path, "another program");
	if (target->fd < 0) {
		image_fault(target->path, "cannot be opened for writing: %s",
			    strerror(-target->fd));
		return target->fd;
	}
	r = make_room(target, bytes);
	return r == 0 ? take_header_away(target) : r;
}

static int say_unwritten(const struct image_target *target, uint64_t offset, int error)
{
	image_fault(target->path,
		    "cannot be written at byte %llu: %s; it %s: convert again when the cause is "
		    "gone",
		    (unsigned long long)offset, strerror(-error),
		    target->exists ? "has no header, so it counts as a new log"
				   : "is taken away again");
	return error;
}

int image_target_write(struct image_target *target, const uint8_t *buffer, uint64_t length,
		       uint64_t offset)
{
	uint64_t done = 0;

	while (done < length) {
		ssize_t n =
			pwrite(target->fd, buffer + done, length - done, (off_t)(offset + done));

		if (n <= 0)
			return say_unwritten(target, offset + done, n < 0 ? -errno : -ENOSPC);
		done += (uint64_t)n;
	}
	return 0;
}

int image_target_sync(struct image_target *target)
{
	return fsync(target->fd) == 0 ? 0 : say_unwritten(target, 0, -errno);
}

void image_target_close(struct image_target *target, bool done)
{
	if (target->fd < 0)
		return;
	if (!done && !target->exists)
		unlink(target->path);
	close(target->fd);
}
