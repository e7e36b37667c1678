/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log image: what the kernel's `disk` log keeps on a log device, byte for byte.
 *
 * Source: struct log_header_disk, LOG_OFFSET and read_header() in drivers/md/dm-log.c.
 *   byte 0     le32 magic 0x4D695272, le32 version 2, le64 nr_regions
 *   byte 1024  a bit for each region, little-endian, set = clean
 * Between the two the kernel reads and writes and looks at nothing; there we note what a bit stands for:
 *   byte 64    le32 magic 0x534c5244 "DRLS", le32 sectors of a region, le64 nr_regions again, le64 the
 *              complement of the two 8 bytes before, exclusive or
 * The note counts while nr_regions is the header's: who else writes the image changes one without the
 * other, unless the sizes are the same anyway.
 * The image can start at any offset of the device (base), a multiple of the block size.
 */
#ifndef BITMAP_LOG_IMAGE_H
#define BITMAP_LOG_IMAGE_H

#include "bitmap/region_bitmap.h"

#define LOG_IMAGE_MAGIC 0x4D695272u
#define LOG_IMAGE_VERSION 2u
#define LOG_IMAGE_BITS_OFFSET 1024u
#define LOG_IMAGE_HEADER_BYTES 88u /* the kernel's 16, a gap, and our note */
/* LVM2 writes this nr_regions on a log that it has wiped: all bits count as they stand. */
#define LOG_IMAGE_ALL_REGIONS UINT64_MAX

enum log_image_note {
	LOG_IMAGE_NO_NOTE, /* the kernel, LVM or cmirrord made it */
	LOG_IMAGE_NOTE_HOLDS,
	LOG_IMAGE_NOTE_IS_OLD, /* whole, but of another nr_regions: somebody else has resized the log since */
	LOG_IMAGE_NOTE_IS_DAMAGED, /* its magic is there, and the check does not hold */
};

struct log_image_header {
	uint32_t magic;
	uint32_t version;
	uint32_t written_version; /* as it stands there: 1 for some that are taken as 2 */
	uint64_t nr_regions;
	uint32_t region_size; /* sectors; 0: not noted */
	enum log_image_note note;
};

enum log_image_verdict {
	LOG_IMAGE_VALID, /* header->nr_regions bits can be believed */
	LOG_IMAGE_NEW, /* no magic: a new log, nothing can be believed */
	LOG_IMAGE_WRONG_VERSION, /* a log of a kernel we do not know: leave it alone */
};

/* Geometry of one log's image on one device. */
struct log_image {
	uint64_t nregions;
	uint32_t block_bytes; /* logical block of the device: power of two, 512 to 65,536 */
	uint64_t base; /* byte of the device where the image starts */
	uint32_t region_size; /* sectors, to be noted; 0: no note */
};

/* Decode/encode the header and the note. _decode reads LOG_IMAGE_HEADER_BYTES bytes of untrusted input;
 * version 1 is taken as 2 (the same on little-endian, as the kernel does). Unless the verdict is
 * LOG_IMAGE_VALID, header->nr_regions is 0: no bit of the image can be believed. */
enum log_image_verdict log_image_decode_header(const uint8_t *bytes,
					       struct log_image_header *header);
void log_image_encode_header(uint8_t *bytes, uint64_t nr_regions, uint32_t region_size);

/* Bytes of the device that the image takes, whole blocks (as the kernel counts them: the bits in
 * 32-bit words behind byte 1024, rounded up to the logical block). Excludes base. */
uint64_t log_image_bytes(const struct log_image *image);

/* Whole blocks of the image. */
uint64_t log_image_blocks(const struct log_image *image);

/* The block (0-based, from base) that holds the bits of this region. */
uint64_t log_image_block_of(const struct log_image *image, uint64_t region);

/* Write the bytes of blocks [first, first + count) into out (count * block_bytes long): header
 * with nregions in block 0, zeros where nothing is defined, bits from map. */
void log_image_encode_blocks(const struct log_image *image, const struct region_bitmap *map,
			     uint64_t first, uint64_t count, uint8_t *out);

/* Take the bits of blocks [first, first + count) of a read image into map. Bits of regions
 * >= valid_regions (the header's nr_regions) are read as 0. Untrusted input. */
void log_image_decode_blocks(const struct log_image *image, struct region_bitmap *map,
			     uint64_t valid_regions, uint64_t first, uint64_t count,
			     const uint8_t *in);

#endif
