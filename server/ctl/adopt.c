/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `dirtylogctl adopt` and `release`: mirrors that run, to dirtylogd and back; and `resync`. */
#include "server/base/clock.h"
#include "server/base/option_table.h"
#include "server/ctl/ask.h"
#include "server/ctl/beneath.h"
#include "server/ctl/command.h"
#include "server/ctl/front.h"
#include "server/ctl/json_values.h"
#include "server/ctl/lvm.h"
#include "server/ctl/mirrors.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define TRIES 3u

struct adopt_options {
	bool all, once, root, plain, json;
};

static const struct option_entry adopt_entries[] = {
	{"all", .help = "every mirror of LVM's that is not on dirtylogd",
	 OPTION_FLAG(struct adopt_options, all)},
	{"once", .help = "do not mark volumes with the tag " LVM_TAG ", by which they stay adopted",
	 OPTION_FLAG(struct adopt_options, once)},
	{"plain",
	 .help = "without the kernel's log in front (module dm-log-cached), which is used where it "
		 "is "
		 "there",
	 OPTION_FLAG(struct adopt_options, plain)},
	{"json", .help = "as JSON", OPTION_FLAG(struct adopt_options, json)},
	{0},
};

static const struct option_entry release_entries[] = {
	{"all", .help = "every mirror that is on dirtylogd",
	 OPTION_FLAG(struct adopt_options, all)},
	{"once", .help = "leave volumes the tag " LVM_TAG ", by which they are adopted again",
	 OPTION_FLAG(struct adopt_options, once)},
	{"root", .help = "those that / and /usr stand on", OPTION_FLAG(struct adopt_options, root)},
	{"json", .help = "as JSON", OPTION_FLAG(struct adopt_options, json)},
	{0},
};

static const struct option_table adopt_table = {
	.program = "dirtylogctl adopt",
	.arguments = "[VG/LV|DEVICE...]",
	.doc = "Give mirrors that run, on the kernel's core or disk log, dirtylogd's.",
	.entries = adopt_entries,
};

static const struct option_table release_table = {
	.program = "dirtylogctl release",
	.arguments = "[VG/LV|DEVICE...]",
	.doc = "Give mirrors that run on dirtylogd the kernel's log back.",
	.entries = release_entries,
};

static const struct option_entry resync_entries[] = {
	{"all", .help = "every mirror that is on dirtylogd",
	 OPTION_FLAG(struct adopt_options, all)},
	{"json", .help = "as JSON", OPTION_FLAG(struct adopt_options, json)},
	{0},
};

static const struct option_table resync_table = {
	.program = "dirtylogctl resync",
	.arguments = "[VG/LV|DEVICE...]",
	.doc = "Copy all regions of mirrors that run on dirtylogd again, from the first leg to the "
	       "others, as if nothing were in sync.\vFor legs that were found to differ. The "
	       "mirror "
	       "is suspended for some milliseconds, twice, and serves meanwhile; reads come from "
	       "the "
	       "first leg until a region is copied.",
	.entries = resync_entries,
};

/* --- one mirror --- */

typedef enum swap_result swap_function(const struct ctl_mirror *mirror, const char **why);

static enum swap_result resync_begin(const struct ctl_mirror *mirror, const char **why)
{
	return swap_resync(mirror, true, why);
}

static enum swap_result resync_settle(const struct ctl_mirror *mirror, const char **why)
{
	return swap_resync(mirror, false, why);
}

static enum swap_result try_swap(const struct ctl_mirror *mirror, swap_function *swap,
				 const char **why)
{
	const struct timespec pause = {.tv_nsec = 500 * NSEC_PER_MSEC};
	enum swap_result result = SWAP_LATER;

	for (unsigned tries = 0; tries < TRIES && result == SWAP_LATER; tries++) {
		if (tries > 0)
			nanosleep(&pause, NULL);
		result = swap(mirror, why);
	}
	return result;
}

static json_t *told; /* NULL: in text */

static void tell_as_json(const struct ctl_mirror *mirror, bool done, const char *what)
{
	json_array_append_new(told, json_pack("{s:o, s:o, s:b, s:s}", "name",
					      json_of_text(ctl_mirror_text(mirror)), "device",
					      json_sprintf("%u:%u", mirror->major, mirror->minor),
					      "done", done, "what", what));
}

static int tell_result(const struct ctl_mirror *mirror, enum swap_result result, const char *good,
		       const char *why)
{
	bool done = result == SWAP_DONE || result == SWAP_NOTHING;
	const char *what = result == SWAP_DONE ? good : why;

	if (told) {
		tell_as_json(mirror, done, what);
	} else if (done) {
		printf("%s: %s\n", ctl_mirror_text(mirror), what);
	} else {
		fflush(stdout);
		fprintf(stderr, "dirtylogctl: %s (device %u:%u): %s\n", ctl_mirror_text(mirror),
			mirror->major, mirror->minor, what);
	}
	return done ? 0 : 1;
}

static enum swap_result adopt_plain(const struct ctl_mirror *mirror, const char **why)
{
	return swap_adopt(mirror, false, why);
}

/* One that cannot be had is no reason to leave a mirror alone. */
static enum swap_result adopt_with_front(const struct ctl_mirror *mirror, const char **why)
{
	return swap_adopt(mirror, front_is_there(), why);
}

/* For dirtylogd-keep. */
static void note_plain(const char *volume, bool plain)
{
	bool noted = lvm_tagged(volume, LVM_PLAIN_TAG) == LVM_TAGGED;

	if (plain && !noted)
		lvm_add_tag(volume, LVM_PLAIN_TAG);
	else if (!plain && noted)
		lvm_remove_tag(volume, LVM_PLAIN_TAG);
}

static int adopt_one(const struct ctl_mirror *mirror, const struct adopt_options *options)
{
	char volume[LVM_NAME_MAX];
	bool lvms = lvm_volume_of(mirror->name, mirror->uuid, volume);
	const char *why = "is one of LVM's own";
	enum swap_result result;

	if (lvms && lvm_is_hidden(volume))
		return tell_result(mirror, SWAP_REFUSED, NULL, why);
	if (lvms && !options->once && !lvm_add_tag(volume, LVM_TAG))
		fprintf(stderr,
			"dirtylogctl: %s has not got the tag %s: LVM's next command may give it "
			"the kernel's log back\n",
			volume, LVM_TAG);
	if (lvms && !options->once)
		note_plain(volume, options->plain);
	result = try_swap(mirror, options->plain ? adopt_plain : adopt_with_front, &why);
	return tell_result(mirror, result, "adopted", why);
}

/* LVM could not take the tag away; perhaps there was none. */
static int tell_if_tagged(const char *volume)
{
	enum lvm_tagged tagged = lvm_tagged(volume, LVM_TAG);

	if (tagged == LVM_NOT_TAGGED)
		return 0;
	fflush(stdout);
	fprintf(stderr,
		"dirtylogctl: %s %s the tag " LVM_TAG ", by which dirtylogd-keep adopts it "
		"again: lvchange --deltag " LVM_TAG " %s, which has failed, says why\n",
		volume, tagged == LVM_TAGGED ? "still has" : "may still have", volume);
	return 1;
}

/* Without the tag first, or it would be adopted again. */
static int release_one(const struct ctl_mirror *mirror, const struct adopt_options *options)
{
	char volume[LVM_NAME_MAX];
	enum lvm_tagged tagged = !options->once && lvm_volume_of(mirror->name, mirror->uuid, volume)
					 ? lvm_tagged(volume, LVM_TAG)
					 : LVM_NOT_TAGGED;
	bool stays = tagged != LVM_NOT_TAGGED && !lvm_remove_tag(volume, LVM_TAG);
	enum swap_result result;
	const char *why;
	int status;

	result = try_swap(mirror, swap_release, &why);
	if (tagged == LVM_TAGGED && result != SWAP_DONE && result != SWAP_NOTHING)
		lvm_add_tag(volume, LVM_TAG); /* it is on dirtylogd, and shall be kept there */
	status = tell_result(mirror, result, "released to the kernel's log", why);
	return stays && status == 0 ? tell_if_tagged(volume) : status;
}

/* The second table is for the sake of the next one: a log that is told `sync` believes it each time it is made. One
 * that has come between, as LVM's, says nothing of the kind. */
static int resync_one(const struct ctl_mirror *mirror, const struct adopt_options *options)
{
	const char *why;
	enum swap_result result = try_swap(mirror, resync_begin, &why);

	if (result != SWAP_DONE)
		return tell_result(mirror, result, NULL, why);
	result = try_swap(mirror, resync_settle, &why);
	if (result == SWAP_BAD)
		return tell_result(mirror, result, NULL, why);
	tell_result(mirror, SWAP_DONE,
		    "all regions are copied again (dirtylogctl status shows how far)", NULL);
	if (result == SWAP_DONE || result == SWAP_NOTHING)
		return 0;
	fflush(stdout);
	fprintf(stderr,
		"dirtylogctl: %s: its table says \"sync\" still, which makes it resync whenever "
		"that is loaded: %s\n",
		ctl_mirror_text(mirror), why);
	return 1;
}

/* --- which ones --- */

typedef int action(const struct ctl_mirror *mirror, const struct adopt_options *options);

static bool is_chosen(const struct ctl_mirror *mirror, const struct adopt_options *options,
		      action *act)
{
	char volume[LVM_NAME_MAX];

	if (act != adopt_one)
		return mirror->ours > 0 &&
		       (options->all || beneath_root(makedev(mirror->major, mirror->minor)));
	return mirror->kernels > 0 && lvm_volume_of(mirror->name, mirror->uuid, volume) &&
	       !lvm_is_hidden(volume);
}

static int act_on_all(const struct ctl_mirrors *mirrors, const struct adopt_options *options,
		      action *act)
{
	int status = 0;

	for (unsigned i = 0; i < mirrors->count; i++)
		if (is_chosen(&mirrors->all[i], options, act))
			status |= act(&mirrors->all[i], options);
	return status;
}

static int act_on_named(const struct ctl_mirrors *mirrors, char **names, int count,
			const struct adopt_options *options, action *act)
{
	int status = 0;

	for (int i = 0; i < count; i++) {
		const struct ctl_mirror *mirror = ctl_mirrors_named(mirrors, names[i]);

		if (mirror) {
			status |= act(mirror, options);
			continue;
		}
		fprintf(stderr,
			"dirtylogctl: %s: no mirror with a core or disk log has this name (dmsetup "
			"table --target mirror shows all)\n",
			names[i]);
		status = 1;
	}
	return status;
}

/* A mirror whose log nobody serves could not even be suspended. */
static bool is_served(void)
{
	char *stats = ctl_ask("stats", NULL);
	bool served = stats;

	free(stats);
	return served;
}

static int run_swaps(const struct option_table *table, action *act, int argc, char **argv)
{
	struct adopt_options options = {0};
	struct ctl_mirrors mirrors;
	int next, status;

	status = option_table_parse(table, &options, argc, argv, &next);
	if (status >= 0)
		return status;
	if ((options.all || options.root) == (next < argc))
		return option_table_fault(table,
					  "mirrors are expected, or an option that says which");
	if (!is_served())
		return CTL_NO_ANSWER;
	if (ctl_mirrors_find(&mirrors) < 0) {
		fprintf(stderr,
			"dirtylogctl: device-mapper cannot be asked (/dev/mapper/control)\n");
		return 1;
	}
	if (options.json)
		told = json_array();
	if (options.all || options.root)
		status = act_on_all(&mirrors, &options, act);
	else
		status = act_on_named(&mirrors, argv + next, argc - next, &options, act);
	free(mirrors.all);
	if (told)
		json_dumpf(told, stdout, JSON_INDENT(1));
	if (told)
		putchar('\n');
	json_decref(told);
	return status;
}

int ctl_adopt(int argc, char **argv)
{
	return run_swaps(&adopt_table, adopt_one, argc, argv);
}

int ctl_resync(int argc, char **argv)
{
	return run_swaps(&resync_table, resync_one, argc, argv);
}

int ctl_release(int argc, char **argv)
{
	return run_swaps(&release_table, release_one, argc, argv);
}
