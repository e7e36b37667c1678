/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `dirtylogctl image convert`: an image for another reader. What is not known to be clean is dirty, and the header
 * comes last: it vouches for what is durable by then.
 */
#include "server/ctl/image_commands.h"

#include "bitmap/region_runs.h"
#include "server/base/kill_point.h"
#include "server/ctl/image_reader.h"
#include "server/ctl/image_target.h"
#include "server/ctl/json_values.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define NO_READER IMAGE_READERS

struct convert_options {
	unsigned to; /* enum image_reader, or NO_READER */
	bool dry_run, write, json;
	uint64_t regions;
	unsigned region_size;
};

struct conversion {
	const struct convert_options *options;
	struct image *from;
	struct image_target target;
	uint64_t bytes; /* that are written */
	uint64_t room; /* that the target must have */
	uint32_t region_size; /* to be noted; 0: none */
	uint64_t dirty; /* of those written */
};

static bool set_region_size(const struct option_entry *entry, const char *text, void *field)
{
	unsigned *size = field;

	return option_set_unsigned(entry, text, field) && (*size & (*size - 1)) == 0;
}

static const struct option_entry convert_entries[] = {
	{"to", 't', IMAGE_READER_WORDS, "whose log it is to be",
	 OPTION_CHOICE(struct convert_options, to)},
	{"write", 'w', .help = "write it; without this only what would be done is said",
	 OPTION_FLAG(struct convert_options, write)},
	{"dry-run", 'n', .help = "write nothing", OPTION_FLAG(struct convert_options, dry_run)},
	IMAGE_OPTION_REGIONS(struct convert_options),
	{"json", .help = "as JSON", OPTION_FLAG(struct convert_options, json)},
	{"region-size", 's', "SECTORS",
	 "note this region size for dirtylogd (default: what FROM notes)", .set = set_region_size,
	 .field = OPTION_FIELD(struct convert_options, region_size, unsigned), .min = 8,
	 .max = 1u << 31, .wanted = "a power of two"},
	{0},
};

static const struct option_table convert_table = {
	.program = "dirtylogctl image convert",
	.arguments = "FROM TO",
	.doc = "Make the log image FROM one for another reader, on the device or in the file TO. "
	       "Nothing is written without --write.",
	.entries = convert_entries,
};

/* --- may it be done --- */

static int check_source(const struct image *from, const struct convert_options *options)
{
	const char *path = from->file.path;
	uint32_t noted = from->header.region_size;

	if (from->verdict != LOG_IMAGE_VALID)
		image_fault(path,
			    "%s: nothing in it can be believed; resync the mirror with a new "
			    "log instead",
			    image_kind_meaning(from->kind));
	else if (from->regions == 0)
		image_fault(path, "tells no number of regions: give --regions");
	else if (from->file.holder[0])
		image_fault(path,
			    "is in use by %s, and a copy would be old at once: suspend or "
			    "deactivate its mirror first",
			    from->file.holder);
	else if (noted && options->region_size && noted != options->region_size)
		image_fault(path,
			    "notes regions of %" PRIu32 " sectors, and not of %u: bits of "
			    "other regions tell nothing of yours",
			    noted, options->region_size);
	else
		return 0;
	return -EINVAL;
}

static int check_room(const struct conversion *job)
{
	enum image_reader reader = job->options->to;

	if (job->from->regions > image_reader_regions_max(reader)) {
		image_fault(job->from->file.path,
			    "has %" PRIu64 " regions, and %s counts %" PRIu64 " at most",
			    job->from->regions, image_reader_word(reader),
			    image_reader_regions_max(reader));
		return -ERANGE;
	}
	if (job->target.is_device && job->target.bytes < job->room) {
		image_fault(job->target.path,
			    "has %" PRIu64 " bytes, and %s wants %" PRIu64
			    " for so many regions: give a larger device",
			    job->target.bytes, image_reader_word(reader), job->room);
		return -ENOSPC;
	}
	return 0;
}

static void plan(struct conversion *job)
{
	struct log_image geometry = {.nregions = job->from->regions,
				     .block_bytes = job->target.block_bytes};
	uint32_t noted = job->from->header.region_size;

	job->bytes = log_image_bytes(&geometry);
	job->room = image_reader_bytes(job->options->to, geometry.nregions, geometry.block_bytes);
	if (job->room < job->bytes)
		job->room = job->bytes;
	/* Others keep bytes that they do not know, and so a note that would be theirs to keep true. */
	if (job->options->to == IMAGE_FOR_DIRTYLOGD)
		job->region_size = noted ? noted : job->options->region_size;
	/* What is counted alone need not be gone through where nothing vouches for it: all is dirty. */
	job->from->scan = job->options->write ? job->from->regions : job->from->believed;
}

/* --- doing it --- */

static void no_run(uint64_t first, uint64_t last, void *context)
{
}

/* All bits, with zeros for a header; or, if nothing is to be written, counted alone. 0 or -errno. */
static int pass_bits(struct conversion *job, bool write)
{
	struct region_runs runs = {.found = no_run};
	struct image_piece piece;
	int r;

	while ((r = image_next(job->from, &piece)) > 0) {
		uint8_t *bytes = job->from->file.piece;
		uint64_t left = job->bytes - piece.offset;

		region_runs_bits(&runs, piece.bits, NULL, piece.regions);
		if (piece.offset == 0)
			memset(bytes, 0, LOG_IMAGE_BITS_OFFSET);
		if (write)
			r = image_target_write(&job->target, bytes,
					       left < IMAGE_PIECE_BYTES ? left : IMAGE_PIECE_BYTES,
					       piece.offset);
		if (r < 0)
			return r;
	}
	job->dirty = runs.members + (job->from->regions - job->from->scan);
	return r;
}

/* The first block once more: it can hold bits as well. */
static int write_header(struct conversion *job)
{
	struct image *from = job->from;
	struct image_piece piece;
	int r;

	from->next = 0;
	r = image_next(from, &piece);
	if (r < 0)
		return r;
	memset(from->file.piece, 0, LOG_IMAGE_BITS_OFFSET);
	log_image_encode_header(from->file.piece, from->regions, job->region_size);
	return image_target_write(&job->target, from->file.piece, job->target.block_bytes, 0);
}

static int write_image(struct conversion *job)
{
	int r = image_target_begin(&job->target, job->room);

	kill_point("header_away");
	if (r == 0)
		r = pass_bits(job, true);
	if (r == 0)
		r = image_target_sync(&job->target);
	kill_point("bits_written");
	if (r == 0)
		r = write_header(job);
	if (r == 0)
		r = image_target_sync(&job->target);
	image_target_close(&job->target, r == 0);
	return r;
}

static void say_done_as_json(const struct conversion *job)
{
	const struct image *from = job->from;
	json_t *all = json_pack(
		"{s:o, s:s, s:b, s:o, s:o, s:o, s:o}", "target", json_of_text(job->target.path),
		"for", image_reader_word(job->options->to), "written", job->options->write,
		"regions", json_of_count(from->regions), "dirty", json_of_count(job->dirty),
		"not_vouched_for", json_of_count(from->regions - from->believed), "bytes",
		json_of_count(job->bytes));

	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

static void say_done(const struct conversion *job)
{
	const struct image *from = job->from;

	if (job->options->json) {
		say_done_as_json(job);
		return;
	}
	printf("%s: %s %" PRIu64 " regions for %s, %" PRIu64 " of them dirty, %" PRIu64 " bytes\n",
	       job->target.path,
	       job->options->write ? "written:" : "would be written:", from->regions,
	       image_reader_word(job->options->to), job->dirty, job->bytes);
	if (from->believed < from->regions)
		printf("%" PRIu64 " regions are dirty since FROM does not vouch for them\n",
		       from->regions - from->believed);
	if (!job->options->write)
		printf("nothing was written (--write)\n");
}

static int convert_image(struct image *from, const char *to, const struct convert_options *options)
{
	struct conversion job = {.options = options, .from = from};

	if (check_source(from, options) < 0 || image_target_look(&job.target, to, from) < 0)
		return IMAGE_TROUBLE;
	image_warn(from);
	plan(&job);
	if (check_room(&job) < 0)
		return IMAGE_TROUBLE;
	if ((options->write ? write_image(&job) : pass_bits(&job, false)) < 0)
		return IMAGE_TROUBLE;
	say_done(&job);
	return fflush(stdout) == 0 ? 0 : IMAGE_TROUBLE;
}

int ctl_image_convert(int argc, char **argv)
{
	struct convert_options options = {.to = NO_READER};
	struct image from;
	char *paths[2];
	int status = image_parse(&convert_table, &options, argc, argv, 2, paths);

	if (status >= 0)
		return status;
	if (options.to == NO_READER)
		return option_table_fault(&convert_table,
					  "--to is expected: dirtylogd, kernel or cmirrord");
	if (options.write && options.dry_run)
		return option_table_fault(&convert_table,
					  "--write and --dry-run exclude each other");
	if (image_open(&from, paths[0], options.regions) < 0)
		return IMAGE_TROUBLE;
	kill_point_arm();
	status = convert_image(&from, paths[1], &options);
	image_close(&from);
	return status;
}
