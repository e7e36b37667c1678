/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon says, as it says it. */
#include "server/ctl/ask.h"
#include "server/ctl/command.h"

#include <stdio.h>
#include <stdlib.h>

static int show(int argc, char **argv)
{
	size_t size;
	char *text;
	int status;

	if (argc != 1) {
		fprintf(stderr, "dirtylogctl %s: no arguments are expected\n", argv[0]);
		return CTL_WRONG_COMMAND_LINE;
	}
	text = ctl_ask(argv[0], &size);
	if (!text)
		return CTL_NO_ANSWER;
	status = fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0 ? 0 : 1;
	free(text);
	return status;
}

int ctl_stats(int argc, char **argv)
{
	return show(argc, argv);
}

int ctl_logs(int argc, char **argv)
{
	return show(argc, argv);
}
