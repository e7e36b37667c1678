/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rate of a resync, and the last error. */
#include "server/log/tally.h"

#include "server/base/clock.h"

#include <errno.h>
#include <time.h>
#include <criterion/criterion.h>

#define START_NS (100 * NSEC_PER_SEC)

static struct tally tally;

static int64_t recover(unsigned regions, int64_t now_ns, int64_t each_ns)
{
	for (unsigned i = 0; i < regions; i++) {
		now_ns += each_ns;
		tally_recovery_ended(&tally, true, now_ns);
	}
	return now_ns;
}

Test(tally, no_rate_before_a_second_has_passed)
{
	int64_t now_ns = recover(9, START_NS, 100 * NSEC_PER_MSEC);

	cr_assert_eq(tally_resync_rate(&tally, now_ns), 0);
	cr_assert_eq(tally_read(&tally.recovered), 9);
}

Test(tally, regions_of_the_last_second_make_the_rate)
{
	int64_t now_ns = recover(30, START_NS, 100 * NSEC_PER_MSEC);

	cr_assert_float_eq(tally_resync_rate(&tally, now_ns), 10, 0.1);
	now_ns = recover(300, now_ns, 10 * NSEC_PER_MSEC);
	cr_assert_float_eq(tally_resync_rate(&tally, now_ns), 100, 1);
}

Test(tally, a_region_may_take_longer_than_a_second)
{
	int64_t now_ns = recover(4, START_NS, 4 * NSEC_PER_SEC);

	cr_assert_float_eq(tally_resync_rate(&tally, now_ns), 0.25, 0.01);
	cr_assert_float_eq(tally_resync_rate(&tally, now_ns + 10 * NSEC_PER_SEC), 0.25, 0.01);
}

Test(tally, a_resync_that_has_ended_has_no_rate)
{
	int64_t now_ns = recover(30, START_NS, 100 * NSEC_PER_MSEC);

	cr_assert_gt(tally_resync_rate(&tally, now_ns + 2 * NSEC_PER_SEC), 0);
	cr_assert_eq(tally_resync_rate(&tally, now_ns + 4 * NSEC_PER_SEC), 0);
}

Test(tally, a_pause_is_no_part_of_the_rate)
{
	int64_t now_ns = recover(30, START_NS, 100 * NSEC_PER_MSEC);

	now_ns = recover(1, now_ns + 3600 * NSEC_PER_SEC, 50 * NSEC_PER_MSEC);
	cr_assert_eq(tally_resync_rate(&tally, now_ns), 0);
	now_ns = recover(30, now_ns, 50 * NSEC_PER_MSEC);
	cr_assert_float_eq(tally_resync_rate(&tally, now_ns), 20, 0.5);
}

Test(tally, a_recovery_that_fails_recovers_nothing)
{
	tally_recovering(&tally, 0);
	cr_assert_eq(tally_read(&tally.recovering), 1);
	tally_recovery_ended(&tally, false, START_NS);
	cr_assert_eq(tally_read(&tally.recovering), 0);
	cr_assert_eq(tally_read(&tally.recovered), 0);
}

Test(tally, the_last_error_is_told_with_its_time)
{
	struct tally_error error;

	cr_assert_not(tally_last_error(&tally, &error));
	tally_failed(&tally, TALLY_WRITE, -EIO);
	tally_failed(&tally, TALLY_LEG_FLUSH, -ETIMEDOUT);
	cr_assert(tally_last_error(&tally, &error));
	cr_assert_eq(error.place, TALLY_LEG_FLUSH);
	cr_assert_eq(error.error, ETIMEDOUT);
	cr_assert_leq(time(NULL) - error.time, 5);
}

Test(tally, commits_take_time)
{
	tally_commit_ended(&tally, START_NS, START_NS + 5);
	tally_commit_ended(&tally, START_NS, START_NS + 7);
	cr_assert_eq(tally_read(&tally.commits), 2);
	cr_assert_eq(atomic_load(&tally.commits_ns), 12);
}
