/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any JSON as what device-mapper's children found and dirtylogd answers to `status` and `regions`, joined, judged, compared
 * and shown; and as a file that `status --from` and `show --from` read: what is shown has the shape that it ought to have.
 *
 * Input, a line each: what was found; the answer to `status`; an earlier view, or a file of `status --json`; a file of
 * `show --json`.
 */
#include "server/ctl/ask.h"
#include "server/ctl/cells.h"
#include "server/ctl/changes.h"
#include "server/ctl/command.h"
#include "server/ctl/ranking.h"
#include "server/ctl/table.h"
#include "server/ctl/view.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FOUND, ANSWER, RECORDED, MAP, DOCUMENTS };

static int fd; /* of the file that is read */
static char path[64];

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* What is complained of is of no interest; the fuzzer's own words have the descriptor. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	stderr = fopen("/dev/null", "w");
	fd = memfd_create("view", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return stderr && fd >= 0 ? 0 : -1;
}

/* --- a cell --- */

static const struct table_column columns[] = {
	{"MIRROR", table_name, false},	   {"LEGS", table_legs, false},
	{"LOG", table_log, false},	   {"IN-SYNC", table_sync, true},
	{"RESYNC", table_rate, true},	   {"LEFT", table_left, true},
	{"DIRTY", table_dirty, true},	   {"ON-DISK", table_on_disk, true},
	{"WAITING", table_waiting, true},  {"OLDEST", table_oldest, true},
	{"ERROR", table_last_error, true}, {0},
};

/* A part of all, rounded down; or not known. */
static void check_sync(const json_t *mirror)
{
	char text[TABLE_CELL_MAX], *end;
	double percent;

	table_sync(mirror, text);
	if (strcmp(text, "?") == 0)
		return;
	percent = strtod(text, &end);
	check(strcmp(end, "%") == 0 && percent >= 0 && percent <= 100);
}

/* A time, none, or not known. */
static void check_left(const json_t *mirror)
{
	char text[TABLE_CELL_MAX];

	table_left(mirror, text);
	if (strcmp(text, "-") != 0 && strcmp(text, "?") != 0)
		check(strspn(text, "0123456789:") == strlen(text));
}

static void check_mirror(const json_t *mirror)
{
	char text[TABLE_CELL_MAX];

	check(view_judge(mirror) >= VIEW_GOOD && view_judge(mirror) <= VIEW_FAILED);
	for (unsigned i = 0; columns[i].title; i++) {
		memset(text, 'x', sizeof(text));
		columns[i].cell(mirror, text);
		check(memchr(text, '\0', sizeof(text)));
	}
	check_sync(mirror);
	check_left(mirror);
}

/* --- a view --- */

static void check_table(const json_t *mirrors)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	table_print(out, columns, mirrors);
	check(fclose(out) == 0 && strncmp(text, columns[0].title, strlen(columns[0].title)) == 0);
	free(text);
}

static void check_ranking(const json_t *view, size_t count)
{
	for (enum ranking_mode mode = RANKING_HOT; mode <= RANKING_RESYNCING; mode++) {
		json_t *first = ranking_first(view, mode, 2);

		check(json_array_size(first) == (count < 2 ? count : 2));
		json_decref(first);
	}
}

/* Who is named is found. */
static void check_named(const json_t *view, const json_t *mirror)
{
	json_t *meant;

	if (!*view_text(mirror, "uuid"))
		return;
	meant = view_select(view, "status", view_text(mirror, "uuid"));
	check(json_array_size(meant) > 0);
	json_decref(meant);
}

static void check_view(const json_t *view)
{
	const json_t *mirrors = json_object_get(view, "mirrors");
	size_t count = json_array_size(mirrors);

	for (size_t i = 0; i < count; i++)
		check_mirror(json_array_get(mirrors, i));
	check_table(mirrors);
	check_ranking(view, count);
	if (count > 0)
		check_named(view, json_array_get(mirrors, count - 1));
	json_decref(view_select(view, "status", "no such mirror"));
}

static void hear_change(void *context, const char *event, const char *mirror, const char *text)
{
	check(*event && mirror && strlen(text) < 4 * TABLE_CELL_MAX);
}

/* Each log with a uuid is a mirror; and each that was found. */
static void check_joined(const json_t *view, const json_t *found, const json_t *answer)
{
	const json_t *logs = json_object_get(answer, "logs"), *log;
	size_t count = 0;

	for (size_t i = 0; (log = json_array_get(logs, i)); i++)
		count += json_object_get(log, "uuid") != NULL;
	check(json_array_size(json_object_get(view, "mirrors")) >= count);
	check(json_array_size(json_object_get(view, "mirrors")) <=
	      json_array_size(logs) + json_array_size(found));
}

static void check_join(json_t *const documents[DOCUMENTS])
{
	json_t *view = view_join(documents[FOUND], documents[ANSWER]);

	check_joined(view, documents[FOUND], documents[ANSWER]);
	changes_compare(documents[RECORDED], view, hear_change, NULL);
	ranking_compare(view, documents[RECORDED], 0.5);
	check_view(view);
	json_decref(view);
}

/* --- files --- */

static void check_cells(const json_t *map)
{
	const json_t *answer = json_object_get(map, "map");
	char *letters = cells_draw(answer);

	if (letters)
		check((json_int_t)strlen(letters) == view_number(answer, "cells"));
	free(letters);
}

static void write_document(const char *text)
{
	check(ftruncate(fd, 0) == 0);
	check(pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text));
}

/* Returns what the command prints, which the caller frees. */
static char *run(ctl_command *command, const char *name, const char *option, int *status)
{
	char words[3][16] = {"", "--from", ""},
	     *argv[] = {words[0], words[1], path, words[2], NULL};
	FILE *before = stdout;
	char *text = NULL;
	size_t size;

	strcpy(words[0], name);
	strcpy(words[2], option);
	stdout = open_memstream(&text, &size);
	*status = command(*option ? 4 : 3, argv);
	check(fclose(stdout) == 0);
	stdout = before;
	return text;
}

static void run_each_way(ctl_command *command, const char *name, const char *document)
{
	char *text, *as_json;
	int status, again;
	json_t *json;

	write_document(document);
	text = run(command, name, "", &status);
	as_json = run(command, name, "--json", &again);
	json = json_loads(as_json, 0, NULL);
	check(status >= 0 && status <= CTL_NO_ANSWER && again >= 0 && again <= CTL_NO_ANSWER);
	if (again != CTL_WRONG_COMMAND_LINE)
		check(json);
	json_decref(json);
	free(as_json);
	free(text);
}

/* --- documents --- */

static char *next_line(char **text)
{
	char *line = strsep(text, "\n");

	return line ? line : "";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = strndup((const char *)data, size), *rest = copy, *texts[DOCUMENTS];
	json_t *documents[DOCUMENTS];

	for (unsigned i = 0; i < DOCUMENTS; i++) {
		texts[i] = next_line(&rest);
		documents[i] = json_loads(texts[i], 0, NULL);
	}
	check_join(documents);
	check_view(documents[RECORDED]);
	check_cells(documents[MAP]);
	run_each_way(ctl_status, "status", texts[RECORDED]);
	run_each_way(ctl_show, "show", texts[MAP]);
	for (unsigned i = 0; i < DOCUMENTS; i++)
		json_decref(documents[i]);
	free(copy);
	return 0;
}
