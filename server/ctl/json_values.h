/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of which JSON, or jansson, cannot have each. Any thread. NULL: no memory. */
#ifndef SERVER_CTL_JSON_VALUES_H
#define SERVER_CTL_JSON_VALUES_H

#include <jansson.h>
#include <stdint.h>

/* A string, which is UTF-8. Bytes that are not, as a path or a log's name can have, are a character each, as in what
 * dirtylogd says itself (json_text.h). */
json_t *json_of_text(const char *text);

/* The whole number that a text is, and beyond 64 bits with a sign the nearest real one. NULL too: the text is none. */
json_t *json_of_digits(const char *text);

/* A number, and above INT64_MAX, as a damaged header has it, the nearest real one. */
json_t *json_of_count(uint64_t count);

#endif
