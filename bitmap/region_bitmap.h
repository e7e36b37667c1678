/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One bit per region, in shards of 4,096: atomic bits, counts that are kept and never recounted,
 * and the next zero found without a scan.
 *
 * A shard is the unit of everything: 512 bytes of bits, one sector of the log image. Bit r of the
 * map is bit r % 8 of byte r / 8 (the kernel's little-endian order, drivers/md/dm-log.c).
 *
 * | who            | may call                                                     |
 * |----------------|--------------------------------------------------------------|
 * | the owner      | everything (one thread at a time, see server/log/log.h)          |
 * | any other      | region_bitmap_test, _count, _count_range: a moment old       |
 */
#ifndef BITMAP_REGION_BITMAP_H
#define BITMAP_REGION_BITMAP_H

#include "bitmap/bit_tree.h"

#define SHARD_REGIONS 4096u
#define SHARD_BYTES 512u

struct region_bitmap {
	uint64_t nregions;
	uint64_t nshards;
	_Atomic uint64_t *words; /* 64 words a shard; bits past nregions are always 0 */
	_Atomic uint16_t *shard_ones; /* set bits of each shard */
	struct bit_tree not_full; /* shards with a zero bit below nregions */
	_Atomic uint64_t ones; /* set bits of the map */
};

/* Bytes of memory for a map of nregions regions (a multiple of 64). nregions >= 1. */
size_t region_bitmap_bytes(uint64_t nregions);

/* Lay an all-zero map over mem: 64-byte aligned, region_bitmap_bytes() long, ZEROED by the caller,
 * the caller's, outliving the map. Touches only the summary. */
void region_bitmap_init(struct region_bitmap *map, void *mem, uint64_t nregions);

/* Lay a map over memory in which one lives, at whatever address it was. O(shards). */
void region_bitmap_take_over(struct region_bitmap *map, void *mem, uint64_t nregions);

/* Believe the bits alone and make counts and summary anew: the owner died amid a change.
 * O(nregions / 64). */
void region_bitmap_rebuild(struct region_bitmap *map);

/* Single bits; region < nregions is the caller's duty (validated at the edge). _set and _clear
 * return true when the bit changed. */
bool region_bitmap_test(const struct region_bitmap *map, uint64_t region);
bool region_bitmap_set(struct region_bitmap *map, uint64_t region);
bool region_bitmap_clear(struct region_bitmap *map, uint64_t region);

/* Set or clear all of [first, nregions); a no-op when first >= nregions. O(shards touched). */
void region_bitmap_fill_from(struct region_bitmap *map, uint64_t first, bool value);

/* Set bits in the whole map / in one shard. */
uint64_t region_bitmap_count(const struct region_bitmap *map);
unsigned region_bitmap_shard_count(const struct region_bitmap *map, uint64_t shard);

/* Set bits in [first, end), end at most nregions. O(shards), and of the two at the ends the words. */
uint64_t region_bitmap_count_range(const struct region_bitmap *map, uint64_t first, uint64_t end);

/* The lowest region >= from whose bit is 0, or nregions when there is none. O(log n). */
uint64_t region_bitmap_next_zero(const struct region_bitmap *map, uint64_t from);

/* Copy one shard out to / in from its 512 bytes of the log image. _load drops bits past nregions
 * and brings counts and summary up to date. */
void region_bitmap_export_shard(const struct region_bitmap *map, uint64_t shard,
				uint8_t out[SHARD_BYTES]);
void region_bitmap_import_shard(struct region_bitmap *map, uint64_t shard,
				const uint8_t in[SHARD_BYTES]);

/* Word w (64 regions, bit i = region 64 * w + i) of the map, for loops over many regions. */
uint64_t region_bitmap_word(const struct region_bitmap *map, uint64_t word);

#endif
