/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylog-load: what it says, and its exit status, where it cannot do as it was told. */
#include "tests/lib/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHORT " --logs 1 --warmup 0 --seconds 0.3 --lost-after 20"

static char said[8192]; /* by the last load, on stderr */

TestSuite(load, .init = set_up, .fini = tear_down, .timeout = 60);

/* Its exit status. words: with a redirection of stdout behind them. */
static int load(const char *words)
{
	char command[512];
	size_t n;
	FILE *err;
	int status;

	snprintf(command, sizeof(command), "%s 2>&1 %s", DIRTYLOG_LOAD, words);
	err = popen(command, "re");
	n = fread(said, 1, sizeof(said) - 1, err);
	said[n] = '\0';
	status = pclose(err);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_told(const char *words)
{
	cr_expect(strstr(said, words), "no \"%s\" in: %s", words, said);
}

Test(load, an_output_that_is_lost_is_a_failure)
{
	const char *words[] = {"--help", "--version", "--spawn" SHORT, "--spawn --json=-" SHORT};
	char line[256];

	for (unsigned i = 0; i < 4; i++) {
		snprintf(line, sizeof(line), "%s >/dev/full", words[i]);
		cr_expect_eq(load(line), 1, "%s: %s", words[i], said);
		expect_told("dirtylog-load: cannot write to stdout");
	}
}
