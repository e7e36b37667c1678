/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `show`: a picture of a mirror's regions, as wide as the terminal. */
#include "server/base/option_table.h"
#include "server/ctl/ask.h"
#include "server/ctl/cells.h"
#include "server/ctl/command.h"
#include "server/ctl/table.h"
#include "server/ctl/view.h"
#include "server/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_WITHOUT_TERMINAL 80u
#define LINES_WITHOUT_TERMINAL 24u
#define LINES_BESIDE 6u /* title, legend, the prompt that comes */

struct show_options {
	bool json;
	const char *from;
};

static const struct option_entry show_entries[] = {
	{"json", .help = "as JSON", OPTION_FLAG(struct show_options, json)},
	{"from", .argument = "FILE", .help = "what --json has printed before", .hidden = true,
	 OPTION_TEXT(struct show_options, from)},
	{0},
};

static const struct option_table show_table = {
	.program = "dirtylogctl show",
	.arguments = "NAME",
	.doc = "A picture of a mirror's regions. NAME: a device-mapper name, VG/LV, a path, or a "
	       "log's uuid.",
	.entries = show_entries,
};

static void terminal_size(unsigned *columns, unsigned *lines)
{
	struct winsize size;

	*columns = COLUMNS_WITHOUT_TERMINAL;
	*lines = LINES_WITHOUT_TERMINAL;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
		*columns = size.ws_col;
		*lines = size.ws_row;
	}
}

/* --- asked --- */

static json_t *ask_regions(const json_t *log)
{
	unsigned columns, lines;
	char line[256], *text;
	json_t *answer;

	terminal_size(&columns, &lines);
	lines = lines > LINES_BESIDE ? lines - LINES_BESIDE : 1;
	snprintf(line, sizeof(line), "regions %s %s %" PRIu64, view_text(log, "uuid"),
		 view_text(log, "luid"),
		 cells_fitting((uint64_t)view_number(log, "regions"), columns, lines,
			       STATUS_CELLS_MAX));
	text = ctl_ask(line, NULL);
	if (!text)
		return NULL;
	answer = json_loads(text, 0, NULL);
	free(text);
	if (!answer)
		fprintf(stderr, "dirtylogctl show: the answer is not understood\n");
	return answer;
}

/* {"name", "log", "map"}. Of several logs of the name the first one. */
static json_t *ask_map(const char *name, int *status)
{
	json_t *view = view_get(NULL, false), *meant, *mirror, *log, *answer, *map = NULL;

	*status = CTL_NO_ANSWER;
	if (!view)
		return NULL;
	*status = CTL_WRONG_COMMAND_LINE;
	meant = view_select(view, "show", name);
	mirror = json_array_get(meant, 0);
	log = json_object_get(mirror, "log");
	if (mirror && !log)
		fprintf(stderr, "dirtylogctl show: dirtylogd has no log of %s\n", name);
	if (log) {
		*status = CTL_NO_ANSWER;
		answer = ask_regions(log);
		map = answer ? json_pack("{s:O, s:O, s:o}", "name", json_object_get(mirror, "name"),
					 "log", log, "map", answer)
			     : NULL;
	}
	json_decref(meant);
	json_decref(view);
	return map;
}

static json_t *load_map(const char *from, int *status)
{
	json_error_t error;
	json_t *map = json_load_file(from, 0, &error);

	*status = CTL_WRONG_COMMAND_LINE;
	if (!map)
		fprintf(stderr, "dirtylogctl: %s: %s\n", from, error.text);
	return map;
}

/* --- drawn --- */

static void print_title(const json_t *map)
{
	const json_t *log = json_object_get(map, "log");
	char sync[TABLE_CELL_MAX];
	json_int_t regions = view_number(json_object_get(map, "map"), "regions");
	json_int_t cells = view_number(json_object_get(map, "map"), "cells");

	table_sync(map, sync);
	printf("%s: %" JSON_INTEGER_FORMAT " regions of %" JSON_INTEGER_FORMAT
	       " KiB, %s in sync, %" JSON_INTEGER_FORMAT " dirty\n",
	       view_text(map, "name"), regions, view_number(log, "region_size") / 2, sync,
	       view_number(log, "dirty"));
	if (cells == regions)
		puts("a cell is a region");
	else
		printf("a cell is %" JSON_INTEGER_FORMAT " regions or %s\n", regions / cells,
		       regions % cells ? "one more" : "so");
}

static void print_legend(unsigned columns)
{
	static const struct {
		char letter;
		const char *meaning;
	} legend[] = {{CELL_CLEAN, "clean"},	     {CELL_SOME_DIRTY, "some dirty"},
		      {CELL_ALL_DIRTY, "dirty"},     {CELL_SOME_OUT, "some out of sync"},
		      {CELL_ALL_OUT, "out of sync"}, {CELL_RECOVERING, "being recovered"}};
	size_t at = 0;

	for (unsigned i = 0; i < sizeof(legend) / sizeof(legend[0]); i++) {
		size_t length = strlen(legend[i].meaning) + 2;

		if (i > 0 && at + 2 + length > columns)
			at = 0;
		printf("%s%c %s",
		       i == 0	 ? ""
		       : at == 0 ? "\n"
				 : "  ",
		       legend[i].letter, legend[i].meaning);
		at += length + (at ? 2 : 0);
	}
	putchar('\n');
}

static int draw_map(const json_t *map)
{
	char *letters = cells_draw(json_object_get(map, "map"));
	unsigned columns, lines;

	if (!letters) {
		fprintf(stderr, "dirtylogctl show: the answer is not understood\n");
		return 1;
	}
	terminal_size(&columns, &lines);
	print_title(map);
	for (size_t at = 0, length = strlen(letters); at < length; at += columns)
		printf("%.*s\n", (int)columns, letters + at);
	print_legend(columns);
	free(letters);
	return 0;
}

int ctl_show(int argc, char **argv)
{
	struct show_options options = {0};
	int next, status = option_table_parse(&show_table, &options, argc, argv, &next);
	json_t *map;

	if (status >= 0)
		return status;
	if (argc - next != (options.from ? 0 : 1))
		return option_table_fault(&show_table, "one mirror's name is expected");
	map = options.from ? load_map(options.from, &status) : ask_map(argv[next], &status);
	if (!map)
		return status;
	status = 0;
	if (options.json) {
		json_dumpf(map, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		status = draw_map(map);
	}
	json_decref(map);
	return status;
}
