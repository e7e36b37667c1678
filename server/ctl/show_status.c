/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `status`: a line for each mirror, or JSON; and whether they can all be relied on. */
#include "server/base/option_table.h"
#include "server/ctl/ask.h"
#include "server/ctl/command.h"
#include "server/ctl/table.h"
#include "server/ctl/view.h"

struct status_options {
	bool json, names;
	const char *from;
};

static const struct option_entry status_entries[] = {
	{"json", .help = "as JSON", OPTION_FLAG(struct status_options, json)},
	{"names", .help = "names alone, for completion", .hidden = true,
	 OPTION_FLAG(struct status_options, names)},
	{"from", .argument = "FILE", .help = "what --json has printed before", .hidden = true,
	 OPTION_TEXT(struct status_options, from)},
	{0},
};

static const struct option_table status_table = {
	.program = "dirtylogctl status",
	.arguments = "[NAME...]",
	.doc = "Each mirror's health, its resync, and what waits. NAME: a device-mapper name, "
	       "VG/LV, "
	       "a path, or a log's uuid.\vExit status: 0 if all is well, 1 if a leg or a log is "
	       "not, or a request has waited for 5 s, 2 if a mirror cannot serve writes (or the "
	       "command line is wrong), 3 if no "
	       "dirtylogd answers.",
	.entries = status_entries,
};

static const struct table_column status_columns[] = {
	{"MIRROR", table_name, false},
	{"LEGS", table_legs, false},
	{"LOG", table_log, false},
	{"IN-SYNC", table_sync, true},
	{"RESYNC", table_rate, true},
	{"LEFT", table_left, true},
	{"DIRTY", table_dirty, true},
	{"ON-DISK", table_on_disk, true},
	{"WAITING", table_waiting, true},
	{"OLDEST", table_oldest, true},
	{"LAST-ERROR", table_last_error, false},
	{0},
};

/* Those that are named, or all. NULL: a name is not known. */
static json_t *selected(const json_t *view, int argc, char **argv)
{
	json_t *mirrors;

	if (argc == 0)
		return json_incref(json_object_get(view, "mirrors"));
	mirrors = json_array();
	for (int i = 0; i < argc; i++) {
		json_t *meant = view_select(view, "status", argv[i]);
		bool known = json_array_size(meant) > 0;

		json_array_extend(mirrors, meant);
		json_decref(meant);
		if (!known) {
			json_decref(mirrors);
			return NULL;
		}
	}
	return mirrors;
}

static int worst(const json_t *view, const json_t *mirrors)
{
	bool incomplete = json_is_true(json_object_get(view, "incomplete"));
	enum view_verdict verdict = incomplete ? VIEW_DEGRADED : VIEW_GOOD;
	json_t *mirror;
	size_t i;

	for (i = 0; (mirror = json_array_get(mirrors, i)); i++)
		if (view_judge(mirror) > verdict)
			verdict = view_judge(mirror);
	return (int)verdict;
}

static void print_json(json_t *view, json_t *mirrors)
{
	json_object_set(view, "mirrors", mirrors);
	json_dumpf(view, stdout, JSON_INDENT(1));
	putchar('\n');
}

static void print_names(const json_t *mirrors)
{
	json_t *mirror;

	for (size_t i = 0; (mirror = json_array_get(mirrors, i)); i++)
		puts(view_text(mirror, "name"));
}

static int print_status(json_t *view, const struct status_options *options, int argc, char **argv)
{
	json_t *mirrors = selected(view, argc, argv);
	int status;

	if (!mirrors)
		return CTL_WRONG_COMMAND_LINE;
	if (view_number(view, "left_out") > 0)
		fprintf(stderr, "dirtylogctl: %lld logs more than dirtylogd tells of at once\n",
			(long long)view_number(view, "left_out"));
	if (options->names)
		print_names(mirrors);
	else if (options->json)
		print_json(view, mirrors);
	else
		table_print(stdout, status_columns, mirrors);
	status = worst(view, mirrors);
	json_decref(mirrors);
	return status;
}

int ctl_status(int argc, char **argv)
{
	struct status_options options = {0};
	int next, status = option_table_parse(&status_table, &options, argc, argv, &next);
	json_t *view;

	if (status >= 0)
		return status;
	view = view_get(options.from, !options.names);
	if (!view)
		return options.from ? CTL_WRONG_COMMAND_LINE : CTL_NO_ANSWER;
	status = print_status(view, &options, argc - next, argv + next);
	json_decref(view);
	return status;
}
