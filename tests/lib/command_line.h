/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program says to its command line, for the tests of its options. */
#ifndef TESTS_LIB_COMMAND_LINE_H
#define TESTS_LIB_COMMAND_LINE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

#define COMMAND_LINE_WORDS_MAX 16

static char *said; /* by the last command_line_run, to stdout and stderr */

/* Call parse with what stands in line, words with a space between. Returns its status. */
static int command_line_run(int (*parse)(int argc, char **argv), const char *program,
			    const char *line)
{
	static char words[512];
	char *argv[COMMAND_LINE_WORDS_MAX + 2] = {(char *)program};
	FILE *out = stdout, *err = stderr;
	int argc = 1, status;
	size_t bytes;
	char *save;

	/* A buffer of its own: the options point into it. */
	cr_assert_lt(snprintf(words, sizeof(words), "%s", line), (int)sizeof(words));
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		cr_assert_leq(argc, COMMAND_LINE_WORDS_MAX);
		argv[argc++] = word;
	}
	free(said);
	stdout = stderr = open_memstream(&said, &bytes);
	status = parse(argc, argv);
	fclose(stdout);
	stdout = out;
	stderr = err;
	return status;
}

static void expect_lines_within(const char *text, size_t columns)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		cr_assert_leq(length, columns, "%.*s", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

#endif
