/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `dirtylogctl image diff`: the regions that two images differ in. Their pieces go side by side. */
#include "server/ctl/image_commands.h"

#include "bitmap/region_runs.h"
#include "server/ctl/image.h"
#include "server/ctl/json_values.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

struct diff_options {
	bool all, json;
	uint64_t regions;
};

/* Of the regions that are dirty in one image only. */
struct diff_side {
	struct region_runs runs;
	const char *words;
	bool all;
	json_t *ranges; /* NULL: a line each */
	uint64_t shown;
};

static const struct option_entry diff_entries[] = {
	IMAGE_OPTION_ALL(struct diff_options),
	IMAGE_OPTION_REGIONS(struct diff_options),
	{"json", .help = "as JSON", OPTION_FLAG(struct diff_options, json)},
	{0},
};

static const struct option_table diff_table = {
	.program = "dirtylogctl image diff",
	.arguments = "A B",
	.doc = "The regions that are dirty in one of two log images only. Exit status 1: there are "
	       "some.",
	.entries = diff_entries,
};

static void print_difference(uint64_t first, uint64_t last, void *context)
{
	struct diff_side *side = context;

	if (!side->all && side->shown == IMAGE_RANGES_SHOWN)
		return;
	if (side->ranges)
		json_array_append_new(side->ranges,
				      json_pack("[I, I]", (json_int_t)first, (json_int_t)last));
	else
		printf("%s %" PRIu64 "-%" PRIu64 "\n", side->words, first, last);
	side->shown++;
}

static void end_side(struct diff_side *side)
{
	region_runs_end(&side->runs);
	if (side->ranges)
		return;
	if (side->runs.count > side->shown)
		printf("%s: %" PRIu64 " more ranges (--all)\n", side->words,
		       side->runs.count - side->shown);
	if (side->runs.members)
		printf("%s: %" PRIu64 " regions\n", side->words, side->runs.members);
}

static struct diff_side make_side(const char *words, const struct diff_options *options)
{
	return (struct diff_side){.words = words,
				  .all = options->all,
				  .ranges = options->json ? json_array() : NULL,
				  .runs = {.found = print_difference}};
}

/* Returns 0 or -errno. */
static int compare_pieces(struct image *a, struct image *b, struct diff_side *only_a,
			  struct diff_side *only_b)
{
	struct image_piece of_a, of_b;
	int r, s;

	only_a->runs.context = only_a;
	only_b->runs.context = only_b;
	while ((r = image_next(a, &of_a)) > 0 && (s = image_next(b, &of_b)) > 0) {
		region_runs_bits(&only_a->runs, of_a.bits, of_b.bits, of_a.regions);
		region_runs_bits(&only_b->runs, of_b.bits, of_a.bits, of_a.regions);
	}
	return r > 0 ? s : r;
}

/* Whether they are logs of one mirror at all. */
static bool have_one_shape(const struct image *a, const struct image *b)
{
	uint32_t size_a = a->header.region_size, size_b = b->header.region_size;

	return a->regions == b->regions && (size_a == size_b || !size_a || !size_b);
}

static void tell_shapes(const struct image *a, const struct image *b)
{
	uint32_t size_a = a->header.region_size, size_b = b->header.region_size;

	if (a->regions != b->regions)
		printf("regions: %" PRIu64 " in A, %" PRIu64 " in B; compared as far as both go\n",
		       a->regions, b->regions);
	if (size_a && size_b && size_a != size_b)
		printf("region size: %" PRIu32 " sectors in A, %" PRIu32
		       " in B: their bits mean different things\n",
		       size_a, size_b);
}

/* The sides' ranges are gone behind it. */
static void tell_diff_as_json(bool equal, const struct image *images[2], struct diff_side *sides[2])
{
	json_t *all = json_pack("{s:b}", "equal", equal);

	for (unsigned i = 0; i < 2; i++)
		json_object_set_new(
			all, i ? "b" : "a",
			json_pack("{s:o, s:I, s:o, s:o, s:o}", "regions",
				  json_of_count(images[i]->regions), "region_size",
				  (json_int_t)images[i]->header.region_size, "dirty_here_only",
				  json_of_count(sides[i]->runs.members), "ranges_left_out",
				  json_of_count(sides[i]->runs.count - sides[i]->shown), "ranges",
				  sides[i]->ranges));
	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

static int diff_images(struct image *a, struct image *b, const struct diff_options *options)
{
	struct diff_side only_a = make_side("dirty only in A", options);
	struct diff_side only_b = make_side("dirty only in B", options);
	uint64_t common = a->regions < b->regions ? a->regions : b->regions;
	uint64_t believed = a->believed > b->believed ? a->believed : b->believed;
	bool equal = have_one_shape(a, b);

	if (!options->json)
		tell_shapes(a, b);
	image_warn(a);
	image_warn(b);
	/* Behind what either is believed, all is dirty in both. */
	a->scan = b->scan = believed < common ? believed : common;
	if (compare_pieces(a, b, &only_a, &only_b) < 0) {
		json_decref(only_a.ranges);
		json_decref(only_b.ranges);
		return IMAGE_TROUBLE;
	}
	end_side(&only_a);
	end_side(&only_b);
	equal = equal && only_a.runs.members == 0 && only_b.runs.members == 0;
	if (options->json)
		tell_diff_as_json(equal, (const struct image *[]){a, b},
				  (struct diff_side *[]){&only_a, &only_b});
	return equal && fflush(stdout) == 0 ? 0 : IMAGE_TROUBLE;
}

static bool can_be_compared(const struct image *image)
{
	if (image->verdict != LOG_IMAGE_VALID)
		image_fault(image->file.path, "%s: cannot be compared (dirtylogctl image check)",
			    image_kind_meaning(image->kind));
	else if (image->regions == 0)
		image_fault(image->file.path, "tells no number of regions: give --regions");
	return image->verdict == LOG_IMAGE_VALID && image->regions != 0;
}

int ctl_image_diff(int argc, char **argv)
{
	struct diff_options options = {0};
	struct image a, b;
	char *paths[2];
	int status = image_parse(&diff_table, &options, argc, argv, 2, paths);

	if (status >= 0)
		return status;
	if (image_open(&a, paths[0], options.regions) < 0)
		return IMAGE_TROUBLE;
	status = IMAGE_TROUBLE;
	if (image_open(&b, paths[1], options.regions) == 0) {
		if (can_be_compared(&a) && can_be_compared(&b))
			status = diff_images(&a, &b, &options);
		image_close(&b);
	}
	image_close(&a);
	return status;
}
