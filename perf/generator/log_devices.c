/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loop device is kept by its own descriptor; the kernel keeps its file. What was written is not
 * counted by the generator but read from the kernel's statistics of the device, before and after a
 * run, so that it holds for devices that the user gave as well.
 */
#include "perf/generator/log_devices.h"

#include "perf/generator/loop_device.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DEVICE_SLACK (64 << 10) /* for the header, and blocks of any size */
#define WIPED_BYTES 4096 /* header and first bits: without them it is a new log */

uint64_t log_devices_bytes(uint64_t regions)
{
	return (regions / 8 + 2 * DEVICE_SLACK) & ~(uint64_t)(DEVICE_SLACK - 1);
}

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

/* The device keeps its file: no descriptor of ours is spent on it. */
static int add_loop(struct log_devices *devices, const char *directory, uint64_t regions)
{
	struct log_device_entry *entry = &devices->entries[devices->count];
	struct loop_device_config config = {.directory = directory,
					    .bytes = (off_t)log_devices_bytes(regions),
					    .block_bytes = 512,
					    .direct = true};
	struct loop_device loop;
	int r = loop_device_make(&loop, &config);

	if (r < 0)
		return r;
	close(loop.file);
	entry->fd = loop.fd;
	snprintf(entry->path, sizeof(entry->path), "%s", loop.path);
	snprintf(entry->number, sizeof(entry->number), "%s", loop.number);
	devices->count++;
	return 0;
}

static int grow_entries(struct log_devices *devices, unsigned count)
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
	int r = grow_entries(devices, count);

	for (unsigned i = 0; r == 0 && i < count; i++)
		r = add_loop(devices, directory, regions);
	if (r < 0)
		fprintf(stderr,
			"dirtylog-load: no loop device on a file in %s: %s. Give another "
			"--loop-dir, or devices with --device.\n",
			directory, strerror(-r));
	return r;
}

static int write_zeros(int fd)
{
	static const uint8_t zeros[WIPED_BYTES];
	ssize_t n = pwrite(fd, zeros, sizeof(zeros), 0);

	if (n != sizeof(zeros))
		return n < 0 ? -errno : -ENOSPC;
	return fsync(fd) == 0 ? 0 : -errno;
}

/* The log of a run before would be believed, and the model knows nothing of it. A device that is mounted, or below another,
 * or whose log a dirtylogd serves, is left alone. */
static int wipe(const char *path)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = fcntl(fd, F_OFD_SETLK, &whole) == 0 ? write_zeros(fd) : -EBUSY;
	close(fd);
	return r;
}

int log_devices_add(struct log_devices *devices, const char *path)
{
	int r = grow_entries(devices, 1);
	struct log_device_entry *entry = &devices->entries[devices->count];

	if (r == 0) {
		snprintf(entry->path, sizeof(entry->path), "%s", path);
		r = set_number(entry);
	}
	if (r == 0)
		r = wipe(path);
	if (r < 0) {
		fprintf(stderr, "dirtylog-load: --device %s: %s\n", path,
			r == -EBUSY ? "is in use" : strerror(-r));
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
