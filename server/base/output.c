/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/base/output.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_LOST 1

/* Of a pipe or a socket: who has read enough closes it. */
static bool reader_has_gone(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, 0) > 0 && out.revents & (POLLERR | POLLHUP);
}

int output_end(const char *program, int status)
{
	bool lost = ferror(stdout) != 0; /* and why is no longer known */
	int error = fflush(stdout) == 0 ? 0 : errno;

	if (!lost && error == 0)
		return status;
	if (!reader_has_gone())
		fprintf(stderr, "%s: cannot write to stdout%s%s\n", program, error ? ": " : "",
			error ? strerror(error) : "");
	return status == 0 ? EXIT_LOST : status;
}
