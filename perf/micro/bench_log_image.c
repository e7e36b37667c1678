/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long log_image takes for a block of 4 KiB: encoding is every write of a log, decoding is
 * activation.
 */
#include "bitmap/log_image.h"
#include "perf/micro/micro.h"

#define REGIONS (UINT64_C(1) << 26)
#define BLOCK_BYTES 4096u

static struct log_image image = {.nregions = REGIONS, .block_bytes = BLOCK_BYTES};
static struct region_bitmap map;
static uint64_t blocks;
static uint8_t in[BLOCK_BYTES]; /* of regions clean and dirty */
static uint8_t out[BLOCK_BYTES];

static void encode_block(void)
{
	log_image_encode_blocks(&image, &map, micro_any(blocks), 1, out);
	micro_keep_memory(out);
}

static void decode_block(void)
{
	log_image_decode_blocks(&image, &map, REGIONS, micro_any(blocks), 1, in);
}

int main(void)
{
	blocks = log_image_blocks(&image);
	region_bitmap_init(&map, micro_memory(region_bitmap_bytes(REGIONS)), REGIONS);
	for (unsigned i = 0; i < BLOCK_BYTES; i++)
		in[i] = (uint8_t)micro_any(256);
	micro("decode a block of 4 KiB", 100000, decode_block);
	micro("encode a block of 4 KiB", 100000, encode_block);
	return 0;
}
