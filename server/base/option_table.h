/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program's command line from one table, by argp(3): whatever is to be said of an option is in its
 * entry. Every program has -h, --help and -V, --version besides. The main thread's.
 */
#ifndef SERVER_BASE_OPTION_TABLE_H
#define SERVER_BASE_OPTION_TABLE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct option_entry;

/* Set the field from text, which is NULL where the option has no value. False: no such value, and the field is as
 * it was. */
typedef bool option_setter(const struct option_entry *entry, const char *text, void *field);

/* An option; or without a name a header for those behind it; or without a setter a word that --help
 * explains. */
struct option_entry {
	const char *name; /* the long one */
	char letter; /* 0: none */
	const char *argument; /* NULL: none; a|b: one of these words, or of these forms */
	const char *help;
	option_setter *set;
	size_t field; /* offset; of several fields 0, and the setter has them all */
	double min, max; /* of a number; see OPTION_UNLIMITED */
	const char *truth; /* the word that makes a bool true */
	const char *wanted; /* what a value is, but for its range; NULL: what argument says */
	const char *preset; /* the value by default, told by --help; NULL: the caller's */
	bool optional; /* the value; given, it follows as --name=value or as the next word */
	bool hidden; /* from --help */
	bool line_only; /* for the command line, not for a file of options */
};

#define OPTION_UNLIMITED INFINITY

/* The offset of a member, which must be of this type. */
#define OPTION_FIELD(structure, member, type) \
	(offsetof(structure, member) * _Generic(((structure *)0)->member, type : 1))

/* What an entry does with its value. Numbers may end in K, M or G. */
#define OPTION_FLAG(structure, member) \
	.set = option_set_flag, .field = OPTION_FIELD(structure, member, bool)
#define OPTION_BOOL(structure, member, true_word) \
	.set = option_set_bool, .field = OPTION_FIELD(structure, member, bool), .truth = (true_word)
#define OPTION_TEXT(structure, member) \
	.set = option_set_text, .field = OPTION_FIELD(structure, member, const char *)
/* An enum that counts the words of argument. */
#define OPTION_CHOICE(structure, member) \
	.set = option_set_choice, .field = OPTION_FIELD(structure, member, unsigned)
#define OPTION_INT(structure, member, least, most)                                                 \
	.set = option_set_unsigned, .field = OPTION_FIELD(structure, member, int), .min = (least), \
	.max = (most)
#define OPTION_UNSIGNED(structure, member, least, most)                                 \
	.set = option_set_unsigned, .field = OPTION_FIELD(structure, member, unsigned), \
	.min = (least), .max = (most)
#define OPTION_U64(structure, member, least, most)                                                 \
	.set = option_set_u64, .field = OPTION_FIELD(structure, member, uint64_t), .min = (least), \
	.max = (most)
#define OPTION_REAL(structure, member, least, most)                                               \
	.set = option_set_real, .field = OPTION_FIELD(structure, member, double), .min = (least), \
	.max = (most)
/* Kept in nanoseconds, given in seconds or whole microseconds. */
#define OPTION_SECONDS(structure, member, least, most)                                \
	.set = option_set_seconds, .field = OPTION_FIELD(structure, member, int64_t), \
	.min = (least), .max = (most)
#define OPTION_USEC(structure, member, least, most)                                                \
	.set = option_set_usec, .field = OPTION_FIELD(structure, member, int64_t), .min = (least), \
	.max = (most)

option_setter option_set_flag, option_set_bool, option_set_text, option_set_choice,
	option_set_unsigned, option_set_u64, option_set_real, option_set_seconds, option_set_usec;

/* For setters of a program's own. */
bool option_parse_number(const char *text, double min, double max, uint64_t *value);
bool option_parse_real(const char *text, double min, double max, double *value);

/* A constant's digits, for a help text. */
#define OPTION_DIGITS(constant) OPTION_DIGITS_(constant)
#define OPTION_DIGITS_(digits) #digits

struct option_table {
	const char *program;
	const char *arguments; /* as --help shows them; NULL: none are taken */
	const char *doc; /* the purpose, \v and what is behind the options */
	const struct option_entry *entries; /* the last one is empty */
	bool in_order; /* what is behind the first argument is not ours */
	bool keep; /* what is set already stands: the presets are not set */
};

/* Set the presets alone. */
void option_table_preset(const struct option_table *table, void *options);

/* Set one option from a file, where a flag is yes or no. False: it cannot be, and wanted says why. */
bool option_table_set(const struct option_table *table, void *options, const char *name,
		      const char *text, FILE *wanted);

/* A file of all options that a file may set, each with what it does, its values and its default, and
 * commented out. */
void option_table_print_file(const struct option_table *table, FILE *out);

/* Set the presets, and then what the command line says. Returns -1 to go on, or the exit status: 0
 * after --help or --version, 2 with the fault on stderr. next: becomes the index of the first
 * argument; NULL where the table has none. Strings stay argv's. */
int option_table_parse(const struct option_table *table, void *options, int argc, char **argv,
		       int *next);

/* Say what is wrong with the command line. Returns the exit status. */
int option_table_fault(const struct option_table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
