/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log devices: open, check, share.
 *
 * One table of all that are open, by number, behind a lock that is never held over a system call that can
 * wait. A device is opened outside of it, by a thread that may wait (opener.h), and given up again if
 * another log has come first. `users` may
 * use the fd, which the last one closes, so that the device can be removed while a dead log that the
 * receiver has not freed yet still has its numbers (`refs`).
 */
#include "server/log/log_device.h"

#include "bitmap/log_image.h"
#include "server/base/check.h"
#include "server/base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock;
	struct log_device *first;
} devices = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int open_block(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static int open_checked(const char *path, dev_t number, int flags)
{
	struct stat st;
	int fd = open_block(path, flags);

	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == number))
		return fd;
	close(fd);
	return -ENODEV;
}

/* The kernel's own name of the device, in devtmpfs: there before udev is, and without it. */
static int open_kernel_name(uint32_t major, uint32_t minor, int flags)
{
	char path[64], line[128], name[64];
	int r = -ENODEV;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent", major, minor);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (r < 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "DEVNAME=%58s", name) != 1)
			continue;
		snprintf(path, sizeof(path), "/dev/%.58s", name);
		r = open_checked(path, makedev(major, minor), flags);
	}
	fclose(file);
	return r;
}

int log_device_open_number(uint32_t major, uint32_t minor, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/block/%u:%u", major, minor);
	fd = open_checked(path, makedev(major, minor), flags);
	if (fd < 0)
		fd = open_kernel_name(major, minor, flags);
	if (fd != -ENOENT)
		return fd;
	/* When the root has been switched, /dev of an initramfs is gone, unless it is where we stand. */
	return open_checked(path + strlen("/dev/"), makedev(major, minor), flags);
}

static bool is_number(const char *name, unsigned *major, unsigned *minor)
{
	char rest;

	return sscanf(name, "%u:%u%c", major, minor, &rest) == 2;
}

static int open_named(const char *name, int flags)
{
	unsigned major, minor;

	if (is_number(name, &major, &minor))
		return log_device_open_number(major, minor, flags);
	if (name[0] != '/')
		return -ENODEV;
	return open_block(name, flags);
}

static int measure(struct log_device *device, char *why, size_t why_bytes)
{
	struct stat st;
	int block = 0;

	if (fstat(device->fd, &st) != 0)
		return -errno;
	if (!S_ISBLK(st.st_mode)) {
		snprintf(why, why_bytes, "it is not a block device");
		return -ENOTBLK;
	}
	device->major = major(st.st_rdev);
	device->minor = minor(st.st_rdev);
	if (ioctl(device->fd, BLKGETSIZE64, &device->bytes) != 0 ||
	    ioctl(device->fd, BLKSSZGET, &block) != 0)
		return -errno;
	if (block <= 0 || (uint32_t)block > LOG_IO_BYTES) {
		snprintf(why, why_bytes, "its logical block of %d bytes is not supported", block);
		return -EINVAL;
	}
	device->block_bytes = (uint32_t)block;
	if (ioctl(device->fd, BLKGETDISKSEQ, &device->diskseq) != 0)
		device->diskseq = 0; /* Linux 5.15 */
	return 0;
}

static int check_size(const struct log_device *device, uint64_t region_count, char *why,
		      size_t why_bytes)
{
	struct log_image image = {.nregions = region_count, .block_bytes = device->block_bytes};
	uint64_t needed = log_image_bytes(&image);

	if (device->bytes >= needed)
		return 0;
	snprintf(why, why_bytes, "it has %llu bytes, and %llu regions need %llu",
		 (unsigned long long)device->bytes, (unsigned long long)region_count,
		 (unsigned long long)needed);
	return -ENOSPC;
}

/* Each device by the same node, whatever name it was given: locks (log_device_claim) are on the node. */
static void open_by_number(struct log_device *device, const char *name)
{
	unsigned major, minor;
	int fd = -1;

	if (!is_number(name, &major, &minor))
		fd = log_device_open_number(device->major, device->minor, O_RDWR | O_DIRECT);
	if (fd < 0)
		return;
	close(device->fd);
	device->fd = fd;
}

static bool leaves_spare(int fd, unsigned spare)
{
	struct rlimit limit;

	/* It was the lowest free number: all below it were taken. */
	return getrlimit(RLIMIT_NOFILE, &limit) != 0 || (rlim_t)fd + spare < limit.rlim_cur;
}

/* Under the lock: join the open device of the same number, or keep this one, if it may be: else NULL. */
static struct log_device *share(struct log_device *fresh, bool may_be_kept)
{
	for (struct log_device *d = devices.first; d; d = d->next) {
		if (d->major != fresh->major || d->minor != fresh->minor)
			continue;
		d->refs++;
		d->users++;
		d->bytes = fresh->bytes;
		return d;
	}
	if (!may_be_kept)
		return NULL;
	fresh->refs = 1;
	fresh->users = 1;
	fresh->next = devices.first;
	devices.first = fresh;
	return fresh;
}

void log_device_discard(struct log_device *fresh)
{
	if (fresh->fd >= 0)
		close(fresh->fd);
	free(fresh);
}

static void say_why(int error, char *why, size_t why_bytes)
{
	struct rlimit limit;

	if (error == -EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		snprintf(why, why_bytes,
			 "%s: no more than %llu are allowed (LimitNOFILE=, ulimit -Hn)",
			 strerror(EMFILE), (unsigned long long)limit.rlim_cur);
	else
		snprintf(why, why_bytes, "%s", strerror(-error));
}

static int open_measured(struct log_device *device, const char *name, uint64_t region_count,
			 char *why, size_t why_bytes)
{
	int r;

	device->fd = open_named(name, O_RDWR | O_DIRECT);
	r = device->fd < 0 ? device->fd : measure(device, why, why_bytes);
	return r == 0 ? check_size(device, region_count, why, why_bytes) : r;
}

int log_device_open(const char *name, uint64_t region_count, struct log_device **fresh, char *why,
		    size_t why_bytes)
{
	struct log_device *device = calloc(1, sizeof(*device));
	int r;

	if (!device)
		return -ENOMEM;
	why[0] = '\0';
	r = open_measured(device, name, region_count, why, why_bytes);
	if (r == 0) {
		open_by_number(device, name);
		*fresh = device;
		return 0;
	}
	if (!why[0])
		say_why(r, why, why_bytes);
	log_device_discard(device);
	return r;
}

/* A table that takes another's place has the same device, which needs no descriptor more. */
int log_device_share(struct log_device *fresh, unsigned spare, struct log_device **device,
		     char *why, size_t why_bytes)
{
	bool may_be_kept = leaves_spare(fresh->fd, spare);

	pthread_mutex_lock(&devices.lock);
	*device = share(fresh, may_be_kept);
	pthread_mutex_unlock(&devices.lock);
	if (*device != fresh)
		log_device_discard(fresh);
	if (*device)
		return 0;
	say_why(-EMFILE, why, why_bytes);
	return -EMFILE;
}

struct log_device *log_device_absent(uint32_t major, uint32_t minor, uint32_t block_bytes)
{
	struct log_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->fd = -1;
	device->major = major;
	device->minor = minor;
	device->block_bytes = block_bytes;
	device->refs = device->users = 1;
	return device;
}

bool log_device_activate(struct log_device *device, uint64_t log_id, const char *uuid, char *other)
{
	bool free;

	pthread_mutex_lock(&devices.lock);
	free = device->active_id == 0 || device->active_id == log_id ||
	       strcmp(device->active_uuid, uuid) == 0;
	if (free) {
		device->active_id = log_id;
		snprintf(device->active_uuid, sizeof(device->active_uuid), "%s", uuid);
	} else {
		memcpy(other, device->active_uuid, sizeof(device->active_uuid));
	}
	pthread_mutex_unlock(&devices.lock);
	return free;
}

bool log_device_is_active(struct log_device *device, uint64_t log_id)
{
	bool is;

	pthread_mutex_lock(&devices.lock);
	is = device->active_id == log_id;
	pthread_mutex_unlock(&devices.lock);
	return is;
}

void log_device_deactivate(struct log_device *device, uint64_t log_id)
{
	pthread_mutex_lock(&devices.lock);
	if (device->active_id == log_id)
		device->active_id = 0;
	pthread_mutex_unlock(&devices.lock);
}

/* Under the lock. */
static void unlist(struct log_device *device)
{
	struct log_device **at = &devices.first;

	while (*at && *at != device)
		at = &(*at)->next;
	if (*at)
		*at = device->next;
}

void log_device_leave(struct log_device *device)
{
	int fd = -1;

	pthread_mutex_lock(&devices.lock);
	CHECK(device->users > 0);
	if (--device->users == 0) {
		unlist(device);
		fd = device->fd;
		device->fd = -1;
	}
	pthread_mutex_unlock(&devices.lock);
	/* The last close of a dying device can take its time: alone. */
	if (fd >= 0)
		close(fd);
}

bool log_device_claim(struct log_device *device)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	CHECK(device->fd >= 0);
	/* acquire: what comes now comes behind them */
	if (atomic_load_explicit(&device->strays, memory_order_acquire) > 0)
		return false;
	if (atomic_load_explicit(&device->claimed, memory_order_relaxed))
		return true;
	if (fcntl(device->fd, F_OFD_SETLK, &whole) != 0 && errno == EAGAIN) {
		diag_limited(DIAG_INFO,
			     "log device %u:%u is still written by a dirtylogd that has ended",
			     device->major, device->minor);
		return false;
	}
	atomic_store_explicit(&device->claimed, true, memory_order_relaxed);
	return true;
}

void log_device_begin_stray(struct log_device *device)
{
	pthread_mutex_lock(&devices.lock);
	CHECK(device->users > 0);
	device->refs++;
	device->users++;
	pthread_mutex_unlock(&devices.lock);
	atomic_fetch_add_explicit(&device->strays, 1, memory_order_relaxed);
}

void log_device_end_stray(struct log_device *device)
{
	atomic_fetch_sub_explicit(&device->strays, 1, memory_order_release);
	log_device_leave(device);
	log_device_put(device);
}

void log_device_take_over_writer(struct log_device *device, uint64_t log_id, uint64_t wrote)
{
	pthread_mutex_lock(&devices.lock);
	if (wrote > device->wrote) {
		device->wrote = wrote;
		atomic_store_explicit(&device->last_writer, log_id, memory_order_relaxed);
	}
	pthread_mutex_unlock(&devices.lock);
}

void log_device_put(struct log_device *device)
{
	bool last;

	pthread_mutex_lock(&devices.lock);
	CHECK(device->refs > 0);
	last = --device->refs == 0;
	CHECK(!last || device->users == 0);
	pthread_mutex_unlock(&devices.lock);
	if (last)
		free(device);
}
