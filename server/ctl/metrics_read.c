/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/metrics_read.h"

#include "server/ctl/json_values.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
	return json_of_digits(text) ?: json_real(strtod(text, NULL)) ?: json_string(text);
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

json_t *metrics_read(char *text)
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
