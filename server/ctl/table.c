/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each cell is made twice: to be measured, and to be printed. What does not apply is `-`, what is not known `?`. */
#include "server/ctl/table.h"

#include "server/ctl/view.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define SECTOR_BYTES 512
#define LEFT_MAX_SECONDS 1e12

/* --- cells --- */

static const json_t *log_of(const json_t *mirror)
{
	return json_object_get(mirror, "log");
}

static void put(char *text, const char *word)
{
	snprintf(text, TABLE_CELL_MAX, "%s", word);
}

void table_name(const json_t *mirror, char *text)
{
	put(text, view_text(mirror, "name"));
}

void table_legs(const json_t *mirror, char *text)
{
	json_t *leg, *legs = json_object_get(mirror, "legs");
	size_t i, length = 0;

	put(text, "-");
	for (i = 0; (leg = json_array_get(legs, i)); i++) {
		const char *health = view_text(leg, "health");

		length += (size_t)snprintf(text + length, TABLE_CELL_MAX - length, "%s%s(%s)",
					   i ? " " : "", view_text(leg, "device"),
					   *health ? health : "?");
		if (length >= TABLE_CELL_MAX)
			return;
	}
}

static const char *log_health(const json_t *log)
{
	const char *health = view_text(log, "health");

	if (*health && strcmp(health, "sound") != 0)
		return health;
	if (json_is_true(json_object_get(log, "retries")))
		return "retries";
	return json_is_true(json_object_get(log, "spoilt")) ? "spoilt" : "A";
}

/* Its state, where it is not the usual one. */
void table_log(const json_t *mirror, char *text)
{
	const json_t *log = log_of(mirror);
	const char *device = view_text(log, "device"), *state = view_text(log, "state");
	bool usual = strcmp(state, "active") == 0;

	if (!log)
		put(text, "none");
	else
		snprintf(text, TABLE_CELL_MAX, "%s%s(%s)%s%s",
			 json_is_true(json_object_get(mirror, "front")) ? "cached>" : "",
			 *device ? device : "core", log_health(log), usual ? "" : ",",
			 usual ? "" : state);
}

/* Rounded down: 100% is all. */
void table_sync(const json_t *mirror, char *text)
{
	const json_t *log = log_of(mirror);
	json_int_t regions = view_number(log, "regions"), in_sync = view_number(log, "in_sync");

	if (!json_object_get(log, "in_sync") || regions <= 0 || in_sync < 0 || in_sync > regions)
		put(text, "?");
	else if (in_sync == regions)
		put(text, "100%");
	else
		snprintf(text, TABLE_CELL_MAX, "%.2f%%",
			 (double)(int64_t)((double)in_sync * 10000 / (double)regions) / 100);
}

static double resync_rate(const json_t *log)
{
	if (view_number(log, "in_sync") == view_number(log, "regions"))
		return 0;
	return json_number_value(json_object_get(log, "resync_rate"));
}

void table_rate(const json_t *mirror, char *text)
{
	static const char units[] = "KMGT";
	const json_t *log = log_of(mirror);
	double rate = resync_rate(log) * (double)view_number(log, "region_size") * SECTOR_BYTES;
	unsigned unit = 0;

	if (json_is_true(json_object_get(log, "paused"))) {
		put(text, "paused");
		return;
	}
	if (rate <= 0) {
		put(text, "-");
		return;
	}
	for (rate /= 1024; rate >= 1000 && unit < sizeof(units) - 2; unit++)
		rate /= 1024;
	snprintf(text, TABLE_CELL_MAX, "%.1f%c/s", rate, units[unit]);
}

void table_left(const json_t *mirror, char *text)
{
	const json_t *log = log_of(mirror);
	double regions = (double)view_number(log, "regions") - (double)view_number(log, "in_sync");
	double left = regions / resync_rate(log); /* not a number, or none: it is not known */
	int64_t seconds;

	if (regions == 0 || !log) {
		put(text, "-");
		return;
	}
	if (!(left >= 0 && left < LEFT_MAX_SECONDS)) {
		put(text, "?");
		return;
	}
	seconds = (int64_t)left + 1;
	snprintf(text, TABLE_CELL_MAX, "%" PRId64 ":%02d:%02d", seconds / 3600,
		 (int)(seconds / 60 % 60), (int)(seconds % 60));
}

static void put_number(const json_t *mirror, const char *key, char *text)
{
	json_t *value = json_object_get(log_of(mirror), key);

	if (value)
		snprintf(text, TABLE_CELL_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		put(text, "-");
}

void table_dirty(const json_t *mirror, char *text)
{
	put_number(mirror, "dirty", text);
}

void table_on_disk(const json_t *mirror, char *text)
{
	put_number(mirror, "dirty_on_disk", text);
}

void table_waiting(const json_t *mirror, char *text)
{
	put_number(mirror, "waiting", text);
}

void table_oldest(const json_t *mirror, char *text)
{
	json_t *value = json_object_get(log_of(mirror), "oldest_wait_ms");

	if (value)
		snprintf(text, TABLE_CELL_MAX, "%.2fs", (double)json_integer_value(value) / 1000);
	else
		put(text, "-");
}

void table_last_error(const json_t *mirror, char *text)
{
	const json_t *error = json_object_get(log_of(mirror), "last_error");
	time_t when = (time_t)view_number(error, "time");
	struct tm local;
	char date[32] = "?";

	if (!error) {
		put(text, "-");
		return;
	}
	if (localtime_r(&when, &local))
		strftime(date, sizeof(date), "%F %T", &local);
	snprintf(text, TABLE_CELL_MAX, "%s %s: %s", date, view_text(error, "at"),
		 view_text(error, "text"));
}

/* --- the table --- */

static int width_of(const struct table_column *column, const json_t *mirrors)
{
	size_t i, width = strlen(column->title);
	char text[TABLE_CELL_MAX];
	json_t *mirror;

	for (i = 0; (mirror = json_array_get(mirrors, i)); i++) {
		column->cell(mirror, text);
		if (strlen(text) > width)
			width = strlen(text);
	}
	return (int)width;
}

static void print_cell(FILE *out, const struct table_column *column, int width, const char *text)
{
	bool last = !column[1].title;

	if (column->right)
		fprintf(out, "%*s%s", width, text, last ? "\n" : "  ");
	else if (last)
		fprintf(out, "%s\n", text);
	else
		fprintf(out, "%-*s  ", width, text);
}

void table_print(FILE *out, const struct table_column *columns, const json_t *mirrors)
{
	int widths[TABLE_COLUMNS_MAX];
	char text[TABLE_CELL_MAX];
	json_t *mirror;
	size_t i;

	for (unsigned c = 0; columns[c].title; c++) {
		widths[c] = width_of(&columns[c], mirrors);
		print_cell(out, &columns[c], widths[c], columns[c].title);
	}
	for (i = 0; (mirror = json_array_get(mirrors, i)); i++)
		for (unsigned c = 0; columns[c].title; c++) {
			columns[c].cell(mirror, text);
			print_cell(out, &columns[c], widths[c], text);
		}
}
