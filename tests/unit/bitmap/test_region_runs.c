/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bitmap/region_runs.h"
#include "perf/generator/dice.h"

#include <stdio.h>
#include <string.h>
#include <criterion/criterion.h>

static char found[4096];

static void note_run(uint64_t first, uint64_t last, void *context)
{
	size_t length = strlen(found);

	snprintf(found + length, sizeof(found) - length, "%llu-%llu ", (unsigned long long)first,
		 (unsigned long long)last);
}

static struct region_runs start_runs(void)
{
	found[0] = '\0';
	return (struct region_runs){.found = note_run};
}

static void expect_runs(const struct region_runs *runs, const char *text, uint64_t members)
{
	cr_expect_str_eq(found, text);
	cr_expect_eq(runs->members, members);
}

Test(region_runs, dirty_regions_are_those_whose_bit_is_0)
{
	struct region_runs runs = start_runs();
	uint8_t bits[8] = {0xF6, 0xFF, 0x0F};

	region_runs_bits(&runs, bits, NULL, 22);
	region_runs_end(&runs);
	expect_runs(&runs, "0-0 3-3 20-21 ", 4);
	cr_expect_eq(runs.count, 3);
}

Test(region_runs, a_run_goes_on_in_the_next_piece)
{
	struct region_runs runs = start_runs();
	uint8_t bits[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F};

	region_runs_bits(&runs, bits, NULL, 64);
	cr_expect_str_empty(found);
	region_runs_same(&runs, true, 1000);
	memset(bits, 0xFE, 1);
	region_runs_bits(&runs, bits, NULL, 64);
	region_runs_end(&runs);
	expect_runs(&runs, "63-1064 1127-1127 ", 1003);
}

Test(region_runs, nothing_is_found_where_all_are_clean)
{
	struct region_runs runs = start_runs();
	uint8_t bits[16];

	memset(bits, 0xFF, sizeof(bits));
	region_runs_bits(&runs, bits, NULL, 100);
	region_runs_same(&runs, false, UINT64_MAX / 2);
	region_runs_end(&runs);
	expect_runs(&runs, "", 0);
}

Test(region_runs, a_difference_has_one_direction)
{
	struct region_runs runs = start_runs();
	uint8_t a[8] = {0x0F}, b[8] = {0x3C};

	region_runs_bits(&runs, a, b, 8);
	region_runs_end(&runs);
	expect_runs(&runs, "4-5 ", 2);
	runs = start_runs();
	region_runs_bits(&runs, b, a, 8);
	region_runs_end(&runs);
	expect_runs(&runs, "0-1 ", 2);
}

static void expect_runs_of(const uint8_t *bits, uint64_t regions)
{
	struct region_runs runs = start_runs();
	uint64_t members = 0;
	bool before = false;

	region_runs_bits(&runs, bits, NULL, regions);
	region_runs_end(&runs);
	for (uint64_t i = 0, count = 0; i < regions; i++) {
		bool member = !(bits[i / 8] >> i % 8 & 1);

		count += member && !before;
		members += member;
		before = member;
		if (i == regions - 1)
			cr_expect_eq(runs.count, count);
	}
	cr_expect_eq(runs.members, members);
}

Test(region_runs, counts_are_those_of_a_bit_at_a_time)
{
	uint64_t dice = 1;
	uint8_t bits[64];

	for (unsigned round = 0; round < 1000; round++) {
		for (unsigned i = 0; i < sizeof(bits); i++)
			bits[i] = (uint8_t)(dice_roll(&dice) | dice_roll(&dice));
		expect_runs_of(bits, 1 + dice_below(&dice, 512));
	}
}
