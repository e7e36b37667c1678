/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log images, looked at from outside: of dirtylogd, of the kernel's `disk` log and of cmirrord, which share one
 * format (bitmap/log_image.h). Bits pass in pieces, since an image can be larger than memory. The main thread's.
 */
#ifndef SERVER_CTL_IMAGE_H
#define SERVER_CTL_IMAGE_H

#include "bitmap/log_image.h"
#include "server/base/option_table.h"
#include "server/ctl/image_file.h"

/* Exit statuses of the image commands, beside 0 and CTL_WRONG_COMMAND_LINE. */
#define IMAGE_TROUBLE 1 /* something is wrong, differs, or cannot be done */

#define IMAGE_SHORT_MAX 192u

/* Of what an image is, by all that can be told from it. */
enum image_kind {
	IMAGE_OF_DIRTYLOGD, /* has our note, for this nr_regions */
	IMAGE_OF_KERNEL, /* or of cmirrord: they write the same bytes */
	IMAGE_OF_LVM, /* wiped and not used yet */
	IMAGE_OF_VERSION, /* of a version that nobody knows */
	IMAGE_OF_BIG_ENDIAN, /* the header of a host of the other byte order */
	IMAGE_OF_NOTHING, /* no log image */
};

struct image {
	struct image_file file;
	struct log_image_header header;
	enum log_image_verdict verdict;
	enum image_kind kind;
	uint64_t regions; /* that it is taken for; 0: not known */
	uint64_t
		believed; /* the first ones: the header vouches for them, and their bits are there */
	uint64_t
		scan; /* the first ones: those that image_next goes through; the caller may change it */
	/* Clean bits behind header.nr_regions, in its sector, once image_next has been there. */
	uint64_t strays;
	bool stray_in_word; /* one is in the last word of 32 bits, which all who write a log keep clear */
	uint64_t next; /* the next piece's first region */
};

/* Bits of the regions [first, first + regions), in whole words of 8 bytes; those that are not believed, and
 * all behind, are 0. They lie in image->file.piece, which begins at byte `offset` of an image. */
struct image_piece {
	uint64_t first, regions, offset;
	const uint8_t *bits;
};

/* Open and judge an image, as one of `regions` regions; 0: as many as its header tells. 0, or -errno after
 * what is wrong has been said on stderr, with nothing to close. */
int image_open(struct image *image, const char *path, uint64_t regions);
void image_close(struct image *image);

/* 1 with the next piece, which lives until the next call; 0: there are no more; or -errno, said. */
int image_next(struct image *image, struct image_piece *piece);

/* What it is, in a word and in a sentence. Static. */
const char *image_kind_word(enum image_kind kind);
const char *image_kind_meaning(enum image_kind kind);

/* Bytes that an image of so many regions takes on its device. */
uint64_t image_bytes(const struct image *image, uint64_t regions);

/* Whether it ends before its last region does, or that region's block; and what is to be said of that. */
bool image_is_short(const struct image *image, char text[IMAGE_SHORT_MAX]);

/* Say on stderr if it may change while it is looked at. */
void image_warn_of_holder(const struct image *image);
/* The same, and if it is short. */
void image_warn(const struct image *image);

/* --- the commands' command lines --- */

#define IMAGE_OPTION_REGIONS(structure)                                                           \
	{                                                                                         \
		"regions", 'r', "N",                                                              \
			"how many regions the mirror has (default: what the header says)",        \
			OPTION_U64(structure, regions, 1, OPTION_UNLIMITED), .wanted = "a number" \
	}
#define IMAGE_OPTION_ALL(structure)                                                          \
	{                                                                                    \
		"all", 'a', .help = "every range, however many", OPTION_FLAG(structure, all) \
	}
#define IMAGE_RANGES_SHOWN 32u /* without --all */

/* Parse options and exactly `count` paths, which stay argv's. -1 to go on, or the exit status. */
int image_parse(const struct option_table *table, void *options, int argc, char **argv, int count,
		char **paths);

#endif
