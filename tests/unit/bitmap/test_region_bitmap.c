/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map against its edges, against an array of bytes that does the same slowly, and at 2^32. */
#include "bitmap/region_bitmap.h"
#include "perf/generator/dice.h"
#include "tests/lib/bitmap_fixture.h"

#include <sys/mman.h>
#include <unistd.h>

static const uint64_t sizes[] = {1, 63, 64, 4095, 4096, 4097, 3 * 4096 + 65, (1 << 20) + 3};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void *make(struct region_bitmap *map, uint64_t nregions)
{
	void *mem = zeroed_memory(region_bitmap_bytes(nregions));

	region_bitmap_init(map, mem, nregions);
	return mem;
}

static uint64_t size_of_shard(const struct region_bitmap *map, uint64_t shard)
{
	uint64_t left = map->nregions - shard * SHARD_REGIONS;

	return left < SHARD_REGIONS ? left : SHARD_REGIONS;
}

static void check_shard(const struct region_bitmap *map, const uint8_t *model, uint64_t shard)
{
	uint64_t size = size_of_shard(map, shard);
	unsigned ones = 0;

	for (uint64_t i = 0; i < SHARD_REGIONS; i++) {
		uint64_t region = shard * SHARD_REGIONS + i;
		bool bit = region_bitmap_word(map, region / 64) >> region % 64 & 1;

		cr_assert_eq(bit, i < size && model[region]);
		if (i < size)
			cr_assert_eq(bit, region_bitmap_test(map, region));
		ones += bit;
	}
	cr_assert_eq(region_bitmap_shard_count(map, shard), ones);
	cr_assert_eq(bit_tree_test(&map->not_full, shard), ones < size);
}

/* Every bit, every count and the summary; bits past nregions are 0. */
static void check_all(const struct region_bitmap *map, const uint8_t *model)
{
	uint64_t ones = 0;

	for (uint64_t shard = 0; shard < map->nshards; shard++) {
		check_shard(map, model, shard);
		ones += region_bitmap_shard_count(map, shard);
	}
	cr_assert_eq(region_bitmap_count(map), ones);
}

static uint64_t model_next_zero(const uint8_t *model, uint64_t nregions, uint64_t from)
{
	const uint8_t *hit = from < nregions ? memchr(model + from, 0, nregions - from) : NULL;

	return hit ? (uint64_t)(hit - model) : nregions;
}

Test(region_bitmap, bytes_are_bits_counts_and_summary)
{
	cr_expect_eq(region_bitmap_bytes(1), 512 + 64 + 64);
	cr_expect_eq(region_bitmap_bytes(4096), 512 + 64 + 64);
	cr_expect_eq(region_bitmap_bytes(4097), 1024 + 64 + 64);
	cr_expect_eq(region_bitmap_bytes(33 * 4096), 33 * 512 + 128 + 64);
}

Test(region_bitmap, new_map_is_all_zero)
{
	for (size_t i = 0; i < SIZES; i++) {
		struct region_bitmap map;
		void *mem = make(&map, sizes[i]);
		uint8_t *model = calloc(sizes[i], 1);

		check_all(&map, model);
		cr_expect_eq(region_bitmap_next_zero(&map, 0), 0);
		cr_expect_eq(region_bitmap_next_zero(&map, sizes[i] - 1), sizes[i] - 1);
		free(model);
		free(mem);
	}
}

Test(region_bitmap, set_and_clear_tell_whether_the_bit_changed)
{
	struct region_bitmap map;
	void *mem = make(&map, 4097);

	cr_expect(region_bitmap_set(&map, 4096));
	cr_expect_not(region_bitmap_set(&map, 4096));
	cr_expect_eq(region_bitmap_count(&map), 1);
	cr_expect_eq(region_bitmap_shard_count(&map, 0), 0);
	cr_expect_eq(region_bitmap_shard_count(&map, 1), 1);
	cr_expect(region_bitmap_clear(&map, 4096));
	cr_expect_not(region_bitmap_clear(&map, 4096));
	cr_expect_eq(region_bitmap_count(&map), 0);
	free(mem);
}

Test(region_bitmap, short_last_shard_is_full_at_its_own_size)
{
	struct region_bitmap map;
	void *mem = make(&map, 4096 + 3);

	for (uint64_t region = 4096; region < 4098; region++)
		region_bitmap_set(&map, region);
	cr_expect(bit_tree_test(&map.not_full, 1));
	cr_expect_eq(region_bitmap_next_zero(&map, 4096), 4098);
	region_bitmap_set(&map, 4098);
	cr_expect_not(bit_tree_test(&map.not_full, 1));
	cr_expect_eq(region_bitmap_next_zero(&map, 4096), 4099);
	region_bitmap_clear(&map, 4097);
	cr_expect_eq(region_bitmap_next_zero(&map, 4096), 4097);
	free(mem);
}

Test(region_bitmap, full_shard_counts_4096)
{
	struct region_bitmap map;
	void *mem = make(&map, 2 * 4096);

	for (uint64_t region = 0; region < 4096; region++)
		region_bitmap_set(&map, region);
	cr_expect_eq(region_bitmap_shard_count(&map, 0), 4096);
	cr_expect_not(bit_tree_test(&map.not_full, 0));
	free(mem);
}

Test(region_bitmap, next_zero_skips_full_shards)
{
	struct region_bitmap map;
	void *mem = make(&map, 200 * 4096);

	region_bitmap_fill_from(&map, 0, true);
	region_bitmap_clear(&map, 150 * 4096 + 77);
	/* A zero slipped in behind the counts: a search that looks at full shards would find it. */
	map.words[70 * 64] = 0;
	cr_expect_eq(region_bitmap_next_zero(&map, 0), 150 * 4096 + 77);
	cr_expect_eq(region_bitmap_next_zero(&map, 70 * 4096), 150 * 4096 + 77);
	cr_expect_eq(region_bitmap_next_zero(&map, 150 * 4096 + 78), 200 * 4096);
	free(mem);
}

Test(region_bitmap, next_zero_of_a_full_map_is_nregions)
{
	for (size_t i = 0; i < SIZES; i++) {
		struct region_bitmap map;
		void *mem = make(&map, sizes[i]);

		region_bitmap_fill_from(&map, 0, true);
		cr_expect_eq(region_bitmap_next_zero(&map, 0), sizes[i]);
		cr_expect_eq(region_bitmap_next_zero(&map, sizes[i] - 1), sizes[i]);
		free(mem);
	}
}

Test(region_bitmap, next_zero_from_beyond_the_end_is_nregions)
{
	for (size_t i = 0; i < SIZES; i++) {
		struct region_bitmap map;
		void *mem = make(&map, sizes[i]);

		cr_expect_eq(region_bitmap_next_zero(&map, sizes[i]), sizes[i]);
		cr_expect_eq(region_bitmap_next_zero(&map, sizes[i] + 4096), sizes[i]);
		cr_expect_eq(region_bitmap_next_zero(&map, UINT64_MAX), sizes[i]);
		free(mem);
	}
}

Test(region_bitmap, fill_from_the_end_changes_nothing)
{
	struct region_bitmap map;
	void *mem = make(&map, 4097);
	uint8_t model[4097] = {0};

	region_bitmap_fill_from(&map, 4097, true);
	region_bitmap_fill_from(&map, UINT64_MAX, true);
	check_all(&map, model);
	free(mem);
}

Test(region_bitmap, fill_from_the_middle_keeps_what_is_before)
{
	struct region_bitmap map;
	void *mem = make(&map, 3 * 4096 + 65);
	uint8_t model[3 * 4096 + 65] = {0};

	region_bitmap_fill_from(&map, 4096 + 70, true);
	memset(model + 4096 + 70, 1, sizeof(model) - 4096 - 70);
	check_all(&map, model);
	region_bitmap_fill_from(&map, 2 * 4096 + 1, false);
	memset(model + 2 * 4096 + 1, 0, sizeof(model) - 2 * 4096 - 1);
	check_all(&map, model);
	free(mem);
}

Test(region_bitmap, load_drops_bits_past_the_end)
{
	struct region_bitmap map;
	void *mem = make(&map, 4096 + 65);
	uint8_t model[4096 + 65] = {0};
	uint8_t shard[SHARD_BYTES];

	memset(shard, 0xFF, sizeof(shard));
	region_bitmap_import_shard(&map, 1, shard);
	memset(model + 4096, 1, 65);
	check_all(&map, model);
	cr_expect_eq(region_bitmap_count(&map), 65);
	free(mem);
}

Test(region_bitmap, store_is_bit_r_mod_8_of_byte_r_div_8)
{
	struct region_bitmap map;
	void *mem = make(&map, 2 * 4096);
	uint8_t shard[SHARD_BYTES], want[SHARD_BYTES] = {0};

	region_bitmap_set(&map, 4096 + 0);
	region_bitmap_set(&map, 4096 + 15);
	region_bitmap_set(&map, 4096 + 66);
	region_bitmap_set(&map, 4096 + 4095);
	want[0] = 0x01;
	want[1] = 0x80;
	want[8] = 0x04;
	want[511] = 0x80;
	region_bitmap_export_shard(&map, 1, shard);
	cr_expect_arr_eq(shard, want, sizeof(want));
	free(mem);
}

static void load_random(struct region_bitmap *map, uint8_t *model, uint64_t *dice, uint64_t shard)
{
	uint8_t in[SHARD_BYTES];
	/* Sometimes full, sometimes empty: the cases where the summary turns. */
	uint64_t kind = dice_roll(dice) % 4;

	for (unsigned i = 0; i < SHARD_BYTES; i++)
		in[i] = kind == 0 ? 0xFF : kind == 1 ? 0 : (uint8_t)dice_roll(dice);
	region_bitmap_import_shard(map, shard, in);
	for (uint64_t i = 0; i < size_of_shard(map, shard); i++)
		model[shard * SHARD_REGIONS + i] = in[i / 8] >> i % 8 & 1;
}

static void fill_random(struct region_bitmap *map, uint8_t *model, uint64_t *dice)
{
	uint64_t first = dice_roll(dice) % (map->nregions + 2);
	bool value = dice_roll(dice) % 2;

	region_bitmap_fill_from(map, first, value);
	if (first < map->nregions)
		memset(model + first, value, map->nregions - first);
}

static void flip_random(struct region_bitmap *map, uint8_t *model, uint64_t *dice)
{
	uint64_t region = dice_roll(dice) % map->nregions;
	bool value = dice_roll(dice) % 2;
	bool changed = value ? region_bitmap_set(map, region) : region_bitmap_clear(map, region);

	cr_assert_eq(changed, model[region] != value);
	model[region] = value;
}

static void random_ops(struct region_bitmap *map, uint8_t *model, uint64_t *dice)
{
	for (int i = 0; i < 2000; i++) {
		uint64_t from = dice_roll(dice) % (map->nregions + 2);
		uint64_t op = dice_roll(dice) % 64;

		if (op == 0)
			fill_random(map, model, dice);
		else if (op < 4)
			load_random(map, model, dice, dice_roll(dice) % map->nshards);
		else
			flip_random(map, model, dice);
		cr_assert_eq(region_bitmap_next_zero(map, from),
			     model_next_zero(model, map->nregions, from));
	}
}

Test(region_bitmap, agrees_with_an_array_of_bytes)
{
	uint64_t dice = 2;

	for (size_t i = 0; i < SIZES; i++) {
		struct region_bitmap map;
		void *mem = make(&map, sizes[i]);
		uint8_t *model = calloc(sizes[i], 1);

		for (int round = 0; round < 4; round++) {
			random_ops(&map, model, &dice);
			check_all(&map, model);
		}
		free(model);
		free(mem);
	}
}

#define HUGE_REGIONS (UINT64_C(1) << 32)

static void *make_huge(struct region_bitmap *map)
{
	size_t bytes = region_bitmap_bytes(HUGE_REGIONS);
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	cr_assert_neq(mem, MAP_FAILED);
	madvise(mem, bytes, MADV_NOHUGEPAGE); /* so that a page touched is a page counted */
	region_bitmap_init(map, mem, HUGE_REGIONS);
	return mem;
}

static size_t pages_in_use(void *mem, size_t bytes)
{
	size_t pages = bytes / (size_t)sysconf(_SC_PAGESIZE), used = 0;
	unsigned char *in_use = malloc(pages);

	cr_assert_eq(mincore(mem, pages * (size_t)sysconf(_SC_PAGESIZE), in_use), 0);
	for (size_t i = 0; i < pages; i++)
		used += in_use[i] & 1;
	free(in_use);
	return used;
}

Test(region_bitmap, huge_map_takes_bits_at_both_ends)
{
	struct region_bitmap map;
	void *mem = make_huge(&map);

	cr_expect_eq(map.nshards, 1u << 20);
	cr_expect(region_bitmap_set(&map, 0));
	cr_expect(region_bitmap_set(&map, HUGE_REGIONS - 1));
	cr_expect(region_bitmap_test(&map, HUGE_REGIONS - 1));
	cr_expect_not(region_bitmap_test(&map, HUGE_REGIONS - 2));
	cr_expect_eq(region_bitmap_count(&map), 2);
	cr_expect_eq(region_bitmap_next_zero(&map, 0), 1);
	cr_expect_eq(region_bitmap_next_zero(&map, HUGE_REGIONS - 1), HUGE_REGIONS);
	region_bitmap_fill_from(&map, HUGE_REGIONS - 4096, true);
	cr_expect_eq(region_bitmap_next_zero(&map, HUGE_REGIONS - 5000), HUGE_REGIONS - 5000);
	cr_expect_eq(region_bitmap_next_zero(&map, HUGE_REGIONS - 4096), HUGE_REGIONS);
	munmap(mem, region_bitmap_bytes(HUGE_REGIONS));
}

Test(region_bitmap, huge_map_is_made_by_touching_its_summary_only)
{
	struct region_bitmap map;
	void *mem = make_huge(&map);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t summary = bit_tree_bytes(map.nshards) / page + 2;

	cr_expect_leq(pages_in_use(mem, region_bitmap_bytes(HUGE_REGIONS)), summary);
	munmap(mem, region_bitmap_bytes(HUGE_REGIONS));
}

Test(region_bitmap, clearing_a_fresh_huge_map_touches_no_bits)
{
	struct region_bitmap map;
	void *mem = make_huge(&map);

	region_bitmap_fill_from(&map, 0, false);
	cr_expect_eq(pages_in_use(mem, map.nshards * SHARD_BYTES), 0);
	munmap(mem, region_bitmap_bytes(HUGE_REGIONS));
}

/* Any span, against the bits one by one: inside a word, a shard, over many, and of shards that are full or empty. */
Test(region_bitmap, counts_a_range)
{
	uint64_t dice = 7;
	struct region_bitmap map;
	void *mem = make(&map, 3 * 4096 + 65);

	region_bitmap_fill_from(&map, 2 * 4096 + 100, true);
	for (unsigned i = 0; i < 500; i++)
		region_bitmap_set(&map, dice_below(&dice, 4096));
	for (unsigned i = 0; i < 3000; i++) {
		uint64_t first = dice_below(&dice, map.nregions);
		uint64_t end = first + dice_below(&dice, map.nregions - first + 1);
		uint64_t ones = 0;

		for (uint64_t region = first; region < end; region++)
			ones += region_bitmap_test(&map, region);
		cr_assert_eq(region_bitmap_count_range(&map, first, end), ones);
	}
	free(mem);
}

/* As memory that was damaged has them. */
Test(region_bitmap, a_rebuild_drops_bits_that_stand_for_no_region)
{
	for (unsigned i = 0; i < SIZES; i++) {
		struct region_bitmap map;
		void *mem = make(&map, sizes[i]);
		uint8_t *model = malloc(sizes[i]);

		memset(model, 1, sizes[i]);
		memset(mem, 0xff, map.nshards * SHARD_BYTES);
		region_bitmap_rebuild(&map);
		check_all(&map, model);
		free(model);
		free(mem);
	}
}
