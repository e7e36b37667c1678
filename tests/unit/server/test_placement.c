/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Placement of threads on processors. */
#include "server/base/placement.h"

#include <criterion/criterion.h>

/* Processors 0 and 1 are needed. */
static void expect_on(unsigned cpu)
{
	cpu_set_t set;

	cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	cr_assert_eq(CPU_COUNT(&set), 1);
	cr_assert(CPU_ISSET(cpu, &set));
}

Test(placement, lists_are_read)
{
	struct placement placement;

	cr_assert(placement_parse(&placement, "0"));
	cr_assert_eq(placement.count, 1);
	cr_assert(placement_parse(&placement, "0-1"));
	cr_assert_eq(placement.count, 2);
	cr_assert(placement_parse(&placement, "1,0,1"));
	cr_assert_eq(placement.count, 2);
}

Test(placement, what_is_no_list_is_refused)
{
	static const char *const bad[] = {"",	 "a",	 "0-",		"-1",
					  "0,",	 ",0",	 "1-0",		"0 1",
					  "0x1", "1023", "99999999999", "0-4294967295"};
	struct placement placement;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(placement_parse(&placement, bad[i]), "%s", bad[i]);
}

Test(placement, threads_go_round)
{
	struct placement placement;

	cr_assert(placement_parse(&placement, "0-1"));
	for (unsigned i = 0; i < 5; i++) {
		cr_assert_eq(placement_one(&placement, i), 0);
		expect_on(i % 2);
		cr_assert_eq(placement_all(&placement), 0);
	}
}

Test(placement, one_processor_is_enough)
{
	struct placement placement;

	cr_assert(placement_parse(&placement, "1"));
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(placement_one(&placement, i), 0);
		expect_on(1);
	}
}

Test(placement, none_leaves_it_to_the_scheduler)
{
	struct placement none = {.count = 0};
	cpu_set_t before, after;

	sched_getaffinity(0, sizeof(before), &before);
	cr_assert_eq(placement_one(&none, 1), 0);
	cr_assert_eq(placement_all(&none), 0);
	sched_getaffinity(0, sizeof(after), &after);
	cr_assert(CPU_EQUAL(&before, &after));
}
