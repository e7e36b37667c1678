/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `dirtylogctl image check`: what is wrong with an image, and what to do about it. */
#include "server/ctl/image_commands.h"

#include "server/ctl/image.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

struct check_options {
	uint64_t regions;
	bool json;
};

static const struct option_entry check_entries[] = {
	IMAGE_OPTION_REGIONS(struct check_options),
	{"json", .help = "as JSON", OPTION_FLAG(struct check_options, json)},
	{0},
};

static const struct option_table check_table = {
	.program = "dirtylogctl image check",
	.arguments = "IMAGE",
	.doc = "Whether a log image is good. Exit status 1: it is not, and each problem is told.",
	.entries = check_entries,
};

static json_t *problems_found; /* NULL: a line each */

__attribute__((format(printf, 2, 3))) static void problem(unsigned *problems, const char *format,
							  ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (problems_found)
		json_array_append_new(problems_found, json_string(text));
	else
		printf("problem: %s\n", text);
	(*problems)++;
}

static void check_kind(const struct image *image, unsigned *problems)
{
	switch (image->kind) {
	case IMAGE_OF_NOTHING:
		problem(problems,
			"no log image: magic 0x%08" PRIx32 " at byte 0, and not 0x%08x; if this is "
			"the right device, its mirror needs a full resync",
			image->header.magic, LOG_IMAGE_MAGIC);
		break;
	case IMAGE_OF_BIG_ENDIAN:
		problem(problems, "a log of a host of the other byte order (byte 0): nobody here "
				  "reads it, and its mirror needs a full resync");
		break;
	case IMAGE_OF_VERSION:
		problem(problems,
			"version %" PRIu32 " at byte 4, and not 1 or 2: use the program that wrote "
			"it, or wipe the device and resync the mirror",
			image->header.written_version);
		break;
	default:
		break;
	}
}

static void check_regions(const struct image *image, uint64_t expected, unsigned *problems)
{
	uint64_t told = image->header.nr_regions;

	if (image->verdict != LOG_IMAGE_VALID || told == LOG_IMAGE_ALL_REGIONS)
		return;
	if (told == 0)
		problem(problems,
			"no regions (byte 8): whoever resumes it resyncs the whole mirror");
	if (told != 0 && expected != 0 && told != expected)
		problem(problems,
			"%" PRIu64 " regions (byte 8), and %" PRIu64 " are expected: was the "
			"mirror resized, or has it another region size? If it has, resync it "
			"(log option sync)",
			told, expected);
}

static void check_end(const struct image *image, unsigned *problems)
{
	char text[IMAGE_SHORT_MAX];

	if (image_is_short(image, text))
		problem(problems,
			"it %s; if it is a copy, copy it whole, else the device is too small",
			text);
}

static void check_note(const struct image *image, unsigned *problems)
{
	if (image->header.note == LOG_IMAGE_NOTE_IS_DAMAGED)
		problem(problems, "the note of the region size (byte 64) is damaged and does not "
				  "count: resume the mirror with dirtylogd, which writes it again");
}

/* Returns 0 or -errno. */
static int check_strays(struct image *image, unsigned *problems)
{
	struct image_piece piece;
	int r;

	while ((r = image_next(image, &piece)) > 0)
		;
	if (image->stray_in_word)
		problem(problems,
			"clean bits behind the last region, at byte %" PRIu64 ", where nobody "
			"writes them: something else has written here; resync the mirror (log "
			"option sync)",
			LOG_IMAGE_BITS_OFFSET + (image->header.nr_regions - 1) / 32 * 4);
	return r;
}

static void tell_good(const struct image *image)
{
	printf("good: %s\n", image_kind_meaning(image->kind));
	if (image->regions == 0)
		printf("its size is not checked: it tells no number of regions (--regions)\n");
}

static void tell_check_as_json(const struct image *image, unsigned problems)
{
	json_t *all = json_pack("{s:b, s:s, s:b, s:O}", "good", problems == 0, "kind",
				image_kind_meaning(image->kind), "size_checked",
				image->regions != 0, "problems", problems_found);

	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

static int check_image(struct image *image, uint64_t expected)
{
	unsigned problems = 0;

	image_warn_of_holder(image);
	check_kind(image, &problems);
	check_regions(image, expected, &problems);
	check_end(image, &problems);
	check_note(image, &problems);
	if (check_strays(image, &problems) < 0)
		return IMAGE_TROUBLE;
	if (problems_found)
		tell_check_as_json(image, problems);
	else if (problems == 0)
		tell_good(image);
	return problems == 0 && fflush(stdout) == 0 ? 0 : IMAGE_TROUBLE;
}

int ctl_image_check(int argc, char **argv)
{
	struct check_options options = {0};
	struct image image;
	char *path;
	int status = image_parse(&check_table, &options, argc, argv, 1, &path);

	if (status >= 0)
		return status;
	if (image_open(&image, path, options.regions) < 0)
		return IMAGE_TROUBLE;
	if (options.json)
		problems_found = json_array();
	status = check_image(&image, options.regions);
	json_decref(problems_found);
	problems_found = NULL;
	image_close(&image);
	return status;
}
