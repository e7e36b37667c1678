/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/answers.h"

#include "server/control.h"
#include "server/ctl/json_values.h"

#include <stdlib.h>
#include <string.h>

#define LOG_LINE_MAX 512u

bool answer_take_end(char *text, size_t *size)
{
	size_t end = strlen(CONTROL_END);

	if (*size < end || memcmp(text + *size - end, CONTROL_END, end) != 0)
		return false;
	*size -= end;
	text[*size] = '\0';
	return true;
}

/* Call add with each line that is not empty. Returns all. */
static json_t *read_lines(char *text, json_t *all, void (*add)(json_t *all, char *line))
{
	char *save, *line = strtok_r(text, "\n", &save);

	for (; line; line = strtok_r(NULL, "\n", &save))
		add(all, line);
	return all;
}

static json_t *json_of_word(const char *word)
{
	return json_of_digits(word) ?: json_of_text(word);
}

/* --- logs --- */

/* The words of a line, from the last one on. */
enum {
	LOG_STATE,
	LOG_LAZY,
	LOG_DIRTY,
	LOG_IN_SYNC,
	LOG_REGIONS,
	LOG_REGION_SIZE,
	LOG_DEVICE,
	LOG_TYPE,
	LOG_LUID,
	LOG_WORDS
};

static const char *const log_keys[LOG_WORDS] = {
	[LOG_STATE] = "state",	   [LOG_LAZY] = "lazy",	      [LOG_DIRTY] = "dirty",
	[LOG_IN_SYNC] = "in_sync", [LOG_REGIONS] = "regions", [LOG_REGION_SIZE] = "region_size",
	[LOG_DEVICE] = "device",   [LOG_TYPE] = "type",	      [LOG_LUID] = "luid",
};

/* What is left of the line is the uuid. Returns how many words there are. */
static unsigned cut_log(char *line, const char *words[LOG_WORDS])
{
	unsigned count = 0;
	char *space;

	while (count < LOG_WORDS && (space = strrchr(line, ' '))) {
		words[count++] = space + 1;
		*space = '\0';
	}
	return count;
}

/* A luid is hexadecimal, and no number whatever its digits are. */
static void add_log(json_t *logs, char *line)
{
	const char *words[LOG_WORDS];
	unsigned count = cut_log(line, words);
	json_t *log = json_object();

	for (unsigned i = 0; i < count; i++)
		json_object_set_new(log, log_keys[i],
				    i == LOG_LUID ? json_of_text(words[i])
						  : json_of_word(words[i]));
	json_object_set_new(log, "uuid", json_of_text(line));
	json_array_append_new(logs, log);
}

json_t *answer_logs(char *text)
{
	return read_lines(text, json_array(), add_log);
}

/* Into device ("" for one too long), if the line is of the log. */
static bool is_line_of(const char *from, size_t length, const char *uuid,
		       char device[ANSWER_DEVICE_MAX])
{
	const char *words[LOG_WORDS];
	char line[LOG_LINE_MAX];

	if (length >= sizeof(line))
		return false;
	memcpy(line, from, length);
	line[length] = '\0';
	if (cut_log(line, words) < LOG_WORDS || strcmp(line, uuid) != 0)
		return false;
	device[0] = '\0';
	if (strlen(words[LOG_DEVICE]) < ANSWER_DEVICE_MAX)
		strcpy(device, words[LOG_DEVICE]);
	return true;
}

/* Not all uuids are UTF-8: they are compared as they are. */
static void add_uuid(json_t *uuids, char *line)
{
	const char *words[LOG_WORDS];

	if (cut_log(line, words) == LOG_WORDS)
		json_object_set_new_nocheck(uuids, line, json_true());
}

/* Of the next line of *logs that is of the log, behind which *logs is then. */
static bool next_device(const char **logs, const char *uuid, char device[ANSWER_DEVICE_MAX])
{
	while (**logs) {
		const char *line = *logs, *end = strchrnul(line, '\n');

		*logs = *end ? end + 1 : end;
		if (is_line_of(line, (size_t)(end - line), uuid, device))
			return true;
	}
	return false;
}

json_t *answer_log_uuids(const char *logs)
{
	char *copy = strdup(logs);
	json_t *uuids = copy ? read_lines(copy, json_object(), add_uuid) : NULL;

	free(copy);
	return uuids;
}

bool answer_log_device(const char *logs, const char *uuid, char device[ANSWER_DEVICE_MAX])
{
	char other[ANSWER_DEVICE_MAX];

	if (!next_device(&logs, uuid, device))
		return false;
	while (next_device(&logs, uuid, other))
		if (strcmp(device, other) != 0)
			return false;
	return device[0] && strcmp(device, "-") != 0;
}

/* --- a name and a value a line --- */

static void add_counter(json_t *counters, char *line)
{
	char *space = strchr(line, ' ');

	if (!space)
		return;
	*space = '\0';
	json_object_set_new(counters, line, json_of_word(space + 1));
}

json_t *answer_counters(char *text)
{
	return read_lines(text, json_object(), add_counter);
}

long answer_counter(const char *stats, const char *name)
{
	size_t length = strlen(name);

	for (const char *end; *stats; stats = *end ? end + 1 : end) {
		end = strchrnul(stats, '\n');
		if (strncmp(stats, name, length) == 0 && stats[length] == ' ')
			return strtol(stats + length, NULL, 10);
	}
	return 0;
}

static void add_setting(json_t *settings, char *line)
{
	char *space = strchr(line, ' '), *end;
	json_t *number;

	if (!space)
		return;
	*space = '\0';
	number = json_real(strtod(space + 1, &end));
	if (*end == '\0' && end != space + 1 && number) {
		json_object_set_new(settings, line, number);
		return;
	}
	json_decref(number);
	json_object_set_new(settings, line, json_of_text(space + 1));
}

json_t *answer_settings(char *text)
{
	return read_lines(text, json_object(), add_setting);
}
