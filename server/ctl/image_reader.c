/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/image_reader.h"

#include <inttypes.h>
#include <stdio.h>

#define CMIRRORD_PAGE 4096u

static const struct {
	const char *word;
	uint64_t regions_max;
} readers[IMAGE_READERS] = {
	[IMAGE_FOR_DIRTYLOGD] = {"dirtylogd", LOG_IMAGE_ALL_REGIONS - 1},
	[IMAGE_FOR_KERNEL] = {"kernel", UINT32_MAX}, /* unsigned int region_count */
	[IMAGE_FOR_CMIRRORD] = {"cmirrord", INT32_MAX}, /* int bit */
};

static const char a_new_log[] =
	"takes it for a new log: all regions are resynced (option nosync: none)";

/* Of images whose bits nobody can take, or not everybody. */
static const char *const unusual[][IMAGE_READERS] = {
	[IMAGE_OF_VERSION] =
		{"never writes it: all regions are out of sync, status D, and the mirror holds its "
		 "writes until it gets another log",
		 "fails the log: all regions are out of sync, status D",
		 "does not look at the version: takes the bits as they stand"},
	[IMAGE_OF_BIG_ENDIAN] = {a_new_log, a_new_log, a_new_log},
	[IMAGE_OF_NOTHING] = {"a new mirror gets a new log, and all regions are resynced (option "
			      "nosync: none); of a "
			      "mirror that ran before it is never written: status D",
			      a_new_log, a_new_log},
};

const char *image_reader_word(enum image_reader reader)
{
	return readers[reader].word;
}

uint64_t image_reader_regions_max(enum image_reader reader)
{
	return readers[reader].regions_max;
}

uint64_t image_reader_bytes(enum image_reader reader, uint64_t regions, uint32_t block_bytes)
{
	struct log_image geometry = {.nregions = regions, .block_bytes = block_bytes};

	/* cmirrord counts a byte for a bit, and then a page for the header. */
	if (reader == IMAGE_FOR_CMIRRORD)
		return ((regions - 1) / CMIRRORD_PAGE + 2) * CMIRRORD_PAGE;
	return log_image_bytes(&geometry);
}

static void say_too_small(enum image_reader reader, uint64_t needed, char *text)
{
	if (reader == IMAGE_FOR_CMIRRORD)
		snprintf(text, IMAGE_RESUME_MAX,
			 "cannot read the log, since it wants %" PRIu64
			 " bytes: all regions are out of sync",
			 needed);
	else
		snprintf(text, IMAGE_RESUME_MAX,
			 "refuses a log device of this size, since it wants %" PRIu64 " bytes",
			 needed);
}

static void say_resync(const struct image *image, uint64_t dirty, char *text)
{
	if (dirty == 0)
		snprintf(text, IMAGE_RESUME_MAX, "all %" PRIu64 " regions are in sync",
			 image->regions);
	else
		snprintf(text, IMAGE_RESUME_MAX, "%" PRIu64 " of %" PRIu64 " regions are resynced",
			 dirty, image->regions);
}

void image_reader_resume(enum image_reader reader, const struct image *image, uint64_t dirty,
			 char *text)
{
	uint64_t regions = image->regions, needed;

	if (image->verdict != LOG_IMAGE_VALID) {
		snprintf(text, IMAGE_RESUME_MAX, "%s", unusual[image->kind][reader]);
		return;
	}
	if (regions == 0) {
		snprintf(text, IMAGE_RESUME_MAX, "%s",
			 image->kind == IMAGE_OF_LVM ? "takes every bit as it stands"
						     : "all regions are resynced");
		return;
	}
	needed = image_reader_bytes(reader, regions, image->file.block_bytes);
	if (regions > readers[reader].regions_max)
		snprintf(text, IMAGE_RESUME_MAX, "cannot count so many regions");
	else if (image->file.bytes < needed)
		say_too_small(reader, needed, text);
	else
		say_resync(image, dirty, text);
}
