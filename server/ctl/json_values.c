/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/json_values.h"

#include "server/base/json_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *bytes_as_json(const char *bytes)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *json = NULL;

	if (!out)
		return NULL;
	json_text_write(out, bytes);
	if (fclose(out) == 0)
		json = json_loadb(text, size, JSON_DECODE_ANY, NULL);
	free(text);
	return json;
}

json_t *json_of_text(const char *text)
{
	json_t *json = json_string(text);

	return json ? json : bytes_as_json(text);
}

json_t *json_of_digits(const char *text)
{
	long long number;
	char *end;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (end == text || *end != '\0')
		return NULL;
	return errno == ERANGE ? json_real(strtod(text, NULL)) : json_integer(number);
}

json_t *json_of_count(uint64_t count)
{
	return count <= INT64_MAX ? json_integer((json_int_t)count) : json_real((double)count);
}
