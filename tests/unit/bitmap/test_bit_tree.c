/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set against its edges and against an array of bytes that does the same slowly. */
#include "bitmap/bit_tree.h"
#include "perf/generator/dice.h"
#include "tests/lib/bitmap_fixture.h"

static const uint64_t sizes[] = {1, 63, 64, 65, 4096, 4097, 64 * 64 * 64, 64 * 64 * 64 + 1};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void *make(struct bit_tree *tree, uint64_t nbits)
{
	void *mem = zeroed_memory(bit_tree_bytes(nbits));

	bit_tree_init(tree, mem, nbits);
	return mem;
}

static uint64_t words_of(uint64_t bits)
{
	return (bits + 63) / 64;
}

/* A bit of level k+1 is set exactly when its word of level k is not zero. */
static void check_levels(const struct bit_tree *tree)
{
	uint64_t bits = tree->nbits;

	for (unsigned k = 0; k + 1 < tree->levels; k++) {
		bits = words_of(bits);
		for (uint64_t word = 0; word < bits; word++) {
			bool above = tree->level[k + 1][word / 64] >> word % 64 & 1;

			cr_assert_eq(above, tree->level[k][word] != 0, "level %u word %lu", k,
				     (unsigned long)word);
		}
	}
	cr_assert_eq(words_of(bits), 1);
}

static void check_members(const struct bit_tree *tree, const uint8_t *model)
{
	for (uint64_t bit = 0; bit < tree->nbits; bit++)
		cr_assert_eq(bit_tree_test(tree, bit), model[bit]);
	cr_assert_eq(bit_tree_empty(tree), memchr(model, 1, tree->nbits) == NULL);
}

static uint64_t model_next(const uint8_t *model, uint64_t nbits, uint64_t from)
{
	const uint8_t *hit = from < nbits ? memchr(model + from, 1, nbits - from) : NULL;

	return hit ? (uint64_t)(hit - model) : BIT_TREE_NONE;
}

Test(bit_tree, bytes_are_whole_cache_lines_a_level)
{
	cr_expect_eq(bit_tree_bytes(1), 64);
	cr_expect_eq(bit_tree_bytes(64), 64);
	cr_expect_eq(bit_tree_bytes(65), 128);
	cr_expect_eq(bit_tree_bytes(512), 128);
	cr_expect_eq(bit_tree_bytes(513), 192);
	/* 131,072 + 2,048 + 64 (of 4 words) + 64 (of 1 word) */
	cr_expect_eq(bit_tree_bytes(1u << 20), 133248);
}

Test(bit_tree, new_tree_is_empty)
{
	for (size_t i = 0; i < SIZES; i++) {
		struct bit_tree tree;
		void *mem = make(&tree, sizes[i]);

		cr_expect(bit_tree_empty(&tree));
		cr_expect_not(bit_tree_test(&tree, sizes[i] - 1));
		cr_expect_eq(bit_tree_next(&tree, 0), BIT_TREE_NONE);
		free(mem);
	}
}

Test(bit_tree, init_leaves_the_memory_zeroed)
{
	struct bit_tree tree;
	uint8_t *mem = make(&tree, 4097);

	for (size_t i = 0; i < bit_tree_bytes(4097); i++)
		cr_assert_eq(mem[i], 0);
	free(mem);
}

Test(bit_tree, next_finds_the_last_bit_from_the_first)
{
	for (size_t i = 0; i < SIZES; i++) {
		struct bit_tree tree;
		void *mem = make(&tree, sizes[i]);

		bit_tree_set(&tree, sizes[i] - 1);
		cr_expect_not(bit_tree_empty(&tree));
		cr_expect_eq(bit_tree_next(&tree, 0), sizes[i] - 1);
		cr_expect_eq(bit_tree_next(&tree, sizes[i] - 1), sizes[i] - 1);
		free(mem);
	}
}

Test(bit_tree, next_from_beyond_the_end_is_none)
{
	for (size_t i = 0; i < SIZES; i++) {
		struct bit_tree tree;
		void *mem = make(&tree, sizes[i]);

		bit_tree_set_all(&tree);
		cr_expect_eq(bit_tree_next(&tree, sizes[i]), BIT_TREE_NONE);
		cr_expect_eq(bit_tree_next(&tree, sizes[i] + 64), BIT_TREE_NONE);
		cr_expect_eq(bit_tree_next(&tree, UINT64_MAX), BIT_TREE_NONE);
		free(mem);
	}
}

Test(bit_tree, next_never_goes_back)
{
	struct bit_tree tree;
	void *mem = make(&tree, 1u << 20);

	bit_tree_set(&tree, 64 * 64 - 1);
	bit_tree_set(&tree, 64 * 64 * 64);
	cr_expect_eq(bit_tree_next(&tree, 64 * 64 - 1), 64 * 64 - 1);
	cr_expect_eq(bit_tree_next(&tree, 64 * 64), 64 * 64 * 64);
	cr_expect_eq(bit_tree_next(&tree, 64 * 64 * 64 + 1), BIT_TREE_NONE);
	free(mem);
}

Test(bit_tree, set_all_is_every_bit_and_no_more)
{
	for (size_t i = 0; i < SIZES; i++) {
		struct bit_tree tree;
		void *mem = make(&tree, sizes[i]);
		uint64_t members = 0;

		bit_tree_set_all(&tree);
		check_levels(&tree);
		for (uint64_t word = 0; word < words_of(sizes[i]); word++)
			members += (uint64_t)__builtin_popcountll(tree.level[0][word]);
		cr_expect_eq(members, sizes[i]);
		for (uint64_t bit = 0; bit < sizes[i]; bit++)
			cr_assert_eq(bit_tree_next(&tree, bit), bit);
		free(mem);
	}
}

Test(bit_tree, clearing_the_last_member_empties_the_tree)
{
	struct bit_tree tree;
	void *mem = make(&tree, 64 * 64 * 64 + 1);

	bit_tree_set(&tree, 5);
	bit_tree_set(&tree, 64 * 64 * 64);
	bit_tree_clear(&tree, 5);
	cr_expect_not(bit_tree_empty(&tree));
	bit_tree_clear(&tree, 64 * 64 * 64);
	cr_expect(bit_tree_empty(&tree));
	check_levels(&tree);
	free(mem);
}

Test(bit_tree, setting_and_clearing_twice_changes_nothing_more)
{
	struct bit_tree tree;
	void *mem = make(&tree, 4097);

	bit_tree_set(&tree, 4096);
	bit_tree_set(&tree, 4096);
	bit_tree_clear(&tree, 4095);
	cr_expect_eq(bit_tree_next(&tree, 0), 4096);
	bit_tree_clear(&tree, 4096);
	bit_tree_clear(&tree, 4096);
	cr_expect(bit_tree_empty(&tree));
	free(mem);
}

/* Odds of a set swing from nearly never to nearly always, so the tree fills and drains. */
static void random_ops(struct bit_tree *tree, uint8_t *model, uint64_t *dice, unsigned odds)
{
	for (int i = 0; i < 1000; i++) {
		uint64_t bit = dice_roll(dice) % tree->nbits;
		uint64_t from = dice_roll(dice) % (tree->nbits + 2);

		model[bit] = dice_roll(dice) % 16 < odds;
		if (model[bit])
			bit_tree_set(tree, bit);
		else
			bit_tree_clear(tree, bit);
		cr_assert_eq(bit_tree_test(tree, bit), model[bit]);
		cr_assert_eq(bit_tree_next(tree, from), model_next(model, tree->nbits, from));
	}
}

Test(bit_tree, agrees_with_an_array_of_bytes)
{
	static const unsigned odds[] = {1, 8, 15, 8, 1, 0};
	uint64_t dice = 1;

	for (size_t i = 0; i < SIZES; i++) {
		struct bit_tree tree;
		void *mem = make(&tree, sizes[i]);
		uint8_t *model = calloc(sizes[i], 1);

		for (size_t k = 0; k < sizeof(odds) / sizeof(odds[0]); k++) {
			random_ops(&tree, model, &dice, odds[k]);
			check_levels(&tree);
			check_members(&tree, model);
		}
		free(model);
		free(mem);
	}
}

/* As a death amid a change, or damage, leaves the levels above. */
Test(bit_tree, a_rebuild_believes_the_lowest_level_alone)
{
	uint64_t nbits = 3 * 64 * 64;
	void *mem = zeroed_memory(bit_tree_bytes(nbits));
	struct bit_tree tree;

	bit_tree_init(&tree, mem, nbits);
	bit_tree_set(&tree, 64 * 64 + 5);
	for (unsigned level = 1; level < tree.levels; level++)
		atomic_store(&tree.level[level][0], UINT64_MAX);
	bit_tree_rebuild(&tree);
	cr_assert_eq(bit_tree_next(&tree, 0), 64 * 64 + 5);
	cr_assert_eq(bit_tree_next(&tree, 64 * 64 + 6), BIT_TREE_NONE);
	free(mem);
}
