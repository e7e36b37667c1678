/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bits of a map, and the one place (set_ones) where counts and summary follow them.
 *
 * Memory order: relaxed throughout. Only the owner writes, so a load and a store do the work of a
 * read-modify-write without its bus lock; the words are atomic so that a reader of another thread
 * never sees half of one. What makes an owner's writes visible to the next owner is the hand-over
 * of the log in server/ (release by the one, acquire by the other), not this file.
 *
 * Words are numbers of the host; only _store_shard and _load_shard know the order of the image.
 */
#include "bitmap/region_bitmap.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define WORD_BITS 64u
#define SHARD_WORDS (SHARD_REGIONS / WORD_BITS)
#define LINE_BYTES 64u

_Static_assert(SHARD_BYTES * 8 == SHARD_REGIONS, "a bit for each region of a shard");
_Static_assert(SHARD_REGIONS <= UINT16_MAX, "shard_ones holds the count of a full shard");
_Static_assert(SHARD_BYTES % LINE_BYTES == 0, "shards share no cache line");
_Static_assert(sizeof(_Atomic uint64_t) == sizeof(uint64_t), "words lie as in the image");

static uint64_t shards_for(uint64_t nregions)
{
	return nregions / SHARD_REGIONS + (nregions % SHARD_REGIONS != 0);
}

static size_t counts_bytes(uint64_t nshards)
{
	return (nshards * sizeof(uint16_t) + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
}

static uint64_t load_word(const struct region_bitmap *map, uint64_t word)
{
	return atomic_load_explicit(&map->words[word], memory_order_relaxed);
}

static void store_word(struct region_bitmap *map, uint64_t word, uint64_t value)
{
	atomic_store_explicit(&map->words[word], value, memory_order_relaxed);
}

static uint64_t region_mask(uint64_t region)
{
	return UINT64_C(1) << region % WORD_BITS;
}

/* One past the last region of a shard: the last shard ends where the map does. */
static uint64_t shard_end(const struct region_bitmap *map, uint64_t shard)
{
	return shard + 1 < map->nshards ? (shard + 1) * SHARD_REGIONS : map->nregions;
}

static unsigned shard_size(const struct region_bitmap *map, uint64_t shard)
{
	return (unsigned)(shard_end(map, shard) - shard * SHARD_REGIONS);
}

/* The bits of a word that stand for regions of [first, end). The two must overlap. */
static uint64_t span_mask(uint64_t word, uint64_t first, uint64_t end)
{
	uint64_t start = word * WORD_BITS;
	uint64_t mask = UINT64_MAX;

	if (first > start)
		mask <<= first - start;
	if (end - start < WORD_BITS)
		mask &= region_mask(end) - 1;
	return mask;
}

/* Every change of bits ends here, with the new count of its shard. */
static void set_ones(struct region_bitmap *map, uint64_t shard, unsigned ones)
{
	unsigned before = region_bitmap_shard_count(map, shard);
	unsigned full = shard_size(map, shard);

	assert(ones <= full && before <= full);
	assert(region_bitmap_count(map) >= before);

	atomic_store_explicit(&map->shard_ones[shard], (uint16_t)ones, memory_order_relaxed);
	atomic_store_explicit(&map->ones, region_bitmap_count(map) + ones - before,
			      memory_order_relaxed);
	if (ones == full)
		bit_tree_clear(&map->not_full, shard);
	else if (before == full)
		bit_tree_set(&map->not_full, shard);
}

size_t region_bitmap_bytes(uint64_t nregions)
{
	uint64_t nshards = shards_for(nregions);

	return nshards * SHARD_BYTES + counts_bytes(nshards) + bit_tree_bytes(nshards);
}

static void lay_map(struct region_bitmap *map, void *mem, uint64_t nregions)
{
	uint64_t nshards = shards_for(nregions);
	uint8_t *counts = (uint8_t *)mem + nshards * SHARD_BYTES;

	*map = (struct region_bitmap){
		.nregions = nregions,
		.nshards = nshards,
		.words = mem,
		.shard_ones = (_Atomic uint16_t *)counts,
	};
	bit_tree_init(&map->not_full, counts + counts_bytes(nshards), nshards);
}

void region_bitmap_init(struct region_bitmap *map, void *mem, uint64_t nregions)
{
	lay_map(map, mem, nregions);
	bit_tree_set_all(&map->not_full);
}

static void sum_up(struct region_bitmap *map)
{
	uint64_t ones = 0;

	for (uint64_t shard = 0; shard < map->nshards; shard++)
		ones += region_bitmap_shard_count(map, shard);
	atomic_store_explicit(&map->ones, ones, memory_order_relaxed);
}

void region_bitmap_take_over(struct region_bitmap *map, void *mem, uint64_t nregions)
{
	lay_map(map, mem, nregions);
	sum_up(map);
}

static unsigned count_shard(const struct region_bitmap *map, uint64_t shard)
{
	uint64_t first = shard * SHARD_WORDS;
	unsigned ones = 0;

	for (uint64_t word = first; word * WORD_BITS < shard_end(map, shard); word++)
		ones += (unsigned)__builtin_popcountll(load_word(map, word));
	return ones;
}

/* Bits of the last shard that stand for no region: damage alone can have set one. */
static void clear_tail(struct region_bitmap *map)
{
	uint64_t word = map->nregions / WORD_BITS;
	uint64_t end = map->nshards * SHARD_WORDS;

	if (word < end)
		store_word(map, word, load_word(map, word) & (region_mask(map->nregions) - 1));
	while (++word < end)
		store_word(map, word, 0);
}

void region_bitmap_rebuild(struct region_bitmap *map)
{
	clear_tail(map);
	for (uint64_t shard = 0; shard < map->nshards; shard++) {
		unsigned ones = count_shard(map, shard);

		atomic_store_explicit(&map->shard_ones[shard], (uint16_t)ones,
				      memory_order_relaxed);
		if (ones == shard_size(map, shard))
			bit_tree_clear(&map->not_full, shard);
		else
			bit_tree_set(&map->not_full, shard);
	}
	bit_tree_rebuild(&map->not_full);
	sum_up(map);
}

bool region_bitmap_test(const struct region_bitmap *map, uint64_t region)
{
	assert(region < map->nregions);
	return load_word(map, region / WORD_BITS) & region_mask(region);
}

bool region_bitmap_set(struct region_bitmap *map, uint64_t region)
{
	uint64_t shard = region / SHARD_REGIONS;
	uint64_t old;

	assert(region < map->nregions);
	old = load_word(map, region / WORD_BITS);
	if (old & region_mask(region))
		return false;
	store_word(map, region / WORD_BITS, old | region_mask(region));
	set_ones(map, shard, region_bitmap_shard_count(map, shard) + 1);
	return true;
}

bool region_bitmap_clear(struct region_bitmap *map, uint64_t region)
{
	uint64_t shard = region / SHARD_REGIONS;
	uint64_t old;

	assert(region < map->nregions);
	old = load_word(map, region / WORD_BITS);
	if (!(old & region_mask(region)))
		return false;
	store_word(map, region / WORD_BITS, old & ~region_mask(region));
	set_ones(map, shard, region_bitmap_shard_count(map, shard) - 1);
	return true;
}

/* Fill [first, end of first's shard). */
static void fill_shard_from(struct region_bitmap *map, uint64_t first, bool value)
{
	uint64_t shard = first / SHARD_REGIONS;
	uint64_t end = shard_end(map, shard);
	unsigned ones = region_bitmap_shard_count(map, shard);

	/* Nothing to change: a fresh map of many regions is cleared without touching its pages. */
	if (ones == (value ? shard_size(map, shard) : 0))
		return;
	for (uint64_t word = first / WORD_BITS; word * WORD_BITS < end; word++) {
		uint64_t old = load_word(map, word);
		uint64_t mask = span_mask(word, first, end);
		uint64_t new = value ? old | mask : old & ~mask;

		store_word(map, word, new);
		ones += (unsigned)__builtin_popcountll(new);
		ones -= (unsigned)__builtin_popcountll(old);
	}
	set_ones(map, shard, ones);
}

void region_bitmap_fill_from(struct region_bitmap *map, uint64_t first, bool value)
{
	while (first < map->nregions) {
		fill_shard_from(map, first, value);
		first = shard_end(map, first / SHARD_REGIONS);
	}
}

uint64_t region_bitmap_count(const struct region_bitmap *map)
{
	return atomic_load_explicit(&map->ones, memory_order_relaxed);
}

unsigned region_bitmap_shard_count(const struct region_bitmap *map, uint64_t shard)
{
	return atomic_load_explicit(&map->shard_ones[shard], memory_order_relaxed);
}

/* Of [first, end), inside a shard. Words that hold no bit, or all, are not looked at: they may never have been in
 * memory. */
static unsigned count_in_shard(const struct region_bitmap *map, uint64_t first, uint64_t end)
{
	uint64_t shard = first / SHARD_REGIONS;
	unsigned all = region_bitmap_shard_count(map, shard);
	unsigned ones = 0;

	if (all == 0 || end - first == shard_size(map, shard))
		return all;
	if (all == shard_size(map, shard))
		return (unsigned)(end - first);
	for (uint64_t word = first / WORD_BITS; word * WORD_BITS < end; word++)
		ones += (unsigned)__builtin_popcountll(load_word(map, word) &
						       span_mask(word, first, end));
	return ones;
}

uint64_t region_bitmap_count_range(const struct region_bitmap *map, uint64_t first, uint64_t end)
{
	uint64_t ones = 0;

	assert(end <= map->nregions);
	while (first < end) {
		uint64_t next = shard_end(map, first / SHARD_REGIONS);

		if (next > end)
			next = end;
		ones += count_in_shard(map, first, next);
		first = next;
	}
	return ones;
}

/* The lowest zero at or above from in from's shard; when it has none, a number that is not below
 * the shard's end (the zeros past nregions in the last shard are no regions). */
static uint64_t zero_in_shard(const struct region_bitmap *map, uint64_t from)
{
	uint64_t end = shard_end(map, from / SHARD_REGIONS);
	uint64_t hidden = region_mask(from) - 1; /* what lies below from in its word */

	for (uint64_t word = from / WORD_BITS; word * WORD_BITS < end; word++) {
		uint64_t zeros = ~(load_word(map, word) | hidden);

		if (zeros)
			return word * WORD_BITS + (uint64_t)__builtin_ctzll(zeros);
		hidden = 0;
	}
	return end;
}

uint64_t region_bitmap_next_zero(const struct region_bitmap *map, uint64_t from)
{
	uint64_t own = from / SHARD_REGIONS;
	uint64_t shard = bit_tree_next(&map->not_full, own);

	if (from >= map->nregions)
		return map->nregions;
	if (shard == own) {
		uint64_t zero = zero_in_shard(map, from);

		if (zero < shard_end(map, own))
			return zero;
		shard = bit_tree_next(&map->not_full, own + 1);
	}
	if (shard == BIT_TREE_NONE)
		return map->nregions;
	return zero_in_shard(map, shard * SHARD_REGIONS);
}

void region_bitmap_export_shard(const struct region_bitmap *map, uint64_t shard,
				uint8_t out[SHARD_BYTES])
{
	assert(shard < map->nshards);
	for (unsigned i = 0; i < SHARD_WORDS; i++) {
		uint64_t le = htole64(load_word(map, shard * SHARD_WORDS + i));

		memcpy(out + i * sizeof(le), &le, sizeof(le));
	}
}

void region_bitmap_import_shard(struct region_bitmap *map, uint64_t shard,
				const uint8_t in[SHARD_BYTES])
{
	uint64_t first = shard * SHARD_WORDS;
	uint64_t end = shard_end(map, shard);
	unsigned ones = 0;

	assert(shard < map->nshards);
	for (unsigned i = 0; i < SHARD_WORDS && (first + i) * WORD_BITS < end; i++) {
		uint64_t bits;

		memcpy(&bits, in + i * sizeof(bits), sizeof(bits));
		bits = le64toh(bits) & span_mask(first + i, 0, end);
		store_word(map, first + i, bits);
		ones += (unsigned)__builtin_popcountll(bits);
	}
	set_ones(map, shard, ones);
}

uint64_t region_bitmap_word(const struct region_bitmap *map, uint64_t word)
{
	assert(word < map->nshards * SHARD_WORDS);
	return load_word(map, word);
}
