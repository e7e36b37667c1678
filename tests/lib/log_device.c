/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log device's file is read and written below the loop device: what is there has been written, and not
 * only been promised. The cold one lies on a file system in a mount namespace of the test's own.
 */
#include "tests/lib/log_device.h"

#include "tests/lib/wait.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

struct loop_device make_loop_in(const char *directory, off_t bytes, uint32_t block)
{
	struct loop_device_config config = {
		.directory = directory, .bytes = bytes, .block_bytes = block};
	struct loop_device loop;
	int r = loop_device_make(&loop, &config);

	cr_assert_eq(r, 0, "no loop device: %s (root is needed)", strerror(-r));
	return loop;
}

struct loop_device make_loop(off_t bytes, uint32_t block)
{
	return make_loop_in("/tmp", bytes, block);
}

static char cold_path[] = "/tmp/dirtylogd-cold.XXXXXX";
static bool is_frozen;

struct loop_device make_cold_loop(void)
{
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_not_null(mkdtemp(cold_path));
	setenv("DIR", cold_path, 1);
	cr_assert_eq(system("truncate -s 8M $DIR.fs && mkfs.ext4 -q $DIR.fs && "
			    "mount -o loop $DIR.fs $DIR && rm $DIR.fs"),
		     0);
	return make_loop_in(cold_path, DEVICE_BYTES, 512);
}

void set_frozen(bool frozen)
{
	is_frozen = frozen;
	cr_assert_eq(system(frozen ? "fsfreeze -f $DIR" : "fsfreeze -u $DIR"), 0);
}

void thaw(void)
{
	if (is_frozen)
		set_frozen(false);
}

void end_cold_loop(void)
{
	umount2(cold_path, MNT_DETACH);
	rmdir(cold_path);
}

void fill_loop(const struct loop_device *loop, uint32_t version, uint64_t nr_regions,
	       const uint8_t *bits, size_t bytes)
{
	uint8_t header[LOG_IMAGE_HEADER_BYTES];

	log_image_encode_header(header, nr_regions);
	header[4] = (uint8_t)version;
	cr_assert_eq(pwrite(loop->file, header, sizeof(header), 0), (ssize_t)sizeof(header));
	cr_assert_eq(pwrite(loop->file, bits, bytes, LOG_IMAGE_BITS_OFFSET), (ssize_t)bytes);
	fsync(loop->file);
}

bool clean_on_disk(const struct loop_device *loop, unsigned region)
{
	uint8_t byte = 0;

	cr_assert_eq(pread(loop->file, &byte, 1, LOG_IMAGE_BITS_OFFSET + region / 8), 1);
	return byte >> region % 8 & 1;
}

void expect_clean_on_disk(const struct loop_device *loop, unsigned region)
{
	EXPECT_SOON(clean_on_disk(loop, region), "region %u is never written clean", region);
}

uint64_t regions_on_disk(const struct loop_device *loop)
{
	uint8_t bytes[LOG_IMAGE_HEADER_BYTES];
	struct log_image_header header;

	cr_assert_eq(pread(loop->file, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
	cr_assert_eq(log_image_decode_header(bytes, &header), LOG_IMAGE_VALID);
	return header.nr_regions;
}
