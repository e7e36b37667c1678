/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings for JSON (RFC 8259). Any thread. */
#ifndef SERVER_BASE_JSON_TEXT_H
#define SERVER_BASE_JSON_TEXT_H

#include <stdio.h>

/* Write text in quotes, whatever bytes it has. UTF-8 stays so; what is neither that nor printable becomes \u00XX, a byte
 * each. */
void json_text_write(FILE *out, const char *text);

#endif
