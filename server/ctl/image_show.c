/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `dirtylogctl image show`: an image in words or in JSON, with one set of names. Ranges are written as they are
 * found, since there can be more of them than memory; what is counted follows.
 */
#include "server/ctl/image_commands.h"

#include "bitmap/region_runs.h"
#include "server/ctl/image_reader.h"
#include "server/ctl/json_values.h"

#include <inttypes.h>
#include <stdio.h>

struct show_options {
	bool json, all;
	uint64_t regions;
};

struct show {
	const struct show_options *options;
	uint64_t ranges; /* written */
};

static const struct option_entry show_entries[] = {
	{"json", 'j', .help = "JSON, with the same names", OPTION_FLAG(struct show_options, json)},
	IMAGE_OPTION_ALL(struct show_options),
	IMAGE_OPTION_REGIONS(struct show_options),
	{0},
};

static const struct option_table show_table = {
	.program = "dirtylogctl image show",
	.arguments = "IMAGE",
	.doc = "What the log image on a device or in a file tells, and what becomes of it at "
	       "RESUME.",
	.entries = show_entries,
};

/* --- a name and its value --- */

static void emit_quoted(const char *text)
{
	json_t *json = json_of_text(text);

	json_dumpf(json, stdout, JSON_ENCODE_ANY);
	json_decref(json);
}

static void emit_text(const struct show *show, const char *name, const char *text)
{
	if (!show->options->json) {
		printf("%-16s %s\n", name, text);
		return;
	}
	printf("\"%s\": ", name);
	emit_quoted(text);
	puts(",");
}

static void emit_number(const struct show *show, const char *name, uint64_t value)
{
	if (show->options->json)
		printf("\"%s\": %" PRIu64 ",\n", name, value);
	else
		printf("%-16s %" PRIu64 "\n", name, value);
}

/* What is not known is left out. */
static void emit_known(const struct show *show, const char *name, uint64_t value)
{
	if (value != 0 && value != LOG_IMAGE_ALL_REGIONS)
		emit_number(show, name, value);
}

static void emit_range(uint64_t first, uint64_t last, void *context)
{
	struct show *show = context;

	if (!show->options->all && show->ranges == IMAGE_RANGES_SHOWN)
		return;
	if (show->options->json)
		printf("%s[%" PRIu64 ", %" PRIu64 "]", show->ranges ? ", " : "", first, last);
	else
		printf("%-16s %" PRIu64 "-%" PRIu64 "\n", "dirty_range", first, last);
	show->ranges++;
}

/* --- the image --- */

static void show_header(const struct show *show, const struct image *image)
{
	const struct log_image_header *header = &image->header;

	emit_text(show, "image", image->file.path);
	emit_text(show, "kind", image_kind_word(image->kind));
	emit_text(show, "meaning", image_kind_meaning(image->kind));
	if (header->magic == LOG_IMAGE_MAGIC)
		emit_number(show, "version", header->written_version);
	emit_known(show, "header_regions", header->nr_regions);
	emit_known(show, "regions", image->regions);
	emit_known(show, "region_size", header->region_size);
	if (header->note == LOG_IMAGE_NOTE_IS_OLD)
		emit_text(show, "note", "of another number of regions: does not count");
	else if (header->note == LOG_IMAGE_NOTE_IS_DAMAGED)
		emit_text(show, "note", "damaged: does not count");
	emit_number(show, "bytes", image->file.bytes);
	if (image->regions)
		emit_number(show, "bytes_needed", image_bytes(image, image->regions));
	if (image->file.holder[0])
		emit_text(show, "in_use_by", image->file.holder);
}

/* Returns 0 or -errno, with the dirty regions in runs->members. */
static int show_ranges(struct show *show, struct image *image, struct region_runs *runs)
{
	struct image_piece piece;
	int r;

	if (show->options->json)
		printf("\"dirty_ranges\": [");
	while ((r = image_next(image, &piece)) > 0)
		region_runs_bits(runs, piece.bits, NULL, piece.regions);
	region_runs_same(runs, true, image->regions - runs->next);
	region_runs_end(runs);
	if (show->options->json)
		puts("],");
	return r;
}

static void show_counts(const struct show *show, const struct image *image,
			const struct region_runs *runs)
{
	if (runs->count > show->ranges)
		emit_number(show, "ranges_left_out", runs->count - show->ranges);
	emit_number(show, "clean", image->regions - runs->members);
	emit_number(show, "dirty", runs->members);
	/* Dirty, since the header or the file ends before them. */
	emit_known(show, "not_vouched_for", image->regions - image->believed);
	emit_known(show, "clean_beyond_the_end", image->strays);
}

static void show_resume(const struct show *show, const struct image *image, uint64_t dirty)
{
	char text[IMAGE_RESUME_MAX], name[32];

	for (enum image_reader reader = 0; reader < IMAGE_READERS; reader++) {
		image_reader_resume(reader, image, dirty, text);
		snprintf(name, sizeof(name), "at_%s", image_reader_word(reader));
		emit_text(show, name, text);
	}
}

static int show_image(struct show *show, struct image *image)
{
	struct region_runs runs = {.found = emit_range, .context = show};
	int r = 0;

	image_warn(image);
	if (show->options->json)
		puts("{");
	show_header(show, image);
	if (image->regions)
		r = show_ranges(show, image, &runs);
	if (r < 0)
		return IMAGE_TROUBLE;
	if (image->regions)
		show_counts(show, image, &runs);
	show_resume(show, image, runs.members);
	if (show->options->json)
		printf("\"ranges_shown\": %" PRIu64 "\n}\n", show->ranges);
	return fflush(stdout) == 0 ? 0 : IMAGE_TROUBLE;
}

int ctl_image_show(int argc, char **argv)
{
	struct show_options options = {0};
	struct show show = {.options = &options};
	struct image image;
	char *path;
	int status = image_parse(&show_table, &options, argc, argv, 1, &path);

	if (status >= 0)
		return status;
	if (image_open(&image, path, options.regions) < 0)
		return IMAGE_TROUBLE;
	status = show_image(&show, &image);
	image_close(&image);
	return status;
}
