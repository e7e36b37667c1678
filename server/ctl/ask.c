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

static void fault(int error, FILE *complaints)
{
	if (error == -EAGAIN)
		fprintf(complaints, "dirtylogctl: dirtylogd does not answer\n");
	else
		fprintf(complaints, "dirtylogctl: the answer is cut: %s\n", strerror(-error));
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

static void no_daemon(int error, const struct ucred *holder, FILE *complaints)
{
	if (error == -EAGAIN)
		fault(error, complaints);
	else if (error == -EPERM)
		fprintf(complaints,
			"dirtylogctl: the name of dirtylogd's socket is taken by process %d of "
			"user %u, which is not root\n",
			holder->pid, holder->uid);
	else
		fprintf(complaints, "dirtylogctl: no dirtylogd serves here: %s\n",
			strerror(-error));
}

static bool is_refusal(const char *text)
{
	return text && strncmp(text, CONTROL_ERROR, strlen(CONTROL_ERROR)) == 0;
}

/* error: how the answer ended. One that says what is wrong is whole: who is refused has asked in vain, and the
 * socket was closed before that was read. */
static bool is_answer(const char *text, int error, FILE *complaints)
{
	if (is_refusal(text)) {
		fprintf(complaints, "dirtylogctl: %s", text + strlen(CONTROL_ERROR));
		return false;
	}
	if (error < 0)
		fault(error, complaints);
	return error == 0;
}

/* Also a refusal, and half an answer; NULL: there is nobody. */
static char *ask_anyway(const char *line, size_t *size, int *error, FILE *complaints)
{
	struct ucred holder;
	int fd = control_connect((struct timeval){.tv_sec = PATIENCE_SEC}, &holder);
	char *text;

	if (fd < 0) {
		no_daemon(fd, &holder, complaints);
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	dprintf(fd, "%s\n", line);
	text = read_answer(fd, size, error);
	close(fd);
	return text;
}

static char *ask(const char *line, size_t *size, FILE *complaints)
{
	int error = 0;
	char *text = ask_anyway(line, size, &error, complaints);

	if (text && is_answer(text, error, complaints))
		return text;
	free(text);
	return NULL;
}

int ctl_order(const char *line, FILE *out)
{
	size_t size = 0;
	int error = 0, status = CTL_NO_ANSWER;
	char *text = ask_anyway(line, &size, &error, stderr);

	if (text && is_answer(text, error, stderr)) {
		status = size > 0 ? 0 : CTL_NO_ANSWER;
		if (status != 0)
			fprintf(stderr, "dirtylogctl: dirtylogd ended before it answered: again\n");
		else if (out)
			fputs(text, out);
	} else if (is_refusal(text)) {
		status = 1;
	}
	free(text);
	return status;
}

char *ctl_ask(const char *line, size_t *size)
{
	size_t bytes = 0;
	char *text = ask(line, &bytes, stderr);

	if (size)
		*size = bytes;
	return text;
}

char *ctl_try(const char *line)
{
	FILE *nobody = fopen("/dev/null", "we");
	size_t size = 0;
	char *text = nobody ? ask(line, &size, nobody) : NULL;

	if (nobody)
		fclose(nobody);
	return text;
}
