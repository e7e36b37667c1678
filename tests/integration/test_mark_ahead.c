/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams of writes wait for the log seldom, and others no more often than before. */
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#define MANY 4000u /* regions, in one block of the log device */

TestSuite(mark_ahead, .init = set_up, .fini = tear_down, .timeout = 60);

static struct loop_device start_ahead(const char *ahead)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	bench.mark_ahead = ahead;
	start();
	make_log(&loop, MANY, " nosync");
	return loop;
}

/* Writes of the log that these marks take. */
static unsigned long cost(uint64_t first, int64_t step, unsigned count)
{
	unsigned long before = stat_of("log_writes");

	for (unsigned i = 0; i < count; i++) {
		mark(first + (uint64_t)((int64_t)i * step));
		flush();
	}
	return stat_of("log_writes") - before;
}

Test(mark_ahead, a_stream_waits_once_in_64_regions)
{
	start_ahead("64");
	cr_assert_leq(cost(0, 1, 1000), 7 + 1000 / 64 + 2);
}

Test(mark_ahead, also_one_that_goes_down)
{
	start_ahead("64");
	cr_assert_leq(cost(3000, -1, 1000), 7 + 1000 / 64 + 2);
}

Test(mark_ahead, four_streams_at_a_time)
{
	unsigned long writes = 0;

	start_ahead("64");
	for (unsigned i = 0; i < 200; i++)
		for (unsigned stream = 0; stream < 4; stream++)
			writes += cost(1000 * stream + i, 1, 1);
	cr_assert_leq(writes, 4 * (7 + 200 / 64 + 2));
}

Test(mark_ahead, random_marks_take_nothing_along)
{
	struct loop_device loop = start_ahead("64");

	cr_assert_eq(cost(0, 7, 100), 100);
	for (uint64_t region = 0; region < 700; region++)
		cr_assert_eq(clean_on_disk(&loop, region), region % 7 != 0, "region %lu", region);
}

Test(mark_ahead, none_if_it_is_not_wanted)
{
	start_ahead("0");
	cr_assert_eq(cost(0, 1, 100), 100);
}

/* What a crash resyncs is bounded by --max-lazy. */
Test(mark_ahead, no_more_than_may_be_lazy)
{
	struct loop_device loop;
	unsigned dirty = 0;

	bench.max_lazy = "8";
	loop = start_ahead("64");
	cost(0, 1, 100);
	for (uint64_t region = 100; region < MANY; region++)
		dirty += !clean_on_disk(&loop, region);
	cr_assert_leq(dirty, 8);
}

/* It counts as lazy, and is written clean like anything that is. */
Test(mark_ahead, what_does_not_come_is_clean_again)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	bench.mark_ahead = "64";
	start_with("any", "auto", "0.3");
	make_log(&loop, MANY, " nosync");
	cost(0, 1, 40);
	cr_assert_not(clean_on_disk(&loop, 41));
	expect_clean_on_disk(&loop, 41);
	cr_assert_not(clean_on_disk(&loop, 39), "written still");
}

/* A region that is out of sync stays so. */
Test(mark_ahead, what_is_out_of_sync_is_left)
{
	struct loop_device loop = start_ahead("64");

	cr_assert_eq(set_region_sync(15, 0), 0);
	cost(0, 1, 12); /* the last one takes 12 to 19 along */
	cr_assert_not(clean_on_disk(&loop, 19));
	destroy_log();
	become(2, "LVM-one");
	make_log(&loop, MANY, "");
	cr_assert_eq(in_sync(15), 0);
	cr_assert_eq(in_sync(19), 1, "it was lazy, and written clean at the end");
}
