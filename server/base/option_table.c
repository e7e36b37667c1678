/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program's command line from one table, by argp(3). */
#include "server/base/option_table.h"

#include "server/base/clock.h"

#include <argp.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_WRONG_COMMAND_LINE 2
#define ENTRIES_MAX 64u
#define FIRST_KEY 256 /* of entries without a letter: this, and their index */
#define LAST_GROUP (-1)

/* --- values --- */

static unsigned shift_of(char suffix)
{
	switch (suffix) {
	case 'K':
		return 10;
	case 'M':
		return 20;
	case 'G':
		return 30;
	}
	return 0;
}

bool option_parse_number(const char *text, double min, double max, uint64_t *value)
{
	unsigned long long number;
	uint64_t shifted;
	unsigned shift;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	shift = shift_of(*end);
	if (shift)
		end++;
	shifted = (uint64_t)number << shift;
	if (*end != '\0' || shifted >> shift != number || (double)shifted < min ||
	    (double)shifted > max)
		return false;
	*value = shifted;
	return true;
}

bool option_parse_real(const char *text, double min, double max, double *value)
{
	char *end;
	double real;

	errno = 0;
	real = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' || !(real >= min && real <= max))
		return false;
	*value = real;
	return true;
}

/* Which one of a|b|c text is, or -1. */
static int find_word(const char *words, const char *text)
{
	size_t length = strlen(text);

	for (int i = 0;; i++) {
		const char *end = strchrnul(words, '|');

		if ((size_t)(end - words) == length && memcmp(words, text, length) == 0)
			return i;
		if (*end == '\0')
			return -1;
		words = end + 1;
	}
}

bool option_set_flag(const struct option_entry *entry, const char *text, void *field)
{
	*(bool *)field = true;
	return true;
}

bool option_set_bool(const struct option_entry *entry, const char *text, void *field)
{
	if (find_word(entry->argument, text) < 0)
		return false;
	*(bool *)field = strcmp(text, entry->truth) == 0;
	return true;
}

bool option_set_text(const struct option_entry *entry, const char *text, void *field)
{
	*(const char **)field = text;
	return true;
}

bool option_set_choice(const struct option_entry *entry, const char *text, void *field)
{
	int index = find_word(entry->argument, text);

	if (index < 0)
		return false;
	*(unsigned *)field = (unsigned)index;
	return true;
}

bool option_set_unsigned(const struct option_entry *entry, const char *text, void *field)
{
	uint64_t number;

	if (!option_parse_number(text, entry->min, entry->max, &number))
		return false;
	*(unsigned *)field = (unsigned)number;
	return true;
}

bool option_set_u64(const struct option_entry *entry, const char *text, void *field)
{
	return option_parse_number(text, entry->min, entry->max, field);
}

bool option_set_real(const struct option_entry *entry, const char *text, void *field)
{
	return option_parse_real(text, entry->min, entry->max, field);
}

bool option_set_seconds(const struct option_entry *entry, const char *text, void *field)
{
	double seconds;

	if (!option_parse_real(text, entry->min, entry->max, &seconds))
		return false;
	*(int64_t *)field = (int64_t)(seconds * (double)NSEC_PER_SEC);
	return true;
}

bool option_set_usec(const struct option_entry *entry, const char *text, void *field)
{
	uint64_t usec;

	if (!option_parse_number(text, entry->min, entry->max, &usec))
		return false;
	*(int64_t *)field = (int64_t)usec * NSEC_PER_USEC;
	return true;
}

/* --- what is said --- */

/* a|b|c as "a, b or c". */
static void print_words(const char *words, FILE *out)
{
	const char *end;

	while ((end = strchr(words, '|'))) {
		fprintf(out, "%.*s%s", (int)(end - words), words,
			strchr(end + 1, '|') ? ", " : " or ");
		words = end + 1;
	}
	fputs(words, out);
}

static void print_wanted(const struct option_entry *entry, FILE *out)
{
	if (!entry->wanted)
		print_words(entry->argument, out);
	else if (isfinite(entry->max) && entry->max > 0)
		fprintf(out, "%s from %.15g to %.15g", entry->wanted, entry->min, entry->max);
	else if (entry->min > 0)
		fprintf(out, "%s of at least %.15g", entry->wanted, entry->min);
	else
		fputs(entry->wanted, out);
}

static int advise(const struct option_table *table)
{
	fprintf(stderr, "Try '%s --help'.\n", table->program);
	return EXIT_WRONG_COMMAND_LINE;
}

int option_table_fault(const struct option_table *table, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s: ", table->program);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return advise(table);
}

/* --- a file of options --- */

static bool is_last(const struct option_entry *entry)
{
	return !entry->name && !entry->help;
}

static bool is_for_file(const struct option_entry *entry)
{
	return entry->name && entry->set && !entry->hidden && !entry->line_only;
}

static const struct option_entry *find_named(const struct option_table *table, const char *name)
{
	for (const struct option_entry *entry = table->entries; !is_last(entry); entry++)
		if (is_for_file(entry) && strcmp(entry->name, name) == 0)
			return entry;
	return NULL;
}

/* A text is kept as long as the process lives. */
static bool set_from_file(const struct option_entry *entry, const char *text, void *field)
{
	static const struct option_entry flag = {.argument = "yes|no", .truth = "yes"};
	char *kept;

	if (!entry->argument)
		return option_set_bool(&flag, text, field);
	if (entry->set != option_set_text)
		return entry->set(entry, text, field);
	kept = strdup(text);
	return kept && option_set_text(entry, kept, field);
}

static void print_file_wanted(const struct option_entry *entry, FILE *out)
{
	if (entry->argument)
		print_wanted(entry, out);
	else
		fputs("yes or no", out);
}

bool option_table_set(const struct option_table *table, void *options, const char *name,
		      const char *text, FILE *wanted)
{
	const struct option_entry *entry = find_named(table, name);

	if (!entry) {
		fprintf(wanted, "no such option");
		return false;
	}
	if (set_from_file(entry, text, (char *)options + entry->field))
		return true;
	fprintf(wanted, "expected ");
	print_file_wanted(entry, wanted);
	return false;
}

#define FILE_COLUMNS 90u

/* As a comment, in lines. */
static void print_comment(const char *text, FILE *out)
{
	unsigned column = 0;

	while (*text) {
		size_t length = strcspn(text, " ");

		if (column == 0 || column + 1 + length > FILE_COLUMNS) {
			fprintf(out, "%s#", column ? "\n" : "");
			column = 1;
		}
		fprintf(out, " %.*s", (int)length, text);
		column += 1 + (unsigned)length;
		text += length + strspn(text + length, " ");
	}
	fputc('\n', out);
}

static void print_file_entry(const struct option_entry *entry, FILE *out)
{
	fputc('\n', out);
	print_comment(entry->help, out);
	fprintf(out, "# Values: ");
	print_file_wanted(entry, out);
	if (entry->preset || !entry->argument)
		fprintf(out, ". Default: %s", entry->argument ? entry->preset : "no");
	fprintf(out, ".\n#%s = %s\n", entry->name,
		!entry->argument ? "no"
		: entry->preset	 ? entry->preset
				 : "");
}

void option_table_print_file(const struct option_table *table, FILE *out)
{
	for (const struct option_entry *entry = table->entries; !is_last(entry); entry++)
		if (is_for_file(entry))
			print_file_entry(entry, out);
}

/* --- argp --- */

struct parse {
	const struct option_table *table;
	void *options;
};

static int key_of(const struct option_table *table, const struct option_entry *entry)
{
	return entry->letter ? entry->letter : FIRST_KEY + (int)(entry - table->entries);
}

static const struct option_entry *find_entry(const struct option_table *table, int key)
{
	for (const struct option_entry *entry = table->entries; !is_last(entry); entry++)
		if (entry->name && key_of(table, entry) == key)
			return entry;
	return NULL;
}

static bool set(const struct option_entry *entry, const char *text, void *options)
{
	return entry->set(entry, text, (char *)options + entry->field);
}

/* Whatever the environment says, --help fits a terminal. */
static error_t show_help(const struct argp_state *state)
{
	setenv("ARGP_HELP_FMT", "rmargin=79", 1);
	argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
	return ECANCELED;
}

static error_t show_version(const struct option_table *table)
{
	printf("%s %s\n", table->program, DIRTYLOG_VERSION);
	return ECANCELED;
}

static error_t take_option(const struct option_entry *entry, const char *text,
			   struct argp_state *state)
{
	const struct parse *parse = state->input;

	if (!text && entry->optional && state->next < state->argc &&
	    state->argv[state->next][0] != '-')
		text = state->argv[state->next++];
	if (set(entry, text, parse->options))
		return 0;
	fprintf(stderr, "%s: --%s %s: expected ", parse->table->program, entry->name,
		text ? text : "");
	print_wanted(entry, stderr);
	fputc('\n', stderr);
	return EINVAL;
}

static error_t take_argument(const struct option_table *table, const char *text)
{
	if (table->arguments)
		return ARGP_ERR_UNKNOWN; /* the caller's */
	fprintf(stderr, "%s: %s: no arguments are expected\n", table->program, text);
	return EINVAL;
}

static error_t take(int key, char *text, struct argp_state *state)
{
	const struct parse *parse = state->input;
	const struct option_entry *entry;

	switch (key) {
	case ARGP_KEY_INIT:
		state->err_stream =
			NULL; /* argp's own advice names a --usage that we do not have */
		return 0;
	case ARGP_KEY_ARG:
		return take_argument(parse->table, text);
	case 'h':
		return show_help(state);
	case 'V':
		return show_version(parse->table);
	}
	entry = find_entry(parse->table, key);
	return entry ? take_option(entry, text, state) : ARGP_ERR_UNKNOWN;
}

/* argp frees what differs from text. */
static char *add_preset(int key, const char *text, void *input)
{
	const struct parse *parse = input;
	const struct option_entry *entry = find_entry(parse->table, key);
	char *whole;

	if (!entry || !entry->preset)
		return (char *)text;
	return asprintf(&whole, "%s (default %s)", text, entry->preset) < 0 ? NULL : whole;
}

static struct argp_option argp_option_of(const struct option_table *table,
					 const struct option_entry *entry)
{
	return (struct argp_option){
		.name = entry->name,
		.key = entry->name ? key_of(table, entry) : 0,
		.arg = entry->argument,
		.doc = entry->help,
		.flags = (entry->optional ? OPTION_ARG_OPTIONAL : 0) |
			 (entry->hidden ? OPTION_HIDDEN : 0) |
			 (entry->name && !entry->set ? OPTION_DOC : 0),
	};
}

static void make_argp_options(const struct option_table *table, struct argp_option *options)
{
	unsigned n = 0;

	for (const struct option_entry *entry = table->entries; !is_last(entry); entry++) {
		assert(n < ENTRIES_MAX);
		options[n++] = argp_option_of(table, entry);
	}
	options[n++] = (struct argp_option){
		.name = "help", .key = 'h', .doc = "show this help", .group = LAST_GROUP};
	options[n++] = (struct argp_option){
		.name = "version", .key = 'V', .doc = "show the version", .group = LAST_GROUP};
	options[n] = (struct argp_option){0};
}

void option_table_preset(const struct option_table *table, void *options)
{
	for (const struct option_entry *entry = table->entries; !is_last(entry); entry++)
		if (entry->preset && !set(entry, entry->preset, options))
			abort(); /* the entry contradicts itself */
}

int option_table_parse(const struct option_table *table, void *options, int argc, char **argv,
		       int *next)
{
	struct argp_option argp_options[ENTRIES_MAX + 3];
	struct parse parse = {.table = table, .options = options};
	struct argp argp = {
		.options = argp_options,
		.parser = take,
		.args_doc = table->arguments,
		.doc = table->doc,
		.help_filter = add_preset,
	};
	unsigned flags = ARGP_NO_EXIT | ARGP_NO_HELP | (table->in_order ? ARGP_IN_ORDER : 0);
	error_t r;

	if (!table->keep)
		option_table_preset(table, options);
	if (strchr(table->program, ' ')) /* a command: what it is called by is not its whole name */
		argv[0] = (char *)(uintptr_t)table->program;
	make_argp_options(table, argp_options);
	r = argp_parse(&argp, argc, argv, flags, next, &parse);
	if (r == 0)
		return -1;
	return r == ECANCELED ? 0 : advise(table);
}
