/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log image of any bytes and any geometry, decoded: no stray access, and counts that are true.
 *
 * Input: u8 log2 of the block size over 512 (mod 8), le24 nregions - 1 (mod 2^20), u8 first block,
 * u8 end block, then the image as it would be read from the device. Blocks [first, end) are
 * decoded a second time on top of the whole image.
 */
#include "bitmap/log_image.h"

#include <stdlib.h>
#include <string.h>

#define GEOMETRY_BYTES 6
#define MAX_REGIONS (1u << 20)

/* Not assert(): it must hold in every build. */
static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_counts(const struct region_bitmap *map)
{
	uint64_t ones = 0;

	for (uint64_t shard = 0; shard < map->nshards; shard++) {
		unsigned in_shard = 0;

		for (uint64_t i = 0; i < SHARD_REGIONS / 64; i++)
			in_shard += (unsigned)__builtin_popcountll(
				region_bitmap_word(map, shard * (SHARD_REGIONS / 64) + i));
		check(region_bitmap_shard_count(map, shard) == in_shard);
		ones += in_shard;
	}
	check(region_bitmap_count(map) == ones);
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

/* Nothing is set that the header does not vouch for; the search agrees with the bits. */
static void check_bits(const struct region_bitmap *map, uint64_t valid_regions)
{
	uint64_t end = at_most(map->nregions, valid_regions);
	uint64_t zero = map->nregions;

	for (uint64_t word = map->nshards * (SHARD_REGIONS / 64); word-- > 0;) {
		uint64_t bits = region_bitmap_word(map, word);

		if (word * 64 >= end)
			check(bits == 0);
		else if (end - word * 64 < 64)
			check(bits >> (end - word * 64) == 0);
		if (~bits)
			zero = word * 64 + (uint64_t)__builtin_ctzll(~bits);
	}
	check(region_bitmap_next_zero(map, 0) == at_most(zero, map->nregions));
}

/* Returns its memory, the caller's. */
static void *make_map(struct region_bitmap *map, uint64_t nregions)
{
	size_t size = region_bitmap_bytes(nregions);
	void *mem = aligned_alloc(64, size);

	memset(mem, 0, size);
	region_bitmap_init(map, mem, nregions);
	return mem;
}

static void check_round_trip(const struct log_image *image, const struct region_bitmap *map,
			     uint8_t *bytes)
{
	struct log_image_header header;
	struct region_bitmap again;
	void *mem = make_map(&again, map->nregions);

	log_image_encode_blocks(image, map, 0, log_image_blocks(image), bytes);
	check(log_image_decode_header(bytes, &header) == LOG_IMAGE_VALID);
	check(header.nr_regions == image->nregions);
	log_image_decode_blocks(image, &again, header.nr_regions, 0, log_image_blocks(image),
				bytes);
	check(memcmp(map->words, again.words, map->nshards * SHARD_BYTES) == 0);
	check(region_bitmap_count(map) == region_bitmap_count(&again));
	free(mem);
}

static void decode(const struct log_image *image, uint8_t *bytes, uint64_t first, uint64_t end)
{
	struct log_image_header header;
	struct region_bitmap map;
	void *mem = make_map(&map, image->nregions);

	if (log_image_decode_header(bytes, &header) != LOG_IMAGE_VALID)
		check(header.nr_regions == 0 && header.note == LOG_IMAGE_NO_NOTE);
	check(header.region_size == 0 || header.note == LOG_IMAGE_NOTE_HOLDS);
	log_image_decode_blocks(image, &map, header.nr_regions, 0, log_image_blocks(image), bytes);
	if (first < end)
		log_image_decode_blocks(image, &map, header.nr_regions, first, end - first,
					bytes + first * image->block_bytes);
	check_counts(&map);
	check_bits(&map, header.nr_regions);
	check_round_trip(image, &map, bytes);
	free(mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_image image = {0};
	uint8_t *bytes;

	if (size < GEOMETRY_BYTES)
		return 0;
	image.block_bytes = 512u << data[0] % 8;
	image.nregions =
		1 + (data[1] | (uint32_t)data[2] << 8 | (uint32_t)data[3] << 16) % MAX_REGIONS;
	bytes = calloc(1, log_image_bytes(&image));
	memcpy(bytes, data + GEOMETRY_BYTES,
	       at_most(size - GEOMETRY_BYTES, log_image_bytes(&image)));
	decode(&image, bytes, at_most(data[4], log_image_blocks(&image)),
	       at_most(data[5], log_image_blocks(&image)));
	free(bytes);
	return 0;
}
