/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Escapes. */
#include "server/base/json_text.h"

#include <stdbool.h>
#include <stddef.h>

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* RFC 3629: the bytes of the character that begins here, 2 to 4; 0: it is none, or in more bytes than it takes. */
static size_t utf8_length(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length = at[0] >= 0xc2 && at[0] < 0xe0	? 2
			: at[0] >= 0xe0 && at[0] < 0xf0 ? 3
			: at[0] >= 0xf0 && at[0] < 0xf5 ? 4
							: 0;

	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] >= 0x90))
		return 0;
	return length;
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
