/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which bytes are UTF-8 (RFC 3629): names that the kernel hands on may be anything. Pure; any thread. */
#ifndef SERVER_BASE_UTF8_H
#define SERVER_BASE_UTF8_H

#include <stddef.h>

/* The bytes of the character that begins here, 2 to 4; 0: it is none (or ASCII), or in more bytes than it takes. */
size_t utf8_length(const char *text);

#endif
