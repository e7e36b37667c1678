/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far to mark ahead of a stream. */
#include "server/protocol/streams.h"

#include <criterion/criterion.h>

static struct streams streams;
static int step;

static unsigned follow(uint64_t region, bool written)
{
	return streams_follow(&streams, region, written, 64, &step);
}

Test(streams, one_twice_as_far_each_time)
{
	unsigned wanted[] = {0, 1, 2, 4, 8, 16, 32, 64, 64};
	uint64_t region = 100;

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		cr_assert_eq(follow(region, true), wanted[i], "at the mark %u", i);
		/* What was marked ahead comes, and costs nothing. */
		for (unsigned k = 0; k < wanted[i]; k++)
			cr_assert_eq(follow(++region, false), 0);
		region++;
	}
	cr_assert_eq(step, 1);
}

Test(streams, no_further_than_wanted)
{
	streams_follow(&streams, 1, true, 3, &step);
	cr_assert_eq(streams_follow(&streams, 2, true, 3, &step), 1);
	cr_assert_eq(streams_follow(&streams, 3, true, 3, &step), 2);
	cr_assert_eq(streams_follow(&streams, 4, true, 3, &step), 3);
	cr_assert_eq(streams_follow(&streams, 5, true, 3, &step), 3);
}

Test(streams, downwards_too)
{
	follow(9, true);
	cr_assert_eq(follow(8, true), 1);
	cr_assert_eq(step, -1);
	cr_assert_eq(follow(7, true), 2);
	cr_assert_eq(follow(8, true), 0, "it has turned round");
	follow(1, true);
	cr_assert_eq(follow(0, true), 1);
}

Test(streams, four_at_a_time)
{
	for (uint64_t i = 0; i < 3; i++)
		for (uint64_t stream = 0; stream < STREAMS; stream++)
			cr_assert_eq(follow(1000 * stream + i, true), i, "stream %lu, mark %lu",
				     stream, i);
}

Test(streams, random_marks_are_none)
{
	for (uint64_t region = 0; region < 1000; region += 3)
		cr_assert_eq(follow(region, true), 0);
}

/* One that goes on among them is not forgotten. */
Test(streams, a_stream_among_random_marks)
{
	unsigned ahead = 0;

	for (uint64_t i = 0; i < 4; i++) {
		follow(1000 + 10 * i, true);
		follow(2000 + 10 * i, true);
		ahead = follow(i, true);
	}
	cr_assert_eq(ahead, 4);
}
