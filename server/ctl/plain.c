/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon says, as it says it; or the same as JSON. */
#include "server/base/option_table.h"
#include "server/ctl/ask.h"
#include "server/ctl/command.h"

#include <jansson.h>
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

/* What the words of a line of `logs` are, from the last one on: an uuid may have spaces. */
static const char *const log_keys[] = {"state",	      "lazy",	"dirty", "in_sync", "regions",
				       "region_size", "device", "type",	 "luid"};
#define LOGS_HEADER "UUID LUID TYPE DEVICE REGION_SIZE REGIONS IN_SYNC DIRTY LAZY STATE"
#define LOG_KEYS (sizeof(log_keys) / sizeof(log_keys[0]))

static json_t *json_of_word(const char *word)
{
	char *end;
	long long number = strtoll(word, &end, 10);

	return *end == '\0' && end != word ? json_integer(number) : json_string(word);
}

/* A luid is hexadecimal, and no number whatever its digits are. */
static json_t *json_of_log(char *line)
{
	json_t *log = json_object();

	for (unsigned i = 0; i < LOG_KEYS; i++) {
		char *space = strrchr(line, ' ');

		if (!space)
			break;
		json_object_set_new(log, log_keys[i],
				    strcmp(log_keys[i], "luid") == 0 ? json_string(space + 1)
								     : json_of_word(space + 1));
		*space = '\0';
	}
	json_object_set_new(log, "uuid", json_string(line));
	return log;
}

static void add_log(json_t *logs, char *line)
{
	json_array_append_new(logs, json_of_log(line));
}

static void add_counter(json_t *counters, char *line)
{
	char *space = strchr(line, ' ');

	if (!space)
		return;
	*space = '\0';
	json_object_set_new(counters, line, json_of_word(space + 1));
}

static void print_lines_as_json(char *text, json_t *all, void (*add)(json_t *all, char *line))
{
	char *save, *line = strtok_r(text, "\n", &save);

	for (; line; line = strtok_r(NULL, "\n", &save))
		add(all, line);
	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

static void print_as_json(const char *command, char *text)
{
	if (strcmp(command, "logs") == 0)
		print_lines_as_json(text, json_array(), add_log);
	else
		print_lines_as_json(text, json_object(), add_counter);
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
