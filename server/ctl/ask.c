/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/ask.h"

#include "server/control.h"
#include "server/control_socket.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_SEC 2

static void fault(int error)
{
	if (error == -EAGAIN)
		fprintf(stderr, "dirtylogctl: dirtylogd does not answer\n");
	else
		fprintf(stderr, "dirtylogctl: the answer is cut: %s\n", strerror(-error));
}

/* All that comes until the end. *error: 0 or -errno. The caller frees it. */
static char *read_answer(int fd, size_t *size, int *error)
{
	char *text = NULL, buffer[4096];
	FILE *out = open_memstream(&text, size);
	ssize_t n;

	if (!out) {
		*error = -errno;
		return NULL;
	}
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		fwrite(buffer, 1, (size_t)n, out);
	*error = n < 0 ? -errno : 0;
	if (fclose(out) != 0)
		*error = -ENOMEM;
	return text;
}

static void no_daemon(int error, const struct ucred *holder)
{
	if (error == -EAGAIN)
		fault(error);
	else if (error == -EPERM)
		fprintf(stderr,
			"dirtylogctl: the name of dirtylogd's socket is taken by process %d of "
			"user %u, which is not root\n",
			holder->pid, holder->uid);
	else
		fprintf(stderr, "dirtylogctl: no dirtylogd serves here: %s\n", strerror(-error));
}

/* error: how the answer ended. One that says what is wrong is whole: who is refused has asked in vain, and the
 * socket was closed before that was read. */
static bool is_answer(const char *text, int error)
{
	if (text && strncmp(text, CONTROL_ERROR, strlen(CONTROL_ERROR)) == 0) {
		fprintf(stderr, "dirtylogctl: %s", text + strlen(CONTROL_ERROR));
		return false;
	}
	if (error < 0)
		fault(error);
	return error == 0;
}

char *ctl_ask(const char *line, size_t *size)
{
	struct ucred holder;
	int fd = control_connect((struct timeval){.tv_sec = PATIENCE_SEC}, &holder);
	size_t bytes = 0;
	int error;
	char *text;

	if (fd < 0) {
		no_daemon(fd, &holder);
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	dprintf(fd, "%s\n", line);
	text = read_answer(fd, &bytes, &error);
	close(fd);
	if (size)
		*size = bytes;
	if (is_answer(text, error))
		return text;
	free(text);
	return NULL;
}
