/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `set`, `pause` and `continue`: what the running dirtylogd shall do otherwise. */
#include "server/base/option_table.h"
#include "server/ctl/answers.h"
#include "server/ctl/ask.h"
#include "server/ctl/command.h"
#include "server/ctl/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 256u

/* --- set --- */

struct set_options {
	bool json;
};

static const struct option_entry set_entries[] = {
	{"json", .help = "as JSON", OPTION_FLAG(struct set_options, json)},
	{0},
};

static const struct option_table set_table = {
	.program = "dirtylogctl set",
	.arguments = "[NAME VALUE]",
	.doc = "Change an option of the running dirtylogd: clear-delay, max-lazy, mark-ahead, "
	       "resync-rate or log-level (dirtylogd(8)); without a name, what holds now.\vIt holds "
	       "until "
	       "dirtylogd "
	       "is reloaded or started again. What shall hold then too goes into "
	       "/etc/dirtylogd/dirtylogd.conf.",
	.entries = set_entries,
};

static void print_settings_as_json(char *text)
{
	json_t *settings = answer_settings(text);

	json_dumpf(settings, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	putchar('\n');
	json_decref(settings);
}

static int order_as_json(const char *line)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int status = out ? ctl_order(line, out) : 1;

	if (out)
		fclose(out);
	if (status == 0)
		print_settings_as_json(text);
	free(text);
	return status;
}

/* The daemon knows what a value may be. */
int ctl_set(int argc, char **argv)
{
	struct set_options options = {0};
	char line[LINE_MAX_BYTES] = "set";
	int next, status = option_table_parse(&set_table, &options, argc, argv, &next);

	if (status >= 0)
		return status;
	if (next != argc && argc - next != 2)
		return option_table_fault(&set_table, "a name and a value are expected");
	if (next != argc && snprintf(line, sizeof(line), "set %s %s", argv[next], argv[next + 1]) >=
				    (int)sizeof(line))
		return option_table_fault(&set_table, "the value is too long");
	if (strchr(line, '\n')) /* the daemon would take what is before it */
		return option_table_fault(&set_table, "a name and a value have one line");
	return options.json ? order_as_json(line) : ctl_order(line, stdout);
}

/* --- stay --- */

static const struct option_table stay_table = {
	.program = "dirtylogctl stay",
	.doc = "Have the server serve on for ten seconds when its supervisor is told to end: until "
	       "a "
	       "dirtylogd relieves it that is about to be started. dirtylogd.service does so when "
	       "it "
	       "is restarted.",
	.entries = (const struct option_entry[]){{0}},
};

int ctl_stay(int argc, char **argv)
{
	int next, status = option_table_parse(&stay_table, NULL, argc, argv, &next);

	if (status >= 0)
		return status;
	if (next != argc)
		return option_table_fault(&stay_table, "no argument is expected");
	return ctl_order("stay", NULL);
}

/* --- pause, continue --- */

struct order_options {
	bool all, json;
};

static const struct option_entry order_entries[] = {
	{"json", .help = "as JSON", OPTION_FLAG(struct order_options, json)},
	{"all", .help = "every mirror of dirtylogd's", OPTION_FLAG(struct order_options, all)},
	{0},
};

static const struct option_table pause_table = {
	.program = "dirtylogctl pause",
	.arguments = "[NAME...]",
	.doc = "Hand out no more regions of these mirrors for recovery. Writes go on, and what is "
	       "out of sync stays so: it is not redundant meanwhile.\vIt outlives dirtylogd's "
	       "restarts and other tables of the mirror, and ends with `dirtylogctl continue`, or "
	       "when the mirror is removed or deactivated.",
	.entries = order_entries,
};

static const struct option_table continue_table = {
	.program = "dirtylogctl continue",
	.arguments = "[NAME...]",
	.doc = "Let the resync of mirrors go on that were paused.",
	.entries = order_entries,
};

static json_t *obeyed; /* NULL: nothing is said of what is done */

static int order_one(const struct option_table *table, const char *order, const json_t *mirror)
{
	const json_t *log = json_object_get(mirror, "log");
	char line[LINE_MAX_BYTES];
	int status;

	if (!log) {
		fprintf(stderr, "%s: %s: dirtylogd does not know its log\n", table->program,
			view_text(mirror, "name"));
		return 1;
	}
	snprintf(line, sizeof(line), "%s %s %s", order, view_text(log, "uuid"),
		 view_text(log, "luid"));
	status = ctl_order(line, NULL);
	if (obeyed)
		json_array_append_new(obeyed,
				      json_pack("{s:s, s:b}", "name", view_text(mirror, "name"),
						"done", status == 0));
	return status;
}

static int order_each(const struct option_table *table, const char *order, const json_t *mirrors)
{
	int status = 0;
	json_t *mirror;

	for (size_t i = 0; (mirror = json_array_get(mirrors, i)); i++) {
		int r = order_one(table, order, mirror);

		status = r > status ? r : status;
	}
	return status;
}

static int order_named(const struct option_table *table, const char *order, const json_t *view,
		       char **names)
{
	int status = 0;

	for (; *names; names++) {
		json_t *meant = view_select(view, order, *names);
		int r = json_array_size(meant) > 0 ? order_each(table, order, meant) : 1;

		status = r > status ? r : status;
		json_decref(meant);
	}
	return status;
}

static int give_order(const struct option_table *table, const char *order, int argc, char **argv)
{
	struct order_options options = {0};
	int next, status = option_table_parse(table, &options, argc, argv, &next);
	json_t *view;

	if (status >= 0)
		return status;
	if (options.all == (next < argc))
		return option_table_fault(table, "mirrors are expected, or --all");
	view = view_get(NULL, false);
	if (!view)
		return CTL_NO_ANSWER;
	if (options.json)
		obeyed = json_array();
	if (options.all)
		status = order_each(table, order, json_object_get(view, "mirrors"));
	else
		status = order_named(table, order, view, argv + next);
	if (obeyed)
		json_dumpf(obeyed, stdout, JSON_INDENT(1));
	json_decref(obeyed);
	json_decref(view);
	return status;
}

int ctl_pause(int argc, char **argv)
{
	return give_order(&pause_table, "pause", argc, argv);
}

int ctl_continue(int argc, char **argv)
{
	return give_order(&continue_table, "continue", argc, argv);
}
