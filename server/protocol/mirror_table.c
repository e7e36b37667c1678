/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parser of a mirror's lines. Table: the log's words, counted, then legs as major:minor and offset. Status:
 * legs, counted, and a letter for each, then the log's words, counted. */
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

static bool is_word(const char *word, size_t length, const char *wanted)
{
	return length == strlen(wanted) && memcmp(word, wanted, length) == 0;
}

/* `<major>:<minor> <offset>` */
static bool next_leg(const char **at, uint32_t leg[2])
{
	size_t length;
	const char *word = next_table_word(at, &length);

	return word && length < 24 && sscanf(word, "%u:%u", &leg[0], &leg[1]) == 2 &&
	       next_table_word(at, &length);
}

/* The rest of the log's words, then `<nr_legs> <leg> <offset> ...` */
static bool parse_legs(const char *at, unsigned words, struct mirror_table *table)
{
	size_t length;

	while (words-- > 0)
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

/* `[<option> <value>]... <type> ...`, the words of a log that stands in front of another (kernel/): the type of the one
 * behind, or NULL. *words is left at the number of those behind the type. */
static const char *type_behind(const char **at, size_t *length, unsigned *words)
{
	const char *type;

	for (; *words > 0; *words -= 2) {
		type = next_table_word(at, length);
		if (!type || !(is_word(type, *length, "clear_delay") ||
			       is_word(type, *length, "max_lazy"))) {
			*words -= 1;
			return type;
		}
		if (*words < 2 || !next_table_word(at, length))
			return NULL;
	}
	return NULL;
}

/* `<type> <argc> ...` of the log that dirtylogd may serve; NULL: not understood. */
static const char *next_log_type(const char **at, size_t *length, unsigned *words)
{
	const char *type = next_table_word(at, length);
	bool is_front = type && is_word(type, *length, "cached");

	if (!type || (!is_front && !is_word(type, *length, "userspace")))
		return type;
	if (!next_number(at, words))
		return NULL;
	return is_front ? type_behind(at, length, words) : type;
}

/* `userspace <argc> <uuid> ...argc - 1 more... <nr_legs> <leg> <offset> ...` */
enum mirror_table_kind mirror_table_parse(const char *params, struct mirror_table *table)
{
	const char *at = params;
	size_t length;
	unsigned words;
	const char *type = next_log_type(&at, &length, &words);

	if (type && !is_word(type, length, "userspace"))
		return MIRROR_TABLE_OTHERS;
	if (!type || words < 1 || !next_uuid(&at, table->uuid))
		return MIRROR_TABLE_NAMELESS;
	return parse_legs(at, words - 1, table) ? MIRROR_TABLE_OURS : MIRROR_TABLE_BROKEN;
}

/* `core`, or `disk <device> <A|D>`; the kernel's word for a log whose server does not answer is neither. */
static bool log_is_alive(const char *at)
{
	unsigned argc;
	size_t length;
	const char *word;

	if (!next_number(&at, &argc) || argc < 1)
		return false;
	word = next_table_word(&at, &length);
	if (argc == 1)
		return word && is_word(word, length, "core");
	while (word && --argc > 0)
		word = next_table_word(&at, &length);
	return word && is_word(word, length, "A");
}

/* `<nr_legs> <leg>... <in sync>/<regions> 1 <a letter for each leg> <argc of the log> ...` Returns what is behind
 * the letters, or NULL. */
static const char *parse_status(const char *at, struct mirror_status *status)
{
	const char *word;
	size_t length;

	if (!next_number(&at, &status->nlegs) || status->nlegs < 1 ||
	    status->nlegs > MIRROR_TABLE_LEGS_MAX)
		return NULL;
	for (unsigned i = 0; i < status->nlegs + 2; i++)
		if (!next_table_word(&at, &length))
			return NULL;
	word = next_table_word(&at, &length);
	if (!word || length != status->nlegs)
		return NULL;
	memcpy(status->legs, word, length);
	status->legs[length] = '\0';
	return at;
}

bool mirror_status_parse(const char *params, struct mirror_status *status)
{
	return parse_status(params, status) != NULL;
}

bool mirror_status_all_alive(const char *params)
{
	struct mirror_status status;
	const char *log = parse_status(params, &status);

	return log && strspn(status.legs, "A") >= status.nlegs && log_is_alive(log);
}
