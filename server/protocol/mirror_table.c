/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parser of a mirror's table line: the log's words, counted, then legs as major:minor and offset. */
#include "server/protocol/mirror_table.h"

#include <stdio.h>
#include <string.h>

/* The next word of *at, its length in *length; NULL at the end. */
static const char *next_table_word(const char **at, size_t *length)
{
	const char *word = *at + strspn(*at, " ");

	*length = strcspn(word, " ");
	*at = word + *length;
	return *length ? word : NULL;
}

static bool next_number(const char **at, unsigned *number)
{
	size_t length;
	const char *word = next_table_word(at, &length);

	return word && length < 10 && word[0] >= '0' && word[0] <= '9' &&
	       sscanf(word, "%u", number) == 1;
}

static bool next_uuid(const char **at, char uuid[DM_UUID_LEN])
{
	size_t length;
	const char *word = next_table_word(at, &length);

	if (!word || length >= DM_UUID_LEN)
		return false;
	memcpy(uuid, word, length);
	uuid[length] = '\0';
	return true;
}

/* `<major>:<minor> <offset>` */
static bool next_leg(const char **at, uint32_t leg[2])
{
	size_t length;
	const char *word = next_table_word(at, &length);

	return word && length < 24 && sscanf(word, "%u:%u", &leg[0], &leg[1]) == 2 &&
	       next_table_word(at, &length);
}

/* `userspace <argc> <uuid> ...argc - 1 more... <nr_legs> <leg> <offset> ...` */
bool mirror_table_parse(const char *params, struct mirror_table *table)
{
	const char *at = params;
	size_t length;
	const char *type = next_table_word(&at, &length);
	unsigned argc;

	if (!type || length != 9 || strncmp(type, "userspace", 9) != 0)
		return false;
	if (!next_number(&at, &argc) || argc < 1 || !next_uuid(&at, table->uuid))
		return false;
	while (--argc > 0)
		if (!next_table_word(&at, &length))
			return false;
	if (!next_number(&at, &table->nlegs) || table->nlegs < 1 ||
	    table->nlegs > MIRROR_TABLE_LEGS_MAX)
		return false;
	for (unsigned i = 0; i < table->nlegs; i++)
		if (!next_leg(&at, table->legs[i]))
			return false;
	return true;
}
