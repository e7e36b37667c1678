/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `watch`: the mirrors once a second, in ncurses. What would be said on stderr is caught and shown, and asking
 * goes on. Device-mapper is asked seldom, since that costs the daemon requests. */
#include "server/base/clock.h"
#include "server/base/option_table.h"
#include "server/ctl/ask.h"
#include "server/ctl/command.h"
#include "server/ctl/dm_mirrors.h"
#include "server/ctl/ranking.h"
#include "server/ctl/table.h"
#include "server/ctl/view.h"

#include <locale.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS (1 * NSEC_PER_SEC)
#define LOOKS_PER_FIND 10u
#define LINES_AROUND 3 /* title, header, keys */

struct watch {
	const char *from;
	bool json;
	enum ranking_mode mode;
	json_t *found, *view;
	int64_t taken_ns; /* when view was; 0: never */
	unsigned looks;
	int said_fd; /* in the place of stderr */
	char said[256]; /* "": dirtylogd has answered */
};

static const struct option_entry watch_entries[] = {
	{"from", .argument = "FILE", .help = "what status --json has printed before",
	 .hidden = true, OPTION_TEXT(struct watch, from)},
	{"json", .help = "as JSON, all mirrors in a line a second; no terminal is needed",
	 OPTION_FLAG(struct watch, json)},
	{0},
};

static const struct option_table watch_table = {
	.program = "dirtylogctl watch",
	.doc = "The mirrors once a second. Keys: h, those with most requests first (of those that "
	       "change a region); s, those whose log is slow or waited for; r, those that resync; "
	       "q ends.",
	.entries = watch_entries,
};

/* --- columns of its own --- */

static void put_real(const json_t *mirror, const char *key, const char *format, char *text)
{
	json_t *value = json_object_get(mirror, key);

	if (!value)
		snprintf(text, TABLE_CELL_MAX, "-");
	else
		snprintf(text, TABLE_CELL_MAX, format, json_number_value(value));
}

static void watch_hot(const json_t *mirror, char *text)
{
	put_real(mirror, "hot", "%.0f", text);
}

static void watch_slow(const json_t *mirror, char *text)
{
	put_real(mirror, "slow", "%.1f", text);
}

static const struct table_column watch_columns[] = {
	{"MIRROR", table_name, false},	{"REQ/S", watch_hot, true},
	{"WRITE-MS", watch_slow, true}, {"WAITING", table_waiting, true},
	{"OLDEST", table_oldest, true}, {"IN-SYNC", table_sync, true},
	{"RESYNC", table_rate, true},	{"LEFT", table_left, true},
	{"DIRTY", table_dirty, true},	{"LOG", table_log, false},
	{"LEGS", table_legs, false},	{0},
};

/* --- looking --- */

static void forget_said(struct watch *watch)
{
	watch->said[0] = '\0';
	(void)!ftruncate(watch->said_fd, 0);
	lseek(watch->said_fd, 0, SEEK_SET);
}

static void catch_said(struct watch *watch)
{
	ssize_t n;

	fflush(stderr);
	n = pread(watch->said_fd, watch->said, sizeof(watch->said) - 1, 0);
	watch->said[n > 0 ? n : 0] = '\0';
	watch->said[strcspn(watch->said, "\n")] = '\0';
}

static json_t *take_view(struct watch *watch)
{
	bool finds = watch->looks++ % LOOKS_PER_FIND == 0, all;

	if (watch->from)
		return view_get(watch->from, true);
	if (finds) {
		json_decref(watch->found);
		watch->found = dm_mirrors_find(&all);
	}
	return view_ask(watch->found, finds);
}

/* False: stderr says why there is no answer, and what was seen last stays. */
static bool look_again(struct watch *watch)
{
	int64_t now_ns = clock_now();
	json_t *view = take_view(watch);

	if (!view) {
		watch->looks = 0;
		return false;
	}
	if (!watch->from && watch->view)
		ranking_compare(view, watch->view,
				(double)(now_ns - watch->taken_ns) / (double)NSEC_PER_SEC);
	json_decref(watch->view);
	watch->view = view;
	watch->taken_ns = now_ns;
	return true;
}

/* --- drawing --- */

static void draw_title(const struct watch *watch)
{
	static const char *const orders[] = {"hot", "slow", "resyncing"};
	size_t count = json_array_size(json_object_get(watch->view, "mirrors"));
	char line[512];

	if (watch->said[0])
		snprintf(line, sizeof(line), "%s; trying again", watch->said);
	else
		snprintf(line, sizeof(line), "%zu mirrors, %s first", count, orders[watch->mode]);
	mvaddnstr(0, 0, line, COLS);
}

static void draw_lines(char *text)
{
	char *save, *line = strtok_r(text, "\n", &save);

	for (int y = 1; line && y < LINES; y++, line = strtok_r(NULL, "\n", &save)) {
		attrset(y == 1 ? A_REVERSE : A_NORMAL);
		mvaddnstr(y, 0, line, COLS);
	}
	attrset(A_NORMAL);
}

static void draw_mirrors(const struct watch *watch)
{
	size_t max = LINES > LINES_AROUND ? (size_t)(LINES - LINES_AROUND) : 0;
	json_t *first = ranking_first(watch->view, watch->mode, max);
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (first && out)
		table_print(out, watch_columns, first);
	if (out && fclose(out) == 0)
		draw_lines(text);
	free(text);
	json_decref(first);
}

static void draw(const struct watch *watch)
{
	erase();
	draw_title(watch);
	if (watch->view)
		draw_mirrors(watch);
	if (LINES > 2)
		mvaddnstr(LINES - 1, 0, "h hot  s slow  r resyncing  q quit", COLS);
	refresh();
}

/* --- keys --- */

/* False: it is the end. */
static bool obey_key(struct watch *watch, int key)
{
	switch (key) {
	case 'q':
		return false;
	case 'h':
		watch->mode = RANKING_HOT;
		break;
	case 's':
		watch->mode = RANKING_SLOW;
		break;
	case 'r':
		watch->mode = RANKING_RESYNCING;
		break;
	}
	draw(watch); /* KEY_RESIZE too */
	return true;
}

/* Until it is time to look again. */
static bool take_keys(struct watch *watch, int64_t until_ns)
{
	int64_t left_ns;

	while ((left_ns = until_ns - clock_now()) > 0) {
		int key;

		timeout((int)(left_ns / NSEC_PER_MSEC) + 1);
		key = getch();
		if (key != ERR && !obey_key(watch, key))
			return false;
	}
	return true;
}

static void watch_until_quit(struct watch *watch)
{
	int64_t began_ns;

	do {
		began_ns = clock_now();
		forget_said(watch);
		if (!look_again(watch))
			catch_said(watch);
		draw(watch);
		/* After a look that took long there is time for a key all the same. */
		if (clock_now() - began_ns > PERIOD_NS / 2)
			began_ns = clock_now() - PERIOD_NS / 2;
	} while (take_keys(watch, began_ns + PERIOD_NS));
}

static int in_terminal(struct watch *watch)
{
	SCREEN *screen;

	setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return option_table_fault(&watch_table, "the terminal $TERM is not known");
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	watch_until_quit(watch);
	endwin();
	delscreen(screen);
	return 0;
}

/* Returns the exit status. */
static int without_stderr(struct watch *watch)
{
	int before = dup(STDERR_FILENO), status;

	watch->said_fd = memfd_create("said", MFD_CLOEXEC);
	if (before < 0 || watch->said_fd < 0 || dup2(watch->said_fd, STDERR_FILENO) < 0) {
		perror("dirtylogctl watch");
		return 1;
	}
	status = in_terminal(watch);
	catch_said(watch);
	dup2(before, STDERR_FILENO);
	close(before);
	close(watch->said_fd);
	if (status != 0)
		fprintf(stderr, "%s\n", watch->said);
	return status;
}

/* --- for programs --- */

/* False: whoever read has gone. */
static bool print_view(const json_t *view)
{
	json_dumpf(view, stdout, JSON_COMPACT);
	return putchar('\n') != EOF && fflush(stdout) == 0;
}

/* Until nobody reads. Without an answer it goes on asking. Returns the exit status. */
static int in_lines(struct watch *watch)
{
	const struct timespec period = {.tv_sec = PERIOD_NS / NSEC_PER_SEC};

	while (!look_again(watch) || print_view(watch->view))
		nanosleep(&period, NULL);
	return 1;
}

int ctl_watch(int argc, char **argv)
{
	struct watch watch = {0};
	int status = option_table_parse(&watch_table, &watch, argc, argv, NULL);

	if (status >= 0)
		return status;
	if (!watch.json && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		return option_table_fault(&watch_table, "a terminal is needed, or --json");
	status = watch.json ? in_lines(&watch) : without_stderr(&watch);
	json_decref(watch.found);
	json_decref(watch.view);
	return status;
}
