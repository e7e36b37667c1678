/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long log_image takes for a block of 4 KiB: encoding is every write of a log, decoding is
 * activation.
 */
#include "bitmap/log_image.h"
#include "perf/micro/micro.h"

#define REGIONS (UINT64_C(1) << 26)
#define BLOCK_BYTES 4096u

struct bench {
	struct log_image image;
	struct region_bitmap map;
	uint64_t blocks;
	uint64_t random;
	uint8_t in[BLOCK_BYTES]; /* of regions clean and dirty */
	uint8_t out[BLOCK_BYTES];
};

static uint64_t any_block(struct bench *bench)
{
	return micro_random_below(&bench->random, bench->blocks);
}

static void encode(void *context)
{
	struct bench *bench = context;

	log_image_encode_blocks(&bench->image, &bench->map, any_block(bench), 1, bench->out);
}

static void decode(void *context)
{
	struct bench *bench = context;

	log_image_decode_blocks(&bench->image, &bench->map, REGIONS, any_block(bench), 1,
				bench->in);
}

int main(void)
{
	static struct bench bench = {.image = {.nregions = REGIONS, .block_bytes = BLOCK_BYTES},
				     .random = 1};

	bench.blocks = log_image_blocks(&bench.image);
	region_bitmap_init(&bench.map, micro_memory(region_bitmap_bytes(REGIONS)), REGIONS);
	for (unsigned i = 0; i < BLOCK_BYTES; i++)
		bench.in[i] = (uint8_t)micro_random(&bench.random);
	micro("decode a block of 4 KiB", 100000, decode, &bench);
	micro("encode a block of 4 KiB", 100000, encode, &bench);
	return 0;
}
