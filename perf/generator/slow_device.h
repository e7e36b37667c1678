/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log device whose writes take long: a loop device on a file of a file system that a process of
 * its own freezes and thaws in turn (FIFREEZE). The file system is mounted in a private namespace
 * and out of every path by the time it is used; however this process ends, it is thawed and goes.
 * One thread.
 */
#ifndef PERF_GENERATOR_SLOW_DEVICE_H
#define PERF_GENERATOR_SLOW_DEVICE_H

#include <sys/types.h>

#include "perf/generator/loop_device.h"

/* All zero: there is none. */
struct slow_device {
	struct loop_device device; /* the one that is slow */
	struct loop_device disk; /* below its file system */
	int file_system; /* a descriptor of its root, valid while there is a device */
	pid_t freezer; /* 0: none runs */
	int leash; /* the freezer ends when this is closed */
};

/* Make one of so many bytes, not slow yet, its file in directory. Takes a mount
 * namespace of its own for the calling process, which has one thread. Needs root and mkfs.ext4. 0,
 * or -errno said on stderr; _release in either case. */
int slow_device_make(struct slow_device *slow, const char *directory, uint64_t bytes);

/* From now on a write that comes waits for up to msec milliseconds: the file system is frozen for
 * so long, thawed for one, and so on. 0 or -errno: -EIO, said on stderr, if it cannot be frozen. */
int slow_device_begin(struct slow_device *slow, unsigned msec);

/* No longer. 0, as where none has begun; -EIO, said on stderr, if it was not slow all the time. */
int slow_device_end(struct slow_device *slow);

void slow_device_release(struct slow_device *slow);

#endif
