/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `metrics`: what the daemon tells to Prometheus, as it says it; or its families and samples as JSON. */
#include "server/base/option_table.h"
#include "server/ctl/ask.h"
#include "server/ctl/command.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct metrics_options {
	bool old, json;
};

static const struct option_entry metrics_entries[] = {
	{"old-format", .help = "in the text format 0.0.4, for readers that do not know OpenMetrics",
	 OPTION_FLAG(struct metrics_options, old)},
	{"json", .help = "as JSON", OPTION_FLAG(struct metrics_options, json)},
	{0},
};

static const struct option_table metrics_table = {
	.program = "dirtylogctl metrics",
	.doc = "What dirtylogd tells to monitoring.",
	.entries = metrics_entries,
};

/* --- a sample: NAME[{LABEL="VALUE",...}] NUMBER --- */

/* Behind the quote; its end, the other quote, becomes '\0'. Returns what is behind that. */
static char *unescape(char *at)
{
	char *to = at;

	while (*at && *at != '"') {
		if (*at == '\\' && at[1])
			at++, *at = *at == 'n' ? '\n' : *at;
		*to++ = *at++;
	}
	at += *at == '"';
	*to = '\0';
	return at;
}

/* at: behind the brace. Returns what is behind the other brace. */
static char *read_labels(char *at, json_t *labels)
{
	while (*at && *at != '}') {
		char *name = at, *end = strstr(at, "=\"");

		if (!end)
			return at + strlen(at);
		*end = '\0';
		at = unescape(end + 2);
		json_object_set_new(labels, name, json_string(end + 2));
		at += *at == ',';
	}
	return at + (*at == '}');
}

/* What JSON has no number for is a text. */
static json_t *json_of_value(const char *text)
{
	char *end;
	json_int_t whole = strtoll(text, &end, 10);

	if (*end == '\0')
		return json_integer(whole);
	return json_real(strtod(text, NULL)) ?: json_string(text);
}

static json_t *json_of_sample(char *line)
{
	char *end = line + strcspn(line, "{ ");
	bool labelled = *end == '{';
	json_t *sample = json_object(), *labels = json_object();

	if (*end)
		*end++ = '\0';
	if (labelled)
		end = read_labels(end, labels);
	json_object_set_new(sample, "name", json_string(line));
	json_object_set_new(sample, "labels", labels);
	json_object_set_new(sample, "value", json_of_value(end + strspn(end, " ")));
	return sample;
}

/* --- families --- */

/* "# HELP NAME TEXT" begins one, "# TYPE NAME KIND" goes on. */
static json_t *read_comment(char *line, json_t *families, json_t *family)
{
	char *save, *what = (strtok_r(line, " ", &save), strtok_r(NULL, " ", &save));
	char *name = strtok_r(NULL, " ", &save), *text = strtok_r(NULL, "", &save);

	if (!text)
		return family;
	if (strcmp(what, "HELP") == 0) {
		family = json_pack("{s:s, s:s, s:[]}", "name", name, "help", text, "samples");
		json_array_append_new(families, family);
	} else {
		json_object_set_new(family, "type", json_string(text));
	}
	return family;
}

static json_t *json_of_metrics(char *text)
{
	json_t *families = json_array(), *family = NULL;
	char *save, *line = strtok_r(text, "\n", &save);

	for (; line; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '#')
			family = read_comment(line, families, family);
		else
			json_array_append_new(json_object_get(family, "samples"),
					      json_of_sample(line));
	}
	return families;
}

static void print_metrics(char *text, size_t size, bool json)
{
	json_t *families;

	if (!json) {
		fwrite(text, 1, size, stdout);
		return;
	}
	families = json_of_metrics(text);
	json_dumpf(families, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	putchar('\n');
	json_decref(families);
}

int ctl_metrics(int argc, char **argv)
{
	struct metrics_options options = {0};
	int status = option_table_parse(&metrics_table, &options, argc, argv, NULL);
	size_t size;
	char *text;

	if (status >= 0)
		return status;
	if (options.old && options.json)
		return option_table_fault(&metrics_table,
					  "--old-format and --json exclude each other");
	text = ctl_ask(options.old ? "metrics 0.0.4" : "metrics", &size);
	if (!text)
		return CTL_NO_ANSWER;
	print_metrics(text, size, options.json);
	free(text);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
