/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/ask.h"

#include "server/base/clock.h"
#include "server/control.h"
#include "server/control_socket.h"
#include "server/ctl/answers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_SEC 2
#define TRIES 5u
#define AGAIN_MSEC 100

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

static char *ask_once(const char *words, const char *line, size_t *size, int *error,
		      FILE *complaints)
{
	struct ucred holder;
	int fd = control_connect((struct timeval){.tv_sec = PATIENCE_SEC}, &holder);
	char *text;

	*error = 0;
	if (fd < 0) {
		no_daemon(fd, &holder, complaints);
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	dprintf(fd, "%s%s\n", words, line);
	text = read_answer(fd, size, error);
	close(fd);
	return text;
}

/* A server of before there was a mark. */
static bool knows_no_end(const char *text)
{
	return is_refusal(text) && strstr(text, "unknown command");
}

/* A server that ends, or has ended, leaves what it has not sent: its successor is asked again. Who is refused has asked in
 * vain, and the socket may be closed before all of that is read. Also a refusal; NULL: there is no answer. */
static char *ask_anyway(const char *line, size_t *size, FILE *complaints)
{
	const struct timespec pause = {.tv_nsec = AGAIN_MSEC * NSEC_PER_MSEC};
	int error = 0;

	for (unsigned tries = 0; tries < TRIES; tries++) {
		char *text = ask_once(CONTROL_WHOLE, line, size, &error, complaints);

		if (text && knows_no_end(text)) {
			free(text);
			text = ask_once("", line, size, &error, complaints);
			if (text && error == 0 && *size > 0)
				return text;
		}
		if (!text || (error == 0 && answer_take_end(text, size)) || is_refusal(text))
			return text;
		free(text);
		if (error == -EAGAIN)
			break; /* it hangs */
		nanosleep(&pause, NULL);
	}
	if (error < 0)
		fault(error, complaints);
	else
		fprintf(complaints, "dirtylogctl: dirtylogd ended before it answered: again\n");
	return NULL;
}

static char *ask_or_say(const char *line, size_t *size, FILE *complaints)
{
	char *text = ask_anyway(line, size, complaints);

	if (!is_refusal(text))
		return text;
	fprintf(complaints, "dirtylogctl: %s", text + strlen(CONTROL_ERROR));
	free(text);
	return NULL;
}

int ctl_order(const char *line, FILE *out)
{
	size_t size = 0;
	char *text = ask_anyway(line, &size, stderr);
	int status = !text ? CTL_NO_ANSWER : is_refusal(text) ? 1 : 0;

	if (status == 1)
		fprintf(stderr, "dirtylogctl: %s", text + strlen(CONTROL_ERROR));
	else if (status == 0 && out)
		fputs(text, out);
	free(text);
	return status;
}

char *ctl_ask(const char *line, size_t *size)
{
	size_t bytes = 0;
	char *text = ask_or_say(line, &bytes, stderr);

	if (size)
		*size = bytes;
	return text;
}

char *ctl_try(const char *line)
{
	FILE *nobody = fopen("/dev/null", "we");
	size_t size = 0;
	char *text = nobody ? ask_or_say(line, &size, nobody) : NULL;

	if (nobody)
		fclose(nobody);
	return text;
}

bool ctl_answers(void)
{
	char *stats = ctl_try("stats");
	bool there = stats;

	free(stats);
	return there;
}
