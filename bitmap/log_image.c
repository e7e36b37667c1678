/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image taken apart into sectors of 512 bytes: the header, a gap, then a shard each.
 *
 * A block of any size is a whole number of such sectors, so nothing here depends on how the
 * device groups them. All memory orders are region_bitmap's.
 */
#include "bitmap/log_image.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define SECTOR_BYTES SHARD_BYTES
#define FIRST_SHARD_SECTOR (LOG_IMAGE_BITS_OFFSET / SECTOR_BYTES)

enum { MAGIC_AT = 0, VERSION_AT = 4, NR_REGIONS_AT = 8, HEADER_END = 16 };
enum { NOTE_AT = 64, NOTE_SIZE_AT = 68, NOTE_REGIONS_AT = 72, NOTE_CHECK_AT = 80, NOTE_END = 88 };

#define NOTE_MAGIC 0x534c5244u

_Static_assert(LOG_IMAGE_BITS_OFFSET % SECTOR_BYTES == 0, "a block boundary is a shard boundary");
_Static_assert(NR_REGIONS_AT + sizeof(uint64_t) == HEADER_END, "log_header_disk");
_Static_assert(NOTE_END == LOG_IMAGE_HEADER_BYTES, "the note is the last");
_Static_assert(LOG_IMAGE_HEADER_BYTES <= SECTOR_BYTES, "the header is in sector 0");

static uint32_t get_le32(const uint8_t *bytes)
{
	uint32_t le;

	memcpy(&le, bytes, sizeof(le));
	return le32toh(le);
}

static uint64_t get_le64(const uint8_t *bytes)
{
	uint64_t le;

	memcpy(&le, bytes, sizeof(le));
	return le64toh(le);
}

static void put_le32(uint8_t *bytes, uint32_t value)
{
	uint32_t le = htole32(value);

	memcpy(bytes, &le, sizeof(le));
}

static void put_le64(uint8_t *bytes, uint64_t value)
{
	uint64_t le = htole64(value);

	memcpy(bytes, &le, sizeof(le));
}

/* Against accidents: no byte of the note can change alone. */
static uint64_t check_of_note(const uint8_t *bytes)
{
	return ~(get_le64(bytes + NOTE_AT) ^ get_le64(bytes + NOTE_REGIONS_AT));
}

static enum log_image_note judge_note(const uint8_t *bytes, uint64_t nr_regions)
{
	if (get_le32(bytes + NOTE_AT) != NOTE_MAGIC)
		return LOG_IMAGE_NO_NOTE;
	if (get_le64(bytes + NOTE_CHECK_AT) != check_of_note(bytes))
		return LOG_IMAGE_NOTE_IS_DAMAGED;
	return get_le64(bytes + NOTE_REGIONS_AT) == nr_regions ? LOG_IMAGE_NOTE_HOLDS
							       : LOG_IMAGE_NOTE_IS_OLD;
}

enum log_image_verdict log_image_decode_header(const uint8_t *bytes,
					       struct log_image_header *header)
{
	header->magic = get_le32(bytes + MAGIC_AT);
	header->version = header->written_version = get_le32(bytes + VERSION_AT);
	header->nr_regions = 0; /* until the rest has earned belief */
	header->region_size = 0;
	header->note = LOG_IMAGE_NO_NOTE;
	if (header->magic != LOG_IMAGE_MAGIC)
		return LOG_IMAGE_NEW;
	if (header->version == 1)
		header->version = LOG_IMAGE_VERSION;
	if (header->version != LOG_IMAGE_VERSION)
		return LOG_IMAGE_WRONG_VERSION;
	header->nr_regions = get_le64(bytes + NR_REGIONS_AT);
	header->note = judge_note(bytes, header->nr_regions);
	if (header->note == LOG_IMAGE_NOTE_HOLDS)
		header->region_size = get_le32(bytes + NOTE_SIZE_AT);
	return LOG_IMAGE_VALID;
}

static void encode_note(uint8_t *bytes, uint64_t nr_regions, uint32_t region_size)
{
	put_le32(bytes + NOTE_AT, NOTE_MAGIC);
	put_le32(bytes + NOTE_SIZE_AT, region_size);
	put_le64(bytes + NOTE_REGIONS_AT, nr_regions);
	put_le64(bytes + NOTE_CHECK_AT, check_of_note(bytes));
}

void log_image_encode_header(uint8_t *bytes, uint64_t nr_regions, uint32_t region_size)
{
	memset(bytes, 0, LOG_IMAGE_HEADER_BYTES);
	put_le32(bytes + MAGIC_AT, LOG_IMAGE_MAGIC);
	put_le32(bytes + VERSION_AT, LOG_IMAGE_VERSION);
	put_le64(bytes + NR_REGIONS_AT, nr_regions);
	if (region_size)
		encode_note(bytes, nr_regions, region_size);
}

uint64_t log_image_blocks(const struct log_image *image)
{
	uint64_t words = image->nregions / 32 + (image->nregions % 32 != 0);
	uint64_t bytes = LOG_IMAGE_BITS_OFFSET + words * sizeof(uint32_t);

	return bytes / image->block_bytes + (bytes % image->block_bytes != 0);
}

uint64_t log_image_bytes(const struct log_image *image)
{
	return log_image_blocks(image) * image->block_bytes;
}

uint64_t log_image_block_of(const struct log_image *image, uint64_t region)
{
	return (LOG_IMAGE_BITS_OFFSET + region / 8) / image->block_bytes;
}

static bool holds_shard(const struct region_bitmap *map, uint64_t sector)
{
	return sector >= FIRST_SHARD_SECTOR && sector - FIRST_SHARD_SECTOR < map->nshards;
}

static void encode_sector(const struct log_image *image, const struct region_bitmap *map,
			  uint64_t sector, uint8_t *out)
{
	if (holds_shard(map, sector)) {
		region_bitmap_export_shard(map, sector - FIRST_SHARD_SECTOR, out);
		return;
	}
	memset(out, 0, SECTOR_BYTES);
	if (sector == 0)
		log_image_encode_header(out, image->nregions, image->region_size);
}

void log_image_encode_blocks(const struct log_image *image, const struct region_bitmap *map,
			     uint64_t first, uint64_t count, uint8_t *out)
{
	uint64_t sectors = image->block_bytes / SECTOR_BYTES;

	assert(first + count <= log_image_blocks(image) && map->nregions == image->nregions);
	for (uint64_t i = 0; i < count * sectors; i++)
		encode_sector(image, map, first * sectors + i, out + i * SECTOR_BYTES);
}

/* Load a shard of which only the first `believed` bits count, fewer than it has. */
static void import_part(struct region_bitmap *map, uint64_t shard, unsigned believed,
			const uint8_t *in)
{
	uint8_t bits[SHARD_BYTES] = {0};
	unsigned whole = believed / 8;

	assert(believed < SHARD_REGIONS);
	memcpy(bits, in, whole);
	bits[whole] = (uint8_t)(in[whole] & ((1u << believed % 8) - 1));
	region_bitmap_import_shard(map, shard, bits);
}

static void decode_shard(struct region_bitmap *map, uint64_t valid_regions, uint64_t shard,
			 const uint8_t *in)
{
	uint64_t start = shard * SHARD_REGIONS;
	uint64_t believed = valid_regions > start ? valid_regions - start : 0;

	if (believed < SHARD_REGIONS)
		import_part(map, shard, (unsigned)believed, in);
	else
		region_bitmap_import_shard(map, shard, in);
}

void log_image_decode_blocks(const struct log_image *image, struct region_bitmap *map,
			     uint64_t valid_regions, uint64_t first, uint64_t count,
			     const uint8_t *in)
{
	uint64_t sectors = image->block_bytes / SECTOR_BYTES;

	for (uint64_t i = 0; i < count * sectors; i++) {
		uint64_t sector = first * sectors + i;

		if (holds_shard(map, sector))
			decode_shard(map, valid_regions, sector - FIRST_SHARD_SECTOR,
				     in + i * SECTOR_BYTES);
	}
}
