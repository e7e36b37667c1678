/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log devices for Criterion, and what is on them past the daemon. Needs root. All functions
 * assert. */
#ifndef TESTS_LIB_LOG_DEVICE_H
#define TESTS_LIB_LOG_DEVICE_H

#include "bitmap/log_image.h"
#include "perf/generator/loop_device.h"
#include "server/protocol/wire.h"

#define DEVICE_BYTES (1 << 20) /* of most log devices */

struct loop_device make_loop_in(const char *directory, off_t bytes, uint32_t block);
struct loop_device make_loop(off_t bytes, uint32_t block);

/* On a file system that set_frozen freezes: then its writes wait. One for each test, in a mount
 * namespace of its own; tear_down closes it. */
struct loop_device make_cold_loop(void);
/* A small one on the same file system, which is made with the first. */
struct loop_device make_another_cold_loop(void);
void set_frozen(bool frozen);
/* Thawed first, or it could never be given up. Does nothing where there is none. */
void end_cold_loop(void);

/* One that can write the first and the last page of its image, and nothing between, until make_room; in a mount
 * namespace of the test's own. begin_failing_write: of a log of FULL_REGIONS on it, a POSTSUSPEND that has
 * a block between to write. */
#define FULL_REGIONS 100000u /* four pages of image */
#define IN_A_HOLE 30000u /* in the second */
struct loop_device make_full_loop(void);
void make_room(void);
void end_full_loop(void);
struct wire_message begin_failing_write(void);

/* A path that never comes to be opened, in a mount namespace of the test's own, until let_opens_fail. */
const char *make_hanging_path(void);
void let_opens_fail(void);
/* From now on the device's number leads to it, for whoever shares the mount namespace. */
void let_opens_hang(const struct loop_device *loop);

/* A header and bits before any daemon comes; bits beyond count are 0. */
void fill_loop(const struct loop_device *loop, uint32_t version, uint64_t nr_regions,
	       const uint8_t *bits, size_t bytes);

bool clean_on_disk(const struct loop_device *loop, unsigned region);
/* It comes to be. */
void expect_clean_on_disk(const struct loop_device *loop, unsigned region);
uint64_t regions_on_disk(const struct loop_device *loop);

#endif
