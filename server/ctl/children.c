/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All children write to one pipe. */
#include "server/ctl/children.h"

#include "server/base/clock.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX 16u

static void be_child(unsigned number, int fd, children_work *work, void *context)
{
	FILE *out = fdopen(fd, "w");

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	if (out) {
		setvbuf(out, NULL, _IOLBF, PIPE_BUF);
		work(number, out, context);
		fflush(out);
	}
	_exit(0);
}

static bool more_comes(int fd, int64_t end_ns)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int64_t left_msec = (end_ns - clock_now()) / NSEC_PER_MSEC;

	if (left_msec > CHILDREN_SILENCE_MSEC)
		left_msec = CHILDREN_SILENCE_MSEC;
	return left_msec > 0 && poll(&poll_fd, 1, (int)left_msec) > 0;
}

/* False: not until the end. */
static bool collect(int fd, FILE *into)
{
	int64_t end_ns = clock_now() + CHILDREN_LIMIT_MSEC * NSEC_PER_MSEC;
	char buffer[4096];
	ssize_t n;

	while (more_comes(fd, end_ns)) {
		n = read(fd, buffer, sizeof(buffer));
		if (n <= 0)
			return n == 0;
		fwrite(buffer, 1, (size_t)n, into);
	}
	return false;
}

static void end_children(const pid_t *pids, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (waitpid(pids[i], NULL, WNOHANG) == 0)
			kill(pids[i], SIGKILL);
	/* Those that hang are not waited for; init has them. */
	for (unsigned i = 0; i < count; i++)
		waitpid(pids[i], NULL, WNOHANG);
}

static unsigned start_children(pid_t *pids, unsigned count, int fd, children_work *work,
			       void *context)
{
	unsigned started = 0;

	fflush(NULL);
	for (unsigned i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0)
			be_child(i, fd, work, context);
		if (pid > 0)
			pids[started++] = pid;
	}
	return started;
}

/* A child that was killed may have left half a line. */
static char *whole_lines(char *text)
{
	char *end = text ? strrchr(text, '\n') : NULL;

	if (end)
		end[1] = '\0';
	else if (text)
		text[0] = '\0';
	return text;
}

char *children_run(unsigned count, children_work *work, void *context, bool *done)
{
	pid_t pids[CHILDREN_MAX];
	char *text = NULL;
	size_t bytes;
	int fds[2];
	FILE *into;

	*done = false;
	if (count > CHILDREN_MAX)
		count = CHILDREN_MAX;
	into = open_memstream(&text, &bytes);
	if (!into)
		return NULL;
	if (pipe2(fds, 0) == 0) {
		unsigned started = start_children(pids, count, fds[1], work, context);

		close(fds[1]);
		*done = collect(fds[0], into) && started == count;
		close(fds[0]);
		end_children(pids, started);
	}
	if (fclose(into) != 0) {
		free(text);
		return NULL;
	}
	return whole_lines(text);
}
