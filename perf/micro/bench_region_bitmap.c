/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long region_bitmap takes. */
#include "bitmap/region_bitmap.h"
#include "perf/micro/micro.h"

#define REGIONS (UINT64_C(1) << 26)

struct bench {
	struct region_bitmap map;
	uint64_t random;
	volatile uint64_t sink;
};

static void test(void *context)
{
	struct bench *bench = context;

	bench->sink = region_bitmap_test(&bench->map, micro_random_below(&bench->random, REGIONS));
}

static void set_and_clear(void *context)
{
	struct bench *bench = context;
	uint64_t region = micro_random_below(&bench->random, REGIONS);

	region_bitmap_clear(&bench->map, region);
	region_bitmap_set(&bench->map, region);
}

/* Everything is set but one bit: the worst case of a search. */
static void find_the_last_zero(void *context)
{
	struct bench *bench = context;

	bench->sink = region_bitmap_next_zero(&bench->map, 0);
}

int main(void)
{
	struct bench bench = {.random = 1};

	region_bitmap_init(&bench.map, micro_memory(region_bitmap_bytes(REGIONS)), REGIONS);
	region_bitmap_fill_from(&bench.map, 0, true);
	micro("test a bit of 2^26", 1000000, test, &bench);
	micro("clear and set a bit of 2^26", 1000000, set_and_clear, &bench);
	region_bitmap_clear(&bench.map, REGIONS - 1);
	micro("find the only zero of 2^26", 1000000, find_the_last_zero, &bench);
	return 0;
}
