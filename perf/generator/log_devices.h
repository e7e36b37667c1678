/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log devices of the logs under load: loop devices on sparse files without names, or devices that
 * the user gave. Loop devices go when their descriptors are closed, however the process ends.
 */
#ifndef PERF_GENERATOR_LOG_DEVICES_H
#define PERF_GENERATOR_LOG_DEVICES_H

#include <stdint.h>

struct log_device_entry {
	int fd; /* keeps a loop device; -1 for one that was given */
	char path[256];
	char number[24]; /* major:minor */
};

struct log_devices {
	struct log_device_entry *entries;
	unsigned count;
};

/* Bytes of a device for a log of so many regions, whatever its blocks. */
uint64_t log_devices_bytes(uint64_t regions);

/* count loop devices for logs of so many regions, their files in directory. 0, or -errno said on
 * stderr. */
int log_devices_make_loops(struct log_devices *devices, unsigned count, const char *directory,
			   uint64_t regions);

/* Use this device too, as a new log: its first bytes are wiped. 0, or -errno said on stderr. */
int log_devices_add(struct log_devices *devices, const char *path);

void log_devices_release(struct log_devices *devices);

struct log_devices_counts {
	uint64_t sectors, flushes; /* 512 bytes; writes only */
};

/* Sums of /sys/dev/block/M:m/stat. */
void log_devices_count(const struct log_devices *devices, struct log_devices_counts *counts);

#endif
