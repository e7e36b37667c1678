/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of small integers with find-next in O(log64 n): the summary behind every search.
 *
 * Level 0 holds one bit per member; a bit of level k+1 says that a word of level k is not zero.
 *
 * | who            | may call                                            |
 * |----------------|-----------------------------------------------------|
 * | the owner      | everything (one thread at a time, see server/log/log.h) |
 * | any other      | bit_tree_test; its answer may be out of date        |
 */
#ifndef BITMAP_BIT_TREE_H
#define BITMAP_BIT_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_TREE_LEVELS 8
#define BIT_TREE_NONE UINT64_MAX

struct bit_tree {
	uint64_t nbits;
	unsigned levels;
	_Atomic uint64_t *level[BIT_TREE_LEVELS];
};

/* Bytes of memory that a tree of nbits bits needs (a multiple of 64). nbits >= 1. */
size_t bit_tree_bytes(uint64_t nbits);

/* Lay an empty tree over mem: 64-byte aligned, bit_tree_bytes(nbits) long, ZEROED by the caller
 * (mmap gives it so, and a set of 2^32 members must not be touched to be made). The memory stays
 * the caller's and must outlive the tree. */
void bit_tree_init(struct bit_tree *tree, void *mem, uint64_t nbits);

bool bit_tree_test(const struct bit_tree *tree, uint64_t bit);
void bit_tree_set(struct bit_tree *tree, uint64_t bit);
void bit_tree_clear(struct bit_tree *tree, uint64_t bit);
bool bit_tree_empty(const struct bit_tree *tree);

/* Make every bit of [0, nbits) set. O(nbits / 64). */
void bit_tree_set_all(struct bit_tree *tree);

/* Believe level 0 alone and make the others anew: the owner died amid a change. O(nbits / 64). */
void bit_tree_rebuild(struct bit_tree *tree);

/* The lowest member >= from, or BIT_TREE_NONE. from may be >= nbits. */
uint64_t bit_tree_next(const struct bit_tree *tree, uint64_t from);

#endif
