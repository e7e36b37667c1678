/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parser of the constructor string: word by word, each with its own check. */
#include "server/protocol/ctr_args.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct words {
	char *at;
	char *save;
	unsigned count; /* that have been taken */
};

static char *next_ctr_word(struct words *words)
{
	char *word = strtok_r(words->at, " ", &words->save);

	words->at = NULL;
	words->count += word != NULL;
	return word;
}

/* The mirror's length stands for the UUID, which is not in the string: as many words as <ARGC> counts. */
static const char *miscounted(struct words *words, unsigned fits, struct ctr_args *args,
			      const char *why)
{
	while (next_ctr_word(words))
		;
	args->argc_was = words->count;
	args->argc_fits = fits;
	return why;
}

/* Digits only: strtoull would take signs, spaces and 0x as well. */
static bool parse_ctr_number(const char *word, uint64_t max, uint64_t *value)
{
	char *end;

	if (!word || word[0] < '0' || word[0] > '9')
		return false;
	errno = 0;
	*value = strtoull(word, &end, 10);
	return errno == 0 && *end == '\0' && *value <= max;
}

static const char *parse_type(const char *word, struct ctr_args *args)
{
	static const struct {
		const char *name;
		bool disk, clustered;
	} types[] = {
		{"disk", true, false},
		{"core", false, false},
		{"clustered-disk", true, true},
		{"clustered-core", false, true},
	};

	for (size_t i = 0; word && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(word, types[i].name) != 0)
			continue;
		strcpy(args->type, types[i].name);
		args->disk = types[i].disk;
		args->clustered = types[i].clustered;
		return NULL;
	}
	return "log type is none of disk, core, clustered-disk, clustered-core";
}

static const char *parse_device(struct words *words, struct ctr_args *args)
{
	const char *word = next_ctr_word(words);

	if (!word)
		return miscounted(words, words->count + 2, args, "log device is missing");
	if (strlen(word) >= sizeof(args->device))
		return "log device name is too long";
	strcpy(args->device, word);
	return NULL;
}

static const char *parse_region_size(struct words *words, struct ctr_args *args)
{
	const char *word = next_ctr_word(words);
	uint64_t size;

	if (!word)
		return miscounted(words, words->count + 1, args, "region size is missing");
	if (!parse_ctr_number(word, UINT32_MAX, &size))
		return "region size is not a number of sectors";
	if (size < CTR_ARGS_MIN_REGION_SECTORS || (size & (size - 1)) != 0)
		return "region size is not a power of two of at least 8 sectors";
	args->region_size = (uint32_t)size;
	args->region_count = args->sectors / size + (args->sectors % size != 0);
	return NULL;
}

static const char *parse_options(struct words *words, struct ctr_args *args)
{
	uint64_t legs;
	char *word;

	while ((word = next_ctr_word(words))) {
		if (strcmp(word, "sync") == 0 && args->sync == CTR_ARGS_DEFAULTSYNC)
			args->sync = CTR_ARGS_SYNC;
		else if (strcmp(word, "nosync") == 0 && args->sync == CTR_ARGS_DEFAULTSYNC)
			args->sync = CTR_ARGS_NOSYNC;
		else if (strcmp(word, "block_on_error") == 0 && !args->block_on_error)
			args->block_on_error = true;
		else if (parse_ctr_number(word, UINT64_MAX, &legs))
			return miscounted(
				words, words->count - 1, args,
				"a number behind the region size, as if the mirror's legs "
				"were the log's");
		else
			return "unknown, doubled or contrary option behind the region size";
	}
	return NULL;
}

static const char *parse_words(struct words *words, struct ctr_args *args)
{
	const char *why;

	if (!parse_ctr_number(next_ctr_word(words), INT64_MAX, &args->sectors) ||
	    args->sectors == 0)
		return "mirror length is not a number of sectors";
	why = parse_type(next_ctr_word(words), args);
	if (!why && args->disk)
		why = parse_device(words, args);
	if (!why)
		why = parse_region_size(words, args);
	if (!why)
		why = parse_options(words, args);
	return why;
}

int ctr_args_parse(const char *text, size_t length, struct ctr_args *args, const char **why)
{
	char copy[CTR_ARGS_TEXT_MAX + 1];
	struct words words = {.at = copy};

	memset(args, 0, sizeof(*args));
	if (length > CTR_ARGS_TEXT_MAX || memchr(text, '\0', length)) {
		*why = "constructor string too long or with a NUL inside";
		return -EINVAL;
	}
	memcpy(copy, text, length);
	copy[length] = '\0';
	*why = parse_words(&words, args);
	return *why ? -EINVAL : 0;
}
