/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long region_bitmap takes. */
#include "bitmap/region_bitmap.h"
#include "perf/micro/micro.h"

#define REGIONS (UINT64_C(1) << 26)

static struct region_bitmap map;

static void test_bit(void)
{
	micro_keep(region_bitmap_test(&map, micro_any(REGIONS)));
}

static void clear_and_set(void)
{
	uint64_t region = micro_any(REGIONS);

	region_bitmap_clear(&map, region);
	region_bitmap_set(&map, region);
}

/* Everything is set but one bit: the worst case of a search. */
static void find_the_last_zero(void)
{
	micro_keep(region_bitmap_next_zero(&map, 0));
}

int main(void)
{
	region_bitmap_init(&map, micro_memory(region_bitmap_bytes(REGIONS)), REGIONS);
	region_bitmap_fill_from(&map, 0, true);
	micro("test a bit of 2^26", 1000000, test_bit);
	micro("clear and set a bit of 2^26", 1000000, clear_and_set);
	region_bitmap_clear(&map, REGIONS - 1);
	micro("find the only zero of 2^26", 1000000, find_the_last_zero);
	return 0;
}
