/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loop device on a sparse file without a name: a log device that comes with a call and goes when
 * its descriptors are closed, however the process ends. For the load generator and the tests; needs
 * root. No state; any thread.
 */
#ifndef PERF_GENERATOR_LOOP_DEVICE_H
#define PERF_GENERATOR_LOOP_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* All zero: there is none. */
struct loop_device {
	int fd; /* of the device; keeps it */
	int file; /* what lies below, to be looked at or written past the device */
	char path[32]; /* /dev/loop7 */
	char number[24]; /* 7:7 */
};

struct loop_device_config {
	const char *directory; /* whose file system has the file */
	off_t bytes;
	uint32_t block_bytes;
	int number; /* of the device; 0: any that is free */
	bool direct; /* past the page cache, where that file system can: a flush is then the disk's */
};

/* 0 or -errno. */
int loop_device_make(struct loop_device *loop, const struct loop_device_config *config);

/* Let go of it; does nothing where there is none. */
void loop_device_close(struct loop_device *loop);

#endif
