/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/image_file.h"

#include "server/log/log_device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PIECE_ALIGNMENT 65536u /* the largest logical block */

void image_fault(const char *path, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "dirtylogctl: %s: ", path);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

/* The way dirtylogd opens it: its lock is on that node. */
static void open_like_the_daemon(struct image_file *file)
{
	int fd = log_device_open_number(major(file->device), minor(file->device),
					O_RDONLY | O_DIRECT);

	if (fd < 0) {
		fcntl(file->fd, F_SETFL, O_DIRECT);
		return;
	}
	close(file->fd);
	file->fd = fd;
}

static bool is_locked(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

/* Looked up, and not tried by O_EXCL, which would be in the way of others. */
static void find_holder(struct image_file *file)
{
	struct dirent *entry;
	char path[64];
	DIR *holders;

	if (is_locked(file->fd)) {
		snprintf(file->holder, sizeof(file->holder), "dirtylogd");
		return;
	}
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(file->device),
		 minor(file->device));
	holders = opendir(path);
	while (holders && (entry = readdir(holders)))
		if (entry->d_name[0] != '.')
			snprintf(file->holder, sizeof(file->holder), "%.80s", entry->d_name);
	if (holders)
		closedir(holders);
}

static int measure_device(struct image_file *file, const struct stat *st)
{
	int block = 0;

	file->is_device = true;
	file->device = st->st_rdev;
	if (ioctl(file->fd, BLKGETSIZE64, &file->bytes) != 0 ||
	    ioctl(file->fd, BLKSSZGET, &block) != 0)
		return -errno;
	file->block_bytes = (uint32_t)block;
	open_like_the_daemon(file);
	find_holder(file);
	return 0;
}

static int measure_file(struct image_file *file)
{
	struct stat st;

	if (fstat(file->fd, &st) != 0)
		return -errno;
	if (S_ISBLK(st.st_mode))
		return measure_device(file, &st);
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	file->device = st.st_dev;
	file->inode = st.st_ino;
	file->block_bytes = 512;
	file->bytes = (uint64_t)st.st_size;
	return 0;
}

int image_file_open(struct image_file *file, const char *path)
{
	int r;

	*file = (struct image_file){.path = path};
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0) {
		r = -errno;
		image_fault(path, "cannot be opened: %s", strerror(-r));
		return r;
	}
	r = measure_file(file);
	file->piece = aligned_alloc(PIECE_ALIGNMENT, IMAGE_PIECE_BYTES);
	if (r == 0 && !file->piece)
		r = -ENOMEM;
	if (r == 0)
		return 0;
	image_fault(path, "%s",
		    r == -EINVAL
			    ? "is neither a file nor a block device: name the log device, or a "
			      "copy of it"
			    : strerror(-r));
	image_file_close(file);
	return r;
}

void image_file_close(struct image_file *file)
{
	close(file->fd);
	free(file->piece);
}

int image_file_read(struct image_file *file, uint64_t offset)
{
	uint64_t left = offset < file->bytes ? file->bytes - offset : 0;
	size_t wanted = left < IMAGE_PIECE_BYTES ? left : IMAGE_PIECE_BYTES, done = 0;
	ssize_t n = 1;

	while (n > 0 && done < wanted) {
		n = pread(file->fd, file->piece + done, wanted - done, (off_t)(offset + done));
		if (n > 0)
			done += (size_t)n;
	}
	if (n < 0) {
		int r = -errno;

		image_fault(file->path,
			    "cannot be read at byte %llu: %s; copy what can be read (ddrescue), "
			    "and look at the copy",
			    (unsigned long long)(offset + done), strerror(-r));
		return r;
	}
	memset(file->piece + done, 0, IMAGE_PIECE_BYTES - done);
	return 0;
}

bool image_file_is_same(const struct image_file *a, const struct image_file *b)
{
	return a->is_device == b->is_device && a->device == b->device && a->inode == b->inode;
}
