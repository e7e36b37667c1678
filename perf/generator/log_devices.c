/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log devices of the logs under load. */
#include "perf/generator/log_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DEVICE_SLACK (64 << 10) /* for the header, and blocks of any size */

static int set_number(struct log_device_entry *entry)
{
	struct stat st;

	if (stat(entry->path, &st) != 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	snprintf(entry->number, sizeof(entry->number), "%u:%u", major(st.st_rdev),
		 minor(st.st_rdev));
	return 0;
}

static int open_backing(const char *directory, uint64_t regions)
{
	off_t bytes = (off_t)((regions / 8 + 2 * DEVICE_SLACK) & ~(uint64_t)(DEVICE_SLACK - 1));
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, bytes) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* Past the page cache where the file system can: a flush is then the disk's. */
static int configure(int fd, int file)
{
	struct loop_config config = {.fd = (uint32_t)file, .block_size = 512};

	config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
	if (ioctl(fd, LOOP_CONFIGURE, &config) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	return ioctl(fd, LOOP_CONFIGURE, &config) == 0 ? 0 : -errno;
}

/* Another process may take the free number first: -EBUSY. */
static int try_loop(struct log_device_entry *entry, int control, int file)
{
	int number = ioctl(control, LOOP_CTL_GET_FREE);
	int r;

	if (number < 0)
		return -errno;
	snprintf(entry->path, sizeof(entry->path), "/dev/loop%d", number);
	entry->fd = open(entry->path, O_RDWR | O_CLOEXEC);
	if (entry->fd < 0)
		return -errno;
	r = configure(entry->fd, file);
	if (r == 0)
		r = set_number(entry);
	if (r < 0) {
		close(entry->fd);
		entry->fd = -1;
	}
	return r;
}

static int make_loop(struct log_device_entry *entry, int control, const char *directory,
		     uint64_t regions)
{
	int file = open_backing(directory, regions);
	int r;

	if (file < 0)
		return file;
	do {
		r = try_loop(entry, control, file);
	} while (r == -EBUSY);
	close(file); /* the loop device keeps it */
	return r;
}

static int grow(struct log_devices *devices, unsigned count)
{
	struct log_device_entry *entries =
		realloc(devices->entries, (devices->count + count) * sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	devices->entries = entries;
	for (unsigned i = 0; i < count; i++) {
		memset(&entries[devices->count + i], 0, sizeof(*entries));
		entries[devices->count + i].fd = -1;
	}
	return 0;
}

int log_devices_make_loops(struct log_devices *devices, unsigned count, const char *directory,
			   uint64_t regions)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int r = control < 0 ? -errno : grow(devices, count);

	for (unsigned i = 0; r == 0 && i < count; i++) {
		r = make_loop(&devices->entries[devices->count], control, directory, regions);
		if (r == 0)
			devices->count++;
	}
	if (control >= 0)
		close(control);
	if (r < 0)
		fprintf(stderr,
			"dirtylog-load: no loop device on a file in %s: %s. Give another "
			"--loop-dir, or devices with --device.\n",
			directory, strerror(-r));
	return r;
}

int log_devices_add(struct log_devices *devices, const char *path)
{
	int r = grow(devices, 1);
	struct log_device_entry *entry = &devices->entries[devices->count];

	if (r == 0) {
		snprintf(entry->path, sizeof(entry->path), "%s", path);
		r = set_number(entry);
	}
	if (r < 0) {
		fprintf(stderr, "dirtylog-load: --device %s: %s\n", path, strerror(-r));
		return r;
	}
	devices->count++;
	return 0;
}

void log_devices_release(struct log_devices *devices)
{
	for (unsigned i = 0; i < devices->count; i++)
		if (devices->entries[i].fd >= 0)
			close(devices->entries[i].fd);
	free(devices->entries);
	memset(devices, 0, sizeof(*devices));
}

/* Documentation/block/stat.rst: field 7 is sectors written, field 16 flushes. */
static void count_one(const char *number, struct log_devices_counts *counts)
{
	uint64_t sectors = 0, flushes = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%s/stat", number);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fscanf(file,
		   "%*s %*s %*s %*s %*s %*s %" SCNu64 " %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64,
		   &sectors, &flushes) >= 1) {
		counts->sectors += sectors;
		counts->flushes += flushes;
	}
	fclose(file);
}

void log_devices_count(const struct log_devices *devices, struct log_devices_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	for (unsigned i = 0; i < devices->count; i++)
		count_one(devices->entries[i].number, counts);
}
