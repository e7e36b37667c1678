/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon says, as it says it; or the same as JSON. */
#include "server/base/option_table.h"
#include "server/ctl/answers.h"
#include "server/ctl/ask.h"
#include "server/ctl/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plain_options {
	bool json;
};

static const struct option_entry plain_entries[] = {
	{"json", .help = "as JSON", OPTION_FLAG(struct plain_options, json)},
	{0},
};

#define LOGS_HEADER "UUID LUID TYPE DEVICE REGION_SIZE REGIONS IN_SYNC DIRTY LAZY STATE"
static void print_as_json(const char *command, char *text)
{
	json_t *all = strcmp(command, "logs") == 0 ? answer_logs(text) : answer_counters(text);

	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

static int print_answer_to(const char *command, bool json)
{
	size_t size;
	char *text = ctl_ask(command, &size);

	if (!text)
		return CTL_NO_ANSWER;
	if (json) {
		print_as_json(command, text);
	} else {
		if (strcmp(command, "logs") == 0)
			puts(LOGS_HEADER);
		fwrite(text, 1, size, stdout);
	}
	free(text);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}

static int plain(const char *program, const char *doc, int argc, char **argv)
{
	const struct option_table table = {
		.program = program, .doc = doc, .entries = plain_entries};
	struct plain_options options = {0};
	const char *command = argv[0];
	int status = option_table_parse(&table, &options, argc, argv, NULL);

	return status >= 0 ? status : print_answer_to(command, options.json);
}

int ctl_stats(int argc, char **argv)
{
	return plain("dirtylogctl stats", "What dirtylogd has counted since its start.", argc,
		     argv);
}

int ctl_logs(int argc, char **argv)
{
	return plain(
		"dirtylogctl logs",
		"A line for each log, behind a header: its uuid, the kernel's number for it, type, "
		"device, size of a region in sectors, regions, how many are in sync, not clean, "
		"and "
		"clean but not yet on the device, and its state.",
		argc, argv);
}
