/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people call a mirror. */
#include "server/ctl/mirror_name.h"

#include <string.h>
#include <criterion/criterion.h>

static const char *lvm(const char *dm_name)
{
	static char name[MIRROR_NAME_MAX];

	return mirror_name_of_lvm(dm_name, name) ? name : "";
}

Test(mirror_name, a_dash_divides_volume_group_and_volume)
{
	cr_assert_str_eq(lvm("vg-lv"), "vg/lv");
	cr_assert_str_eq(lvm("vg-pvmove0"), "vg/pvmove0");
}

Test(mirror_name, two_dashes_are_one)
{
	cr_assert_str_eq(lvm("my--vg-my--lv"), "my-vg/my-lv");
	cr_assert_str_eq(lvm("vg----a-lv"), "vg--a/lv");
	cr_assert_str_eq(lvm("vg--lv-x"), "vg-lv/x");
}

Test(mirror_name, what_is_no_volume_of_lvms_has_no_such_name)
{
	static const char *const names[] = {"", "m", "-", "vg-", "-lv", "vg-lv-real", "vg--lv"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_assert_str_eq(lvm(names[i]), "", "%s: %s", names[i], lvm(names[i]));
}

Test(mirror_name, one_that_is_too_long_is_cut)
{
	char name[600];

	memset(name, 'a', sizeof(name));
	name[100] = '-';
	name[sizeof(name) - 1] = '\0';
	cr_assert_eq(strlen(lvm(name)), MIRROR_NAME_MAX - 1);
}

Test(mirror_name, a_mirror_is_meant_by_each_of_its_names)
{
	static const char *const names[] = {"my--vg-lv", "my-vg/lv", "/dev/my-vg/lv",
					    "/dev/mapper/my--vg-lv"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_assert(mirror_name_means(names[i], "my--vg-lv"), "%s", names[i]);
}

Test(mirror_name, another_name_means_another)
{
	static const char *const names[] = {
		"my-vg-lv", "my--vg/lv", "lv", "/dev/mapper/my-vg/lv", "/dev/my--vg-lv", ""};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_assert_not(mirror_name_means(names[i], "my--vg-lv"), "%s", names[i]);
}
