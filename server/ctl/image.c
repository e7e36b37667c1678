/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/image.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *word, *meaning;
} kinds[] = {
	[IMAGE_OF_DIRTYLOGD] = {"dirtylogd", "written by dirtylogd, which notes the region size"},
	[IMAGE_OF_KERNEL] = {"kernel", "written by the kernel's disk log, or by cmirrord: they "
				       "write the same"},
	[IMAGE_OF_LVM] = {"lvm-new", "made by LVM and not used yet: every bit counts as it stands"},
	[IMAGE_OF_VERSION] = {"other-version", "a log of a version that is neither 1 nor 2"},
	[IMAGE_OF_BIG_ENDIAN] = {"big-endian", "a log of a host of the other byte order (cmirrord, "
					       "or version 1 of the kernel's)"},
	[IMAGE_OF_NOTHING] = {"none", "no log image: another magic number"},
};

const char *image_kind_word(enum image_kind kind)
{
	return kinds[kind].word;
}

const char *image_kind_meaning(enum image_kind kind)
{
	return kinds[kind].meaning;
}

static enum image_kind kind_of(const struct image *image)
{
	if (image->header.magic == __builtin_bswap32(LOG_IMAGE_MAGIC))
		return IMAGE_OF_BIG_ENDIAN;
	if (image->verdict == LOG_IMAGE_NEW)
		return IMAGE_OF_NOTHING;
	if (image->verdict == LOG_IMAGE_WRONG_VERSION)
		return IMAGE_OF_VERSION;
	if (image->header.nr_regions == LOG_IMAGE_ALL_REGIONS)
		return IMAGE_OF_LVM;
	return image->header.note == LOG_IMAGE_NOTE_HOLDS ? IMAGE_OF_DIRTYLOGD : IMAGE_OF_KERNEL;
}

uint64_t image_bytes(const struct image *image, uint64_t regions)
{
	struct log_image geometry = {.nregions = regions, .block_bytes = image->file.block_bytes};

	return log_image_bytes(&geometry);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Regions whose bits the file has. */
static uint64_t regions_in_file(const struct image_file *file)
{
	return file->bytes > LOG_IMAGE_BITS_OFFSET ? (file->bytes - LOG_IMAGE_BITS_OFFSET) * 8 : 0;
}

static void judge_image(struct image *image, uint64_t regions)
{
	uint64_t told = image->header.nr_regions;

	image->kind = kind_of(image);
	image->regions = regions ? regions : told == LOG_IMAGE_ALL_REGIONS ? 0 : told;
	image->believed = smaller(smaller(image->regions, told), regions_in_file(&image->file));
	image->scan = image->believed;
}

int image_open(struct image *image, const char *path, uint64_t regions)
{
	int r;

	*image = (struct image){0};
	r = image_file_open(&image->file, path);
	if (r < 0)
		return r;
	r = image_file_read(&image->file, 0);
	if (r < 0) {
		image_file_close(&image->file);
		return r;
	}
	image->verdict = log_image_decode_header(image->file.piece, &image->header);
	judge_image(image, regions);
	return 0;
}

void image_close(struct image *image)
{
	image_file_close(&image->file);
}

/* --- pieces --- */

static bool is_clean_bit(const uint8_t *bits, uint64_t at)
{
	return bits[at / 8] >> at % 8 & 1;
}

/* piece: as it was read. */
static void find_strays(struct image *image, const struct image_piece *piece, uint64_t room)
{
	uint64_t told = image->header.nr_regions;
	uint64_t sector_end = (told + SHARD_REGIONS - 1) / SHARD_REGIONS * SHARD_REGIONS;

	if (image->verdict != LOG_IMAGE_VALID || told == LOG_IMAGE_ALL_REGIONS || told == 0 ||
	    told - 1 < piece->first || told - 1 - piece->first >= room)
		return;
	for (uint64_t region = told; region < sector_end; region++) {
		if (!is_clean_bit(piece->bits, region - piece->first))
			continue;
		image->strays++;
		image->stray_in_word |= region / 32 == (told - 1) / 32;
	}
}

/* Clear the bits from `at` on. */
static void disbelieve(uint8_t *bits, uint64_t at, uint64_t room)
{
	uint8_t *byte = bits + at / 8, *end = bits + room / 8;

	if (at >= room)
		return;
	*byte &= (uint8_t)((1u << at % 8) - 1);
	memset(byte + 1, 0, (size_t)(end - byte - 1));
}

int image_next(struct image *image, struct image_piece *piece)
{
	uint64_t byte = LOG_IMAGE_BITS_OFFSET + image->next / 8;
	uint64_t at = byte % IMAGE_PIECE_BYTES;
	uint64_t room = (IMAGE_PIECE_BYTES - at) * 8; /* bits */
	uint8_t *bits = image->file.piece + at;
	int r;

	if (image->next >= image->scan)
		return 0;
	r = image_file_read(&image->file, byte - at);
	if (r < 0)
		return r;
	*piece = (struct image_piece){.first = image->next,
				      .regions = smaller(room, image->scan - image->next),
				      .offset = byte - at,
				      .bits = bits};
	find_strays(image, piece, room);
	disbelieve(bits, image->believed > piece->first ? image->believed - piece->first : 0, room);
	image->next += piece->regions;
	return 1;
}

/* --- what the commands share --- */

void image_warn_of_holder(const struct image *image)
{
	if (image->file.holder[0])
		image_fault(image->file.path,
			    "is in use by %s: this is how the log stood at one moment, and it "
			    "changes meanwhile",
			    image->file.holder);
}

bool image_is_short(const struct image *image, char text[IMAGE_SHORT_MAX])
{
	uint64_t needed = image->regions ? image_bytes(image, image->regions) : 0;
	int length;

	if (image->verdict != LOG_IMAGE_VALID || image->file.bytes >= needed)
		return false;
	length = snprintf(text, IMAGE_SHORT_MAX,
			  "ends at byte %" PRIu64 ", and %" PRIu64 " regions need %" PRIu64 ": ",
			  image->file.bytes, image->regions, needed);
	if (image->believed < image->regions)
		snprintf(text + length, IMAGE_SHORT_MAX - (size_t)length,
			 "those from %" PRIu64 " on count as dirty", image->believed);
	else
		snprintf(text + length, IMAGE_SHORT_MAX - (size_t)length,
			 "all bits are there, and the last block is not whole");
	return true;
}

void image_warn(const struct image *image)
{
	char text[IMAGE_SHORT_MAX];

	image_warn_of_holder(image);
	if (image_is_short(image, text))
		image_fault(image->file.path, "%s", text);
}

int image_parse(const struct option_table *table, void *options, int argc, char **argv, int count,
		char **paths)
{
	int next = argc, status;

	argv[0] = (char *)table->program; /* for argp's messages */
	status = option_table_parse(table, options, argc, argv, &next);
	if (status >= 0)
		return status;
	if (argc - next != count)
		return option_table_fault(table, "expected %s", table->arguments);
	for (int i = 0; i < count; i++)
		paths[i] = argv[next + i];
	return -1;
}
