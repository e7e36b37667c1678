/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The levels of the set laid out in one block of memory, and the walks up and down between them.
 *
 * Memory order: relaxed throughout. Only the owner writes, so a load and a store do the work of a
 * read-modify-write without its bus lock; the words are atomic so that a reader of another thread
 * never sees half of one. What makes an owner's writes visible to the next owner is the hand-over
 * of the log in server/ (release by the one, acquire by the other), not this file.
 */
#include "bitmap/bit_tree.h"

#include <assert.h>

#define WORD_BITS 64u
#define LINE_BYTES 64u
#define LINE_WORDS (LINE_BYTES / sizeof(uint64_t))

static uint64_t words_for(uint64_t bits)
{
	return bits / WORD_BITS + (bits % WORD_BITS != 0);
}

/* Levels start on cache lines of their own: what a walk reads of one is no other's neighbour. */
static uint64_t padded_words_for(uint64_t bits)
{
	return (words_for(bits) + LINE_WORDS - 1) / LINE_WORDS * LINE_WORDS;
}

static uint64_t load(const struct bit_tree *tree, unsigned level, uint64_t word)
{
	return atomic_load_explicit(&tree->level[level][word], memory_order_relaxed);
}

static void store(struct bit_tree *tree, unsigned level, uint64_t word, uint64_t value)
{
	atomic_store_explicit(&tree->level[level][word], value, memory_order_relaxed);
}

static uint64_t bit_mask(uint64_t bit)
{
	return UINT64_C(1) << bit % WORD_BITS;
}

size_t bit_tree_bytes(uint64_t nbits)
{
	uint64_t words = padded_words_for(nbits);

	while (nbits > WORD_BITS) {
		nbits = words_for(nbits);
		words += padded_words_for(nbits);
	}
	return words * sizeof(uint64_t);
}

void bit_tree_init(struct bit_tree *tree, void *mem, uint64_t nbits)
{
	_Atomic uint64_t *next = mem;

	*tree = (struct bit_tree){.nbits = nbits};
	for (;;) {
		assert(tree->levels < BIT_TREE_LEVELS);
		tree->level[tree->levels++] = next;
		if (nbits <= WORD_BITS)
			return;
		next += padded_words_for(nbits);
		nbits = words_for(nbits);
	}
}

bool bit_tree_test(const struct bit_tree *tree, uint64_t bit)
{
	assert(bit < tree->nbits);
	return load(tree, 0, bit / WORD_BITS) & bit_mask(bit);
}

void bit_tree_set(struct bit_tree *tree, uint64_t bit)
{
	assert(bit < tree->nbits);
	for (unsigned level = 0; level < tree->levels; level++) {
		uint64_t old = load(tree, level, bit / WORD_BITS);

		store(tree, level, bit / WORD_BITS, old | bit_mask(bit));
		if (old) /* the levels above know this word already */
			return;
		bit /= WORD_BITS;
	}
}

void bit_tree_clear(struct bit_tree *tree, uint64_t bit)
{
	assert(bit < tree->nbits);
	for (unsigned level = 0; level < tree->levels; level++) {
		uint64_t left = load(tree, level, bit / WORD_BITS) & ~bit_mask(bit);

		store(tree, level, bit / WORD_BITS, left);
		if (left)
			return;
		bit /= WORD_BITS;
	}
}

bool bit_tree_empty(const struct bit_tree *tree)
{
	return load(tree, tree->levels - 1, 0) == 0;
}

static void fill_level(struct bit_tree *tree, unsigned level, uint64_t bits)
{
	uint64_t whole = bits / WORD_BITS;

	for (uint64_t word = 0; word < whole; word++)
		store(tree, level, word, UINT64_MAX);
	if (bits % WORD_BITS)
		store(tree, level, whole, bit_mask(bits) - 1);
}

void bit_tree_set_all(struct bit_tree *tree)
{
	uint64_t bits = tree->nbits;

	for (unsigned level = 0; level < tree->levels; level++) {
		fill_level(tree, level, bits);
		bits = words_for(bits);
	}
}

void bit_tree_rebuild(struct bit_tree *tree)
{
	uint64_t words = words_for(tree->nbits);

	for (unsigned level = 1; level < tree->levels; level++) {
		uint64_t above = words_for(words);

		for (uint64_t word = 0; word < above; word++)
			store(tree, level, word, 0);
		for (uint64_t word = 0; word < words; word++)
			if (load(tree, level - 1, word))
				store(tree, level, word / WORD_BITS,
				      load(tree, level, word / WORD_BITS) | bit_mask(word));
		words = above;
	}
}

/* The lowest member below the set bit of this level. */
static uint64_t descend(const struct bit_tree *tree, unsigned level, uint64_t bit)
{
	while (level-- > 0) {
		assert(load(tree, level, bit)); /* the level above knows of a member here */
		bit = bit * WORD_BITS + (uint64_t)__builtin_ctzll(load(tree, level, bit));
	}
	return bit;
}

uint64_t bit_tree_next(const struct bit_tree *tree, uint64_t from)
{
	uint64_t bits = tree->nbits;

	for (unsigned level = 0; level < tree->levels && from < bits; level++) {
		uint64_t word = from / WORD_BITS;
		uint64_t found = load(tree, level, word) & -bit_mask(from);

		if (found)
			return descend(tree, level,
				       word * WORD_BITS + (uint64_t)__builtin_ctzll(found));
		from = word + 1; /* the rest of this word is empty: go on in the next one */
		bits = words_for(bits);
	}
	return BIT_TREE_NONE;
}
