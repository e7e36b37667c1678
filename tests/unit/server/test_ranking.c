/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which mirrors come first. */
#include "server/ctl/ranking.h"

#include "server/ctl/view.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <criterion/criterion.h>

/* A mirror: name, changes, commits, their microseconds, regions out of sync of 100, the oldest wait. */
static void add(json_t *view, const char *name, int changes, int commits, int usec, int out_of_sync,
		int oldest_msec)
{
	json_t *log = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i}", "uuid", name, "luid",
				"1", "changes", changes, "commits", commits, "commits_us", usec,
				"regions", 100, "in_sync", 100 - out_of_sync, "region_size", 8);

	if (oldest_msec)
		json_object_set_new(log, "oldest_wait_ms", json_integer(oldest_msec));
	json_array_append_new(json_object_get(view, "mirrors"),
			      json_pack("{s:s, s:o}", "name", name, "log", log));
}

static json_t *views[2];

static void set_up(void)
{
	for (unsigned i = 0; i < 2; i++)
		views[i] = json_pack("{s:[]}", "mirrors");
	add(views[0], "a", 100, 10, 1000, 0, 0);
	add(views[0], "b", 100, 10, 1000, 5, 0);
	add(views[0], "c", 100, 10, 1000, 0, 0);
	add(views[1], "a", 120, 12, 21000, 0, 0);
	add(views[1], "b", 100, 10, 1000, 4, 0);
	add(views[1], "c", 500, 20, 2000, 0, 0);
	add(views[1], "d", 900, 20, 2000, 0, 3);
}

static void tear_down(void)
{
	json_decref(views[0]);
	json_decref(views[1]);
}

TestSuite(ranking, .init = set_up, .fini = tear_down);

static void expect_order(enum ranking_mode mode, size_t max, const char *names)
{
	json_t *first = ranking_first(views[1], mode, max);
	char got[16] = "";

	for (size_t i = 0; i < json_array_size(first); i++)
		strcat(got, view_text(json_array_get(first, i), "name"));
	cr_assert_str_eq(got, names, "%s", got);
	json_decref(first);
}

static double real_of(size_t i, const char *key)
{
	json_t *mirror = json_array_get(json_object_get(views[1], "mirrors"), i);
	json_t *value = json_object_get(mirror, key);

	return value ? json_real_value(value) : -1;
}

Test(ranking, two_looks_make_rates)
{
	ranking_compare(views[1], views[0], 2);
	cr_assert_float_eq(real_of(0, "hot"), 10, 1e-9);
	cr_assert_float_eq(real_of(0, "slow"), 10, 1e-9);
	cr_assert_float_eq(real_of(1, "hot"), 0, 1e-9);
	cr_assert_eq(real_of(1, "slow"), -1, "nothing was written");
	cr_assert_eq(real_of(3, "hot"), -1, "it was not there before");
}

Test(ranking, a_server_that_counts_anew_has_no_rates)
{
	json_t *before = views[0];

	views[0] = views[1];
	views[1] = before;
	ranking_compare(views[1], views[0], 1);
	cr_assert_eq(real_of(0, "hot"), -1);
}

Test(ranking, the_hot_the_slow_and_the_resyncing_come_first)
{
	ranking_compare(views[1], views[0], 1);
	expect_order(RANKING_HOT, 9, "cabd");
	expect_order(RANKING_SLOW, 9, "adcb");
	expect_order(RANKING_RESYNCING, 9, "bacd");
}

/* A file that watch is given can say anything. */
Test(ranking, numbers_of_64_bits_are_compared)
{
	json_t *log =
		json_object_get(json_array_get(json_object_get(views[1], "mirrors"), 1), "log");
	json_t *before =
		json_object_get(json_array_get(json_object_get(views[0], "mirrors"), 1), "log");

	json_object_set_new(log, "changes", json_integer(INT64_MAX));
	json_object_set_new(before, "changes", json_integer(INT64_MIN));
	json_object_set_new(log, "in_sync", json_integer(INT64_MIN));
	ranking_compare(views[1], views[0], 1);
	cr_assert_gt(real_of(1, "hot"), 1e19);
	expect_order(RANKING_HOT, 1, "b");
	expect_order(RANKING_RESYNCING, 1, "b");
}

Test(ranking, no_more_than_fit)
{
	expect_order(RANKING_RESYNCING, 2, "ba");
	expect_order(RANKING_RESYNCING, 0, "");
}
