/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log device's file is read and written below the loop device: what is there has been written,
 * and not only been promised. The cold one is a slow device that is frozen and thawed by the test,
 * not by a process of its own.
 */
#include "tests/lib/log_device.h"

#include "perf/generator/slow_device.h"
#include "tests/lib/requests.h"
#include "tests/lib/wait.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
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

static struct slow_device cold;
static bool is_frozen;

struct loop_device make_cold_loop(void)
{
	cr_assert_eq(slow_device_make(&cold, "/tmp", DEVICE_BYTES), 0);
	return cold.device;
}

struct loop_device make_another_cold_loop(void)
{
	char directory[32];

	if (cold.device.file <= 0)
		make_cold_loop();
	snprintf(directory, sizeof(directory), "/proc/self/fd/%d", cold.file_system);
	return make_loop_in(directory, 16384, 512);
}

void set_frozen(bool frozen)
{
	cr_assert_eq(ioctl(cold.file_system, frozen ? FIFREEZE : FITHAW, 0), 0, "%s",
		     strerror(errno));
	is_frozen = frozen;
}

void end_cold_loop(void)
{
	if (is_frozen)
		set_frozen(false);
	slow_device_release(&cold);
}

/* --- writes that fail --- */

/* A file system of two pages, full. */
static struct {
	char path[32];
} full = {"/tmp/log_device.full.XXXXXX"};

struct loop_device make_full_loop(void)
{
	static const uint8_t bits[1] = {0};
	struct loop_device loop;

	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_not_null(mkdtemp(full.path));
	cr_assert_eq(mount("none", full.path, "tmpfs", 0, "size=8k"), 0);
	loop = make_loop_in(full.path, DEVICE_BYTES, 512);
	cr_assert_eq(pwrite(loop.file, bits, 1, 3 * 4096), 1);
	fill_loop(&loop, 2, FULL_REGIONS, bits, sizeof(bits));
	return loop;
}

void make_room(void)
{
	cr_assert_eq(mount("none", full.path, "tmpfs", MS_REMOUNT, "size=1m"), 0);
}

/* Now its block has to be written, and cannot be. */
struct wire_message begin_failing_write(void)
{
	cr_assert_eq(set_region_sync(IN_A_HOLE, 1), 0);
	clear(IN_A_HOLE);
	return send_request(DM_ULOG_POSTSUSPEND, NULL, 0);
}

void end_full_loop(void)
{
	umount2(full.path, MNT_DETACH);
	rmdir(full.path);
}

/* --- opens that hang --- */

static struct {
	int fuse; /* a file system whose server never answers */
	char path[32];
} hanging = {.fuse = -1};

static void mount_here(const char *type, const char *path, const char *options)
{
	cr_assert_eq(mount("none", path, type, 0, options), 0, "no %s: %s", type, strerror(errno));
}

const char *make_hanging_path(void)
{
	char directory[] = "/tmp/log_device.XXXXXX", options[64];

	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	hanging.fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	cr_assert_geq(hanging.fuse, 0, "no /dev/fuse: %s", strerror(errno));
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0",
		 hanging.fuse);
	mount_here("fuse", directory, options);
	snprintf(hanging.path, sizeof(hanging.path), "%s/device", directory);
	return hanging.path;
}

void let_opens_fail(void)
{
	close(hanging.fuse);
}

/* A symbolic link for each that lay there: they are relative, and hold. */
static void copy_links(DIR *from, const char *except)
{
	struct dirent *entry;
	char target[256];

	while ((entry = readdir(from))) {
		ssize_t n = readlinkat(dirfd(from), entry->d_name, target, sizeof(target) - 1);

		if (n < 0 || strcmp(entry->d_name, except) == 0)
			continue;
		target[n] = '\0';
		cr_assert_eq(symlink(target, entry->d_name), 0);
	}
}

/* The kernel's list of devices is all that is left of the ways from a number to a device. */
void let_opens_hang(const struct loop_device *loop)
{
	DIR *devices = opendir("/sys/dev/block");
	char path[64];
	int here = open(".", O_PATH | O_CLOEXEC);

	cr_assert_not_null(devices);
	if (access("/dev/block", F_OK) == 0)
		mount_here("tmpfs", "/dev/block", NULL);
	mount_here("tmpfs", "/sys/dev/block", NULL);
	cr_assert_eq(chdir("/sys/dev/block"), 0);
	copy_links(devices, loop->number);
	closedir(devices);
	cr_assert_eq(mkdir(loop->number, 0700), 0);
	snprintf(path, sizeof(path), "%s/uevent", loop->number);
	cr_assert_eq(symlink(hanging.path, path), 0);
	cr_assert_eq(fchdir(here), 0);
	close(here);
}

void fill_loop(const struct loop_device *loop, uint32_t version, uint64_t nr_regions,
	       const uint8_t *bits, size_t bytes)
{
	uint8_t header[LOG_IMAGE_HEADER_BYTES];

	log_image_encode_header(header, nr_regions, 0);
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
