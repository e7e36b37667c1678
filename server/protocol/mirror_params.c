/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/protocol/mirror_params.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 16u
#define OPTIONS_MAX 4u
/* Behind a front log: its options, userspace, the uuid, integrated_flush, the type, and the arguments. */
#define WORDS_MAX (OPTIONS_MAX + 4u + ARGUMENTS_MAX)

struct word {
	const char *text;
	size_t length;
};

/* Of either side's: type and arguments, and what is behind them. */
struct log_words {
	enum mirror_params_log log;
	struct word uuid; /* of ours */
	bool integrated; /* ours, with integrated_flush */
	bool front; /* a `cached` log stands before it, with these words of its own (kernel/) */
	struct word options[OPTIONS_MAX];
	unsigned noptions;
	struct word type;
	struct word arguments[ARGUMENTS_MAX];
	unsigned count;
	const char *rest; /* legs and features, without the space before them */
};

static bool next_word(const char **at, struct word *word)
{
	*at += strspn(*at, " ");
	*word = (struct word){.text = *at, .length = strcspn(*at, " ")};
	*at += word->length;
	return word->length > 0;
}

static bool is(const struct word *word, const char *text)
{
	return word->length == strlen(text) && memcmp(word->text, text, word->length) == 0;
}

static bool next_count(const char **at, unsigned *count)
{
	struct word word;
	char *end;
	unsigned long number;

	if (!next_word(at, &word) || word.text[0] < '0' || word.text[0] > '9')
		return false;
	number = strtoul(word.text, &end, 10);
	*count = (unsigned)number;
	return end == word.text + word.length && number <= WORDS_MAX;
}

static bool read_arguments(struct log_words *log, const char **at, unsigned count)
{
	if (count > ARGUMENTS_MAX)
		return false;
	for (log->count = 0; log->count < count; log->count++)
		if (!next_word(at, &log->arguments[log->count]))
			return false;
	*at += strspn(*at, " ");
	log->rest = *at;
	return **at != '\0';
}

static enum mirror_params_log log_of_type(const struct word *type, bool ours)
{
	if (is(type, "core"))
		return ours ? MIRROR_PARAMS_OURS_CORE : MIRROR_PARAMS_CORE;
	if (is(type, "disk"))
		return ours ? MIRROR_PARAMS_OURS_DISK : MIRROR_PARAMS_DISK;
	return MIRROR_PARAMS_OTHER;
}

/* `<uuid> [integrated_flush] <type> <argument>...`, that many words: the option is between us and the kernel. */
static bool read_ours(struct log_words *log, const char **at, unsigned words)
{
	unsigned named = 2;

	if (!next_word(at, &log->uuid) || !next_word(at, &log->type))
		return false;
	log->integrated = is(&log->type, "integrated_flush");
	if (log->integrated) {
		named++;
		if (!next_word(at, &log->type))
			return false;
	}
	log->log = log_of_type(&log->type, true);
	return words >= named && read_arguments(log, at, words - named);
}

/* `[<option> <value>]... <type> ...`, *words of them: the type of the log behind. */
static bool read_front(struct log_words *log, const char **at, unsigned *words)
{
	while (*words > 0 && next_word(at, &log->type)) {
		*words -= 1;
		if (!is(&log->type, "clear_delay") && !is(&log->type, "max_lazy"))
			return true;
		if (*words == 0 || log->noptions == OPTIONS_MAX)
			return false;
		*words -= 1;
		log->options[log->noptions++] = log->type;
		next_word(at, &log->options[log->noptions++]);
	}
	return false;
}

/* `<type> <argc> ...`, or with a front log `cached <argc> [<option> <value>]... <type> ...`. */
static bool read_words(struct log_words *log, const char **at)
{
	unsigned words;

	log->noptions = 0;
	if (!next_word(at, &log->type) || !next_count(at, &words))
		return false;
	log->front = is(&log->type, "cached");
	if (log->front && !read_front(log, at, &words))
		return false;
	if (is(&log->type, "userspace"))
		return read_ours(log, at, words);
	log->log = log_of_type(&log->type, false);
	return read_arguments(log, at, words);
}

static bool is_core(const struct log_words *log)
{
	return log->log == MIRROR_PARAMS_CORE || log->log == MIRROR_PARAMS_OURS_CORE;
}

/* What the arguments say of the state was true when the log was made. */
static bool is_outdated(const struct word *word)
{
	return is(word, "sync") || is(word, "nosync");
}

/* Of a core log the region size, of a disk log the device and that. */
static unsigned fixed_arguments(const struct log_words *log)
{
	return is_core(log) ? 1 : 2;
}

static bool has_fixed_arguments(const struct log_words *log)
{
	if (log->count < fixed_arguments(log))
		return false;
	for (unsigned i = 0; i < fixed_arguments(log); i++)
		if (is_outdated(&log->arguments[i]))
			return false;
	return true;
}

/* False: neither a core log nor a disk log. */
static bool read_log(struct log_words *log, const char *params)
{
	const char *at = params;

	return read_words(log, &at) && log->log != MIRROR_PARAMS_OTHER && has_fixed_arguments(log);
}

static bool is_ours(const struct log_words *log)
{
	return log->log == MIRROR_PARAMS_OURS_CORE || log->log == MIRROR_PARAMS_OURS_DISK;
}

enum mirror_params_log mirror_params_log(const char *params)
{
	struct log_words log = {0};

	return read_log(&log, params) ? log.log : MIRROR_PARAMS_OTHER;
}

bool mirror_params_has_front(const char *params)
{
	struct log_words log = {0};

	return read_log(&log, params) && log.front;
}

/* --- writing --- */

struct text {
	char *at;
	size_t left;
	bool full;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text->at, text->left, format, arguments);
	va_end(arguments);
	if (n < 0 || (size_t)n >= text->left) {
		text->full = true;
		return;
	}
	text->at += n;
	text->left -= (size_t)n;
}

/* What a log is told of the state, or NULL. */
static const char *state_of(const struct log_words *log, bool in_sync)
{
	return in_sync && is_core(log) ? "nosync" : NULL;
}

static unsigned count_arguments(const struct log_words *log, const char *state)
{
	unsigned count = state != NULL;

	for (unsigned i = 0; i < log->count; i++)
		count += !is_outdated(&log->arguments[i]);
	return count;
}

/* The state is said behind the region size. */
static void add_arguments(struct text *text, const struct log_words *log, const char *state)
{
	for (unsigned i = 0; i < log->count; i++) {
		const struct word *word = &log->arguments[i];

		if (!is_outdated(word))
			add(text, " %.*s", (int)word->length, word->text);
		if (i + 1 == fixed_arguments(log) && state)
			add(text, " %s", state);
	}
	add(text, " %s", log->rest);
}

/* The words of the log behind: of ours, or of the kernel's. */
static unsigned count_words(const struct log_words *log, const char *state)
{
	return count_arguments(log, state) + (is_ours(log) ? 2 + log->integrated : 0);
}

static void add_ours(struct text *text, const struct log_words *log)
{
	add(text, " %.*s%s %.*s", (int)log->uuid.length, log->uuid.text,
	    log->integrated ? " integrated_flush" : "", (int)log->type.length, log->type.text);
}

static void add_front(struct text *text, const struct log_words *log, const char *state)
{
	add(text, "cached %u", log->noptions + 1 + count_words(log, state));
	for (unsigned i = 0; i < log->noptions; i++)
		add(text, " %.*s", (int)log->options[i].length, log->options[i].text);
	if (is_ours(log))
		add(text, " userspace");
	else
		add(text, " %.*s", (int)log->type.length, log->type.text);
}

static void add_plain(struct text *text, const struct log_words *log, const char *state)
{
	if (is_ours(log))
		add(text, "userspace %u", count_words(log, state));
	else
		add(text, "%.*s %u", (int)log->type.length, log->type.text,
		    count_words(log, state));
}

static bool write_log(const struct log_words *log, const char *state, char *to, size_t bytes)
{
	struct text text = {.at = to, .left = bytes};

	if (log->front)
		add_front(&text, log, state);
	else
		add_plain(&text, log, state);
	if (is_ours(log))
		add_ours(&text, log);
	add_arguments(&text, log, state);
	return !text.full;
}

/* With a front log a write needs one answer, if its mark is its flush too. */
static void put_front(struct log_words *log, bool front)
{
	log->front = front;
	log->integrated |= front;
	if (!front)
		log->noptions = 0;
}

bool mirror_params_adopt(const char *params, const char *uuid, bool in_sync, bool front, char *text,
			 size_t bytes)
{
	struct log_words log = {0};

	if (!read_log(&log, params) || is_ours(&log))
		return false;
	log.log = log_of_type(&log.type, true);
	log.uuid = (struct word){.text = uuid, .length = strlen(uuid)};
	put_front(&log, front);
	return write_log(&log, state_of(&log, in_sync), text, bytes);
}

/* `<major>:<minor>` */
static bool is_major_minor(const struct word *word)
{
	return strspn(word->text, "0123456789:") >= word->length &&
	       memchr(word->text, ':', word->length);
}

/* A number in the table is the log device; what dirtylogd has open may be the one of a log before. */
static bool fix_device(struct log_words *log, const char *device)
{
	if (device && !is_major_minor(&log->arguments[0]))
		log->arguments[0] = (struct word){.text = device, .length = strlen(device)};
	return is_major_minor(&log->arguments[0]);
}

bool mirror_params_release(const char *params, bool in_sync, const char *device, char *text,
			   size_t bytes)
{
	struct log_words log = {0};

	if (!read_log(&log, params) || !is_ours(&log) ||
	    (!is_core(&log) && !fix_device(&log, device)))
		return false;
	log.log = log_of_type(&log.type, false);
	put_front(&log, false);
	return write_log(&log, state_of(&log, in_sync), text, bytes);
}

bool mirror_params_resync(const char *params, bool begin, const char *device, char *text,
			  size_t bytes)
{
	struct log_words log = {0};

	if (!read_log(&log, params) || !is_ours(&log) ||
	    (!is_core(&log) && !fix_device(&log, device)))
		return false;
	return write_log(&log, begin ? "sync" : NULL, text, bytes);
}

bool mirror_params_front(const char *params, bool in_sync, bool front, const char *device,
			 char *text, size_t bytes)
{
	struct log_words log = {0};

	if (!read_log(&log, params) || !is_ours(&log) || log.front == front ||
	    (!is_core(&log) && !fix_device(&log, device)))
		return false;
	put_front(&log, front);
	return write_log(&log, state_of(&log, in_sync), text, bytes);
}

/* `<legs> <leg>... <in sync>/<regions> ...` */
bool mirror_status_in_sync(const char *params)
{
	const char *at = params;
	uint64_t in_sync, regions;
	struct word word;
	unsigned legs;

	if (!next_count(&at, &legs))
		return false;
	for (unsigned i = 0; i < legs; i++)
		if (!next_word(&at, &word))
			return false;
	return sscanf(at, "%" SCNu64 "/%" SCNu64, &in_sync, &regions) == 2 && regions > 0 &&
	       in_sync == regions;
}
