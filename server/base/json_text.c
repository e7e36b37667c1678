/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Escapes. */
#include "server/base/json_text.h"

void json_text_write(FILE *out, const char *text)
{
	putc('"', out);
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at >= 0x7f)
			fprintf(out, "\\u%04x", *at);
		else if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else
			putc(*at, out);
	}
	putc('"', out);
}
