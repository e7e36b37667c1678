/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/lib/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>

int shell_says(const char *command, char *said, size_t bytes)
{
	FILE *pipe = popen(command, "re");
	size_t n;
	int status;

	cr_assert(pipe);
	n = fread(said, 1, bytes - 1, pipe);
	said[n] = '\0';
	status = pclose(pipe);
	cr_assert(WIFEXITED(status), "%s: status %#x: %s", command, (unsigned)status, said);
	return WEXITSTATUS(status);
}
