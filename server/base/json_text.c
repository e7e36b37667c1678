/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Escapes. */
#include "server/base/json_text.h"

#include "server/base/utf8.h"

#include <stdbool.h>
#include <stddef.h>

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

static size_t plain_length(const char *text)
{
	size_t length = 0, more = 1;

	while (more > 0) {
		more = is_plain((unsigned char)text[length]) ? 1 : utf8_length(text + length);
		length += more;
	}
	return length;
}

void json_text_write(FILE *out, const char *text)
{
	fputs("\"", out);
	for (const char *at = text;;) {
		size_t plain = plain_length(at);

		fwrite(at, 1, plain, out);
		at += plain;
		if (*at == '\0')
			break;
		if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at++);
		else
			fprintf(out, "\\u%04x", (unsigned char)*at++);
	}
	fputs("\"", out);
}
