/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LVM's names for device-mapper, and its lock, on a directory of the test's own. */
#include "server/log/lvm_lock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char vg[DM_NAME_LEN];

static const char *vg_of(const char *name)
{
	return lvm_vg_of(name, "LVM-x", vg) ? vg : NULL;
}

Test(lvm_lock, finds_the_volume_group)
{
	cr_assert_str_eq(vg_of("vg-lv"), "vg");
	cr_assert_str_eq(vg_of("vg-lv_mimage_0"), "vg");
	cr_assert_str_eq(vg_of("my--vg-lv"), "my-vg");
	cr_assert_str_eq(vg_of("a----b-c--d"), "a--b");
	cr_assert_str_eq(vg_of("vg--"), "vg-");
	cr_assert_str_eq(vg_of("vg-lv-real"), "vg");
	cr_assert_null(vg_of(""));
	cr_assert_null(vg_of("-lv"));
}

Test(lvm_lock, a_device_of_another_tool_is_not_lvms)
{
	cr_assert_not(lvm_vg_of("vg-lv", "mpath-1", vg));
	cr_assert_not(lvm_vg_of("vg-lv", "", vg));
}

Test(lvm_lock, is_taken_once_at_a_time)
{
	char dir[] = "/tmp/lvm_lock.XXXXXX", path[64];
	int fd, other;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/V_vg", dir);
	fd = lvm_lock_try(dir, "vg");
	cr_assert_geq(fd, 0);
	cr_assert_eq(lvm_lock_try(dir, "vg"), -EWOULDBLOCK);
	other = lvm_lock_try(dir, "vg2");
	cr_assert_geq(other, 0);
	close(other);
	close(fd);
	fd = lvm_lock_try(dir, "vg");
	cr_assert_geq(fd, 0);
	close(fd);
	remove(path);
	snprintf(path, sizeof(path), "%s/V_vg2", dir);
	remove(path);
	rmdir(dir);
}

Test(lvm_lock, makes_the_directory)
{
	char dir[] = "/tmp/lvm_lock.XXXXXX", sub[64], path[80];
	int fd;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/lvm", dir);
	fd = lvm_lock_try(sub, "vg");
	cr_assert_geq(fd, 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/V_vg", sub);
	remove(path);
	rmdir(sub);
	rmdir(dir);
}

Test(lvm_lock, another_device_has_a_lock_of_its_own)
{
	char dir[] = "/tmp/lvm_lock.XXXXXX", path[64];
	int fd;

	cr_assert_not_null(mkdtemp(dir));
	fd = device_lock_try(dir, "m");
	cr_assert_geq(fd, 0);
	cr_assert_eq(device_lock_try(dir, "m"), -EWOULDBLOCK);
	close(fd);
	snprintf(path, sizeof(path), "%s/device-m", dir);
	cr_assert_eq(remove(path), 0);
	rmdir(dir);
}
