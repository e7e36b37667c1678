/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log device that can become full (ENOSPC): a loop device on a file of a tmpfs of its own, in a private mount
 * namespace. Needs root. One thread. */
#ifndef PERF_TROUBLE_FULL_DEVICE_H
#define PERF_TROUBLE_FULL_DEVICE_H

#include "perf/generator/loop_device.h"

#define FULL_DEVICE_PAGE 4096

struct full_device {
	struct loop_device device;
	char path[256]; /* where the tmpfs is mounted */
};

/* With room, so far. Takes a mount namespace of its own for the calling process. 0 or -errno; _release in either case. */
int full_device_make(struct full_device *full, const char *directory, off_t bytes);

/* From now on no block of this page (a multiple of it) can be written, and it reads as zeros; the others are as they
 * were. 0 or -errno. */
int full_device_fill(const struct full_device *full, off_t page);

/* There is room again. 0 or -errno. */
int full_device_make_room(const struct full_device *full);

void full_device_release(struct full_device *full);

#endif
