/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `metrics`: what the daemon tells to Prometheus, as it says it; or its families and samples as JSON. */
#include "server/base/option_table.h"
#include "server/ctl/ask.h"
#include "server/ctl/command.h"
#include "server/ctl/metrics_read.h"

#include <stdio.h>
#include <stdlib.h>

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

static void print_metrics(char *text, size_t size, bool json)
{
	json_t *families;

	if (!json) {
		fwrite(text, 1, size, stdout);
		return;
	}
	families = metrics_read(text);
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
