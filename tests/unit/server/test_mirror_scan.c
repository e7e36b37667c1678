/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of device-mapper: whose legs are found, and when they are not known. */
#include "server/log/mirror_scan.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mirror_scan scan;
static struct log_legs *legs;

static void mirror(uint32_t minor, const char *params)
{
	mirror_scan_target(&scan, 254, minor, 0, "mirror", params);
}

static const struct log_legs *legs_of(const char *uuid)
{
	free(legs);
	legs = mirror_scan_legs(&scan, uuid);
	return legs;
}

static void tear_down(void)
{
	free(legs);
	mirror_scan_free(&scan);
}

TestSuite(mirror_scan, .fini = tear_down);

Test(mirror_scan, finds_a_mirror_and_its_legs)
{
	mirror_scan_target(&scan, 254, 1, 0, "linear", "8:1 0");
	mirror(2, "core 2 1024 nosync 2 8:1 0 8:2 0");
	mirror(3, "userspace 3 other core 8 2 8:3 0 8:4 0");
	mirror(4, "userspace 3 wanted core 8 2 8:5 0 8:6 0");
	cr_assert_eq(mirror_scan_find(&scan, "wanted")->minor, 4);
	cr_assert_eq(legs_of("wanted")->count, 2);
	cr_assert_eq(legs->legs[0].major, 8);
	cr_assert_eq(legs->legs[0].minor, 5);
	cr_assert_eq(legs->legs[1].minor, 6);
	cr_assert_null(mirror_scan_find(&scan, "unknown"));
	cr_assert_null(legs_of("unknown"));
}

/* A pvmove has a mirror for each segment, and one log's uuid for all. */
Test(mirror_scan, has_as_many_legs_as_all_tables_of_a_uuid)
{
	char params[64];

	for (unsigned i = 0; i < 40; i++) {
		snprintf(params, sizeof(params), "userspace 3 u core 8 2 8:%u 0 8:%u 0", i,
			 100 + i);
		mirror(1, params);
	}
	cr_assert_eq(legs_of("u")->count, 80);
}

Test(mirror_scan, has_each_device_once)
{
	mirror(1, "userspace 3 u core 8 2 8:1 0 8:2 0");
	mirror(1, "userspace 3 u core 8 2 8:1 2048 8:2 2048");
	mirror(1, "userspace 3 u core 8 2 8:1 4096 8:3 0");
	cr_assert_eq(legs_of("u")->count, 3);
}

Test(mirror_scan, what_could_not_be_read_may_have_had_more_legs)
{
	mirror(1, "userspace 3 u core 8 2 8:1 0 8:2 0");
	scan.incomplete = true;
	cr_assert_null(legs_of("u"));
	cr_assert_not_null(mirror_scan_find(&scan, "u"), "it is there all the same");
}

Test(mirror_scan, a_table_that_is_not_understood_costs_its_own_log)
{
	mirror(1, "userspace 3 u core 8 2 8:1 0 8:2 0");
	mirror(2, "userspace 3 u core 8 2 8:3 0");
	mirror(3, "userspace 3 v core 8 2 8:5 0 8:6 0");
	cr_assert_null(legs_of("u"));
	cr_assert_eq(legs_of("v")->count, 2);
}

Test(mirror_scan, a_table_without_a_uuid_may_be_anybodys)
{
	mirror(1, "userspace 3 u core 8 2 8:1 0 8:2 0");
	mirror(2, "userspace 3");
	cr_assert_null(legs_of("u"));
}

/* What is no leg is the log device, which is looked for so. */
Test(mirror_scan, knows_a_leg_from_another_device)
{
	mirror(1, "userspace 3 u core 8 2 8:1 0 8:2 0");
	mirror(2, "userspace 3 u core 8 2 8:3 0 8:4 0");
	mirror(3, "userspace 3 v core 8 2 8:5 0 9:1 0");
	cr_assert(mirror_scan_is_leg(&scan, "u", 8, 2));
	cr_assert(mirror_scan_is_leg(&scan, "u", 8, 3), "of its other table");
	cr_assert(mirror_scan_is_leg(&scan, "v", 9, 1));
	cr_assert_not(mirror_scan_is_leg(&scan, "u", 9, 1), "another mirror's");
	cr_assert_not(mirror_scan_is_leg(&scan, "u", 9, 2), "of another major number");
	cr_assert_not(mirror_scan_is_leg(&scan, "w", 8, 1));
}

Test(mirror_scan, begins_anew)
{
	mirror(1, "userspace 3 u core 8 2 8:1 0 8:2 0");
	scan.incomplete = true;
	mirror_scan_begin(&scan);
	cr_assert_null(mirror_scan_find(&scan, "u"));
	mirror(1, "userspace 3 u core 8 2 8:1 0 8:2 0");
	cr_assert_eq(legs_of("u")->count, 2);
}
