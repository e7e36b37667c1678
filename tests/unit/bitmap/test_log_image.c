/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image against bytes worked out by hand from drivers/md/dm-log.c, and there and back. */
#include "bitmap/log_image.h"
#include "perf/generator/dice.h"
#include "tests/lib/bitmap_fixture.h"

static void *make(struct region_bitmap *map, uint64_t nregions)
{
	void *mem = zeroed_memory(region_bitmap_bytes(nregions));

	region_bitmap_init(map, mem, nregions);
	return mem;
}

static void check_zero(const uint8_t *bytes, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		cr_assert_eq(bytes[i], 0, "byte %zu is %#x", i, bytes[i]);
}

static uint8_t *image_of_ones(const struct log_image *image)
{
	uint8_t *bytes = malloc(log_image_bytes(image));

	memset(bytes, 0xFF, log_image_bytes(image));
	return bytes;
}

/* The three blocks of 512 bytes of a log of 20 regions: 0, 9 and 19 are clean. */
static const uint8_t golden_header[16] = {0x72, 0x52, 0x69, 0x4D, 2, 0, 0, 0, 20};
static const uint8_t golden_bits[4] = {0x01, 0x02, 0x08, 0x00};

Test(log_image, encodes_the_kernel_bytes)
{
	struct log_image image = {.nregions = 20, .block_bytes = 512};
	struct region_bitmap map;
	void *mem = make(&map, 20);
	uint8_t out[1536];

	memset(out, 0xEE, sizeof(out));
	region_bitmap_set(&map, 0);
	region_bitmap_set(&map, 9);
	region_bitmap_set(&map, 19);
	log_image_encode_blocks(&image, &map, 0, 3, out);
	cr_expect_arr_eq(out, golden_header, 16);
	check_zero(out, 16, 1024);
	cr_expect_arr_eq(out + 1024, golden_bits, 4);
	check_zero(out, 1028, 1536);
	free(mem);
}

Test(log_image, decodes_the_kernel_bytes)
{
	struct log_image image = {.nregions = 20, .block_bytes = 512};
	struct log_image_header header;
	struct region_bitmap map;
	void *mem = make(&map, 20);
	uint8_t in[1536] = {0};

	memcpy(in, golden_header, 16);
	memcpy(in + 1024, golden_bits, 4);
	cr_expect_eq(log_image_decode_header(in, &header), LOG_IMAGE_VALID);
	cr_expect_eq(header.nr_regions, 20);
	log_image_decode_blocks(&image, &map, header.nr_regions, 0, 3, in);
	cr_expect_eq(region_bitmap_count(&map), 3);
	cr_expect_eq(region_bitmap_word(&map, 0), 1u | 1u << 9 | 1u << 19);
	free(mem);
}

Test(log_image, header_is_little_endian)
{
	static const uint8_t want[LOG_IMAGE_HEADER_BYTES] = {
		0x72, 0x52, 0x69, 0x4D, 2, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
	struct log_image_header header;
	uint8_t bytes[LOG_IMAGE_HEADER_BYTES];

	log_image_encode_header(bytes, UINT64_C(0x1122334455667788), 0);
	cr_expect_arr_eq(bytes, want, sizeof(want));
	cr_expect_eq(log_image_decode_header(want, &header), LOG_IMAGE_VALID);
	cr_expect_eq(header.magic, LOG_IMAGE_MAGIC);
	cr_expect_eq(header.version, 2);
	cr_expect_eq(header.nr_regions, UINT64_C(0x1122334455667788));
}

Test(log_image, the_header_notes_the_region_size_where_the_kernel_does_not_look)
{
	struct log_image_header header;
	uint8_t bytes[LOG_IMAGE_HEADER_BYTES];

	log_image_encode_header(bytes, 5000, 1024);
	cr_expect_eq(log_image_decode_header(bytes, &header), LOG_IMAGE_VALID);
	cr_expect_eq(header.region_size, 1024);
	cr_expect_eq(header.note, LOG_IMAGE_NOTE_HOLDS);
	/* Another has written the image since, with regions of another size. */
	bytes[8] ^= 1;
	cr_expect_eq(log_image_decode_header(bytes, &header), LOG_IMAGE_VALID);
	cr_expect_eq(header.region_size, 0);
	cr_expect_eq(header.note, LOG_IMAGE_NOTE_IS_OLD);
	bytes[8] ^= 1;
	for (unsigned at = 64; at < LOG_IMAGE_HEADER_BYTES; at++) {
		bytes[at] ^= 4;
		cr_expect_eq(log_image_decode_header(bytes, &header), LOG_IMAGE_VALID);
		cr_expect_eq(header.region_size, 0, "byte %u is damaged", at);
		cr_expect_eq(header.note, at < 68 ? LOG_IMAGE_NO_NOTE : LOG_IMAGE_NOTE_IS_DAMAGED);
		bytes[at] ^= 4;
	}
	log_image_encode_header(bytes, 5000, 0);
	cr_expect_eq(log_image_decode_header(bytes, &header), LOG_IMAGE_VALID);
	cr_expect_eq(header.region_size, 0);
	cr_expect_eq(header.note, LOG_IMAGE_NO_NOTE);
}

static enum log_image_verdict verdict(uint32_t magic, uint8_t version,
				      struct log_image_header *header)
{
	uint8_t bytes[LOG_IMAGE_HEADER_BYTES] = {(uint8_t)magic,
						 (uint8_t)(magic >> 8),
						 (uint8_t)(magic >> 16),
						 (uint8_t)(magic >> 24),
						 version,
						 0,
						 0,
						 0,
						 7};

	return log_image_decode_header(bytes, header);
}

Test(log_image, bad_magic_is_a_new_log_without_regions)
{
	struct log_image_header header;

	cr_expect_eq(verdict(LOG_IMAGE_MAGIC ^ 1, 2, &header), LOG_IMAGE_NEW);
	cr_expect_eq(header.nr_regions, 0);
	cr_expect_eq(verdict(LOG_IMAGE_MAGIC ^ 0x80000000, 3, &header), LOG_IMAGE_NEW);
	cr_expect_eq(verdict(0, 0, &header), LOG_IMAGE_NEW);
}

Test(log_image, version_1_is_taken_as_2)
{
	struct log_image_header header;

	cr_expect_eq(verdict(LOG_IMAGE_MAGIC, 1, &header), LOG_IMAGE_VALID);
	cr_expect_eq(header.version, 2);
	cr_expect_eq(header.written_version, 1);
	cr_expect_eq(header.nr_regions, 7);
}

Test(log_image, other_versions_are_left_alone)
{
	struct log_image_header header;

	cr_expect_eq(verdict(LOG_IMAGE_MAGIC, 3, &header), LOG_IMAGE_WRONG_VERSION);
	cr_expect_eq(header.version, 3);
	cr_expect_eq(header.nr_regions, 0);
	cr_expect_eq(verdict(LOG_IMAGE_MAGIC, 0, &header), LOG_IMAGE_WRONG_VERSION);
}

Test(log_image, size_is_rounded_up_to_the_block)
{
	static const struct {
		uint64_t nregions;
		uint32_t block_bytes;
		uint64_t bytes;
	} cases[] = {
		{1, 512, 1536},
		{4096, 512, 1536},
		{4097, 512, 2048},
		{1, 4096, 4096},
		{24576, 4096, 4096}, /* 1,024 + 3,072: full to the last byte */
		{24577, 4096, 8192},
		{1, 65536, 65536},
		{516096, 65536, 65536},
		{516097, 65536, 131072},
		{UINT64_C(1) << 32, 4096, (UINT64_C(1) << 29) + 4096},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct log_image image = {cases[i].nregions, cases[i].block_bytes, 1 << 20, 0};

		cr_expect_eq(log_image_bytes(&image), cases[i].bytes, "case %zu", i);
		cr_expect_eq(log_image_blocks(&image), cases[i].bytes / cases[i].block_bytes);
	}
}

Test(log_image, block_of_counts_the_header)
{
	struct log_image small = {.nregions = 1 << 20, .block_bytes = 512, .base = 4096};
	struct log_image large = {.nregions = 1 << 20, .block_bytes = 4096, .base = 4096};

	cr_expect_eq(log_image_block_of(&small, 0), 2);
	cr_expect_eq(log_image_block_of(&small, 4095), 2);
	cr_expect_eq(log_image_block_of(&small, 4096), 3);
	cr_expect_eq(log_image_block_of(&large, 0), 0);
	cr_expect_eq(log_image_block_of(&large, 24575), 0);
	cr_expect_eq(log_image_block_of(&large, 24576), 1);
}

Test(log_image, block_0_of_4096_bytes_ends_with_shard_5)
{
	struct log_image image = {.nregions = 7 * 4096, .block_bytes = 4096};
	struct region_bitmap map;
	void *mem = make(&map, 7 * 4096);
	uint8_t out[8192];

	region_bitmap_set(&map, 5 * 4096 + 4095);
	region_bitmap_set(&map, 6 * 4096);
	log_image_encode_blocks(&image, &map, 0, 2, out);
	check_zero(out, 16, 4095);
	cr_expect_eq(out[4095], 0x80);
	cr_expect_eq(out[4096], 0x01);
	check_zero(out, 4097, 8192);
	free(mem);
}

Test(log_image, blocks_without_bits_change_no_region)
{
	struct log_image image = {.nregions = 4096, .block_bytes = 512};
	struct region_bitmap map;
	void *mem = make(&map, 4096);
	uint8_t *in = image_of_ones(&image);

	log_image_decode_blocks(&image, &map, LOG_IMAGE_ALL_REGIONS, 0, 2, in);
	cr_expect_eq(region_bitmap_count(&map), 0);
	log_image_decode_blocks(&image, &map, LOG_IMAGE_ALL_REGIONS, 2, 1, in + 1024);
	cr_expect_eq(region_bitmap_count(&map), 4096);
	free(in);
	free(mem);
}

Test(log_image, lvm_nr_regions_takes_all_bits_as_they_stand)
{
	struct log_image image = {.nregions = 4097, .block_bytes = 4096};
	struct log_image_header header;
	struct region_bitmap map;
	void *mem = make(&map, 4097);
	uint8_t *in = image_of_ones(&image);

	log_image_encode_header(in, LOG_IMAGE_ALL_REGIONS, 0);
	cr_expect_eq(log_image_decode_header(in, &header), LOG_IMAGE_VALID);
	cr_expect_eq(header.nr_regions, LOG_IMAGE_ALL_REGIONS);
	log_image_decode_blocks(&image, &map, header.nr_regions, 0, 1, in);
	cr_expect_eq(region_bitmap_count(&map), 4097);
	free(in);
	free(mem);
}

/* The mirror has grown: what lies behind the old end on disk was never written as bits. */
Test(log_image, bits_behind_the_header_count_are_read_as_0)
{
	static const uint64_t valid[] = {0, 1, 7, 8, 4095, 4096, 4097, 3 * 4096 - 1};
	struct log_image image = {.nregions = 3 * 4096, .block_bytes = 512};
	uint8_t *in = image_of_ones(&image);

	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		struct region_bitmap map;
		void *mem = make(&map, image.nregions);

		region_bitmap_fill_from(&map, 0, true);
		log_image_decode_blocks(&image, &map, valid[i], 0, log_image_blocks(&image), in);
		cr_expect_eq(region_bitmap_count(&map), valid[i]);
		cr_expect_eq(region_bitmap_next_zero(&map, 0), valid[i]);
		free(mem);
	}
	free(in);
}

Test(log_image, shrunk_mirror_drops_the_tail_on_disk)
{
	struct log_image image = {.nregions = 4096 + 10, .block_bytes = 512};
	struct region_bitmap map;
	void *mem = make(&map, image.nregions);
	uint8_t *bytes = image_of_ones(&image);

	log_image_decode_blocks(&image, &map, 3 * 4096, 0, log_image_blocks(&image), bytes);
	cr_expect_eq(region_bitmap_count(&map), 4096 + 10);
	log_image_encode_blocks(&image, &map, 0, log_image_blocks(&image), bytes);
	cr_expect_eq(bytes[8] | bytes[9] << 8, 4096 + 10);
	cr_expect_eq(bytes[1024 + 512], 0xFF);
	cr_expect_eq(bytes[1024 + 513], 0x03);
	check_zero(bytes, 1024 + 514, 2048);
	free(bytes);
	free(mem);
}

static void randomize(struct region_bitmap *map, uint64_t *dice)
{
	for (uint64_t region = 0; region < map->nregions; region++)
		if (dice_roll(dice) % 2)
			region_bitmap_set(map, region);
}

static void check_same(const struct region_bitmap *a, const struct region_bitmap *b)
{
	for (uint64_t word = 0; word < a->nshards * 64; word++)
		cr_assert_eq(region_bitmap_word(a, word), region_bitmap_word(b, word));
	for (uint64_t shard = 0; shard < a->nshards; shard++)
		cr_assert_eq(region_bitmap_shard_count(a, shard),
			     region_bitmap_shard_count(b, shard));
	cr_assert_eq(region_bitmap_count(a), region_bitmap_count(b));
}

/* Whole at once and block by block must give the same bytes, and the bytes the same map. */
static void round_trip(uint64_t nregions, uint32_t block_bytes, uint64_t *dice)
{
	struct log_image image = {.nregions = nregions, .block_bytes = block_bytes};
	uint64_t blocks = log_image_blocks(&image);
	uint8_t *whole = malloc(log_image_bytes(&image)), *block = malloc(block_bytes);
	struct region_bitmap from, to;
	void *from_mem = make(&from, nregions), *to_mem = make(&to, nregions);

	randomize(&from, dice);
	log_image_encode_blocks(&image, &from, 0, blocks, whole);
	for (uint64_t i = 0; i < blocks; i++) {
		log_image_encode_blocks(&image, &from, i, 1, block);
		cr_assert_arr_eq(block, whole + i * block_bytes, block_bytes);
		log_image_decode_blocks(&image, &to, nregions, i, 1, block);
	}
	check_same(&from, &to);
	region_bitmap_fill_from(&to, 0, false);
	log_image_decode_blocks(&image, &to, nregions, 0, blocks, whole);
	check_same(&from, &to);
	free(from_mem);
	free(to_mem);
	free(block);
	free(whole);
}

Test(log_image, what_is_encoded_decodes_to_the_same_map)
{
	static const uint64_t sizes[] = {1, 33, 4096, 4097, 24576, 24577, 516097, (1 << 20) + 3};
	static const uint32_t block_bytes[] = {512, 4096, 65536};
	uint64_t dice = 3;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t k = 0; k < 3; k++)
			round_trip(sizes[i], block_bytes[k], &dice);
}

Test(log_image, block_of_is_where_encode_puts_the_bit)
{
	static const uint32_t block_bytes[] = {512, 4096, 65536};
	uint64_t dice = 4;

	for (int i = 0; i < 300; i++) {
		struct log_image image = {.nregions = 1000003, .block_bytes = block_bytes[i % 3]};
		uint64_t region = dice_roll(&dice) % image.nregions;
		uint64_t block = log_image_block_of(&image, region);
		uint64_t byte = 1024 + region / 8 - block * image.block_bytes;
		struct region_bitmap map;
		void *mem = make(&map, image.nregions);
		uint8_t *out = malloc(image.block_bytes);

		region_bitmap_set(&map, region);
		log_image_encode_blocks(&image, &map, block, 1, out);
		cr_assert_lt(byte, image.block_bytes);
		cr_assert_eq(out[byte], 1u << region % 8);
		free(out);
		free(mem);
	}
}
