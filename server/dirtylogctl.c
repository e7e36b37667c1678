/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylogctl: asks the running dirtylogd what it does. */
#include "server/base/option_table.h"
#include "server/control.h"
#include "server/control_socket.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_SEC 2

static const struct option_entry commands[] = {
	{.help = "Commands:"},
	{"stats",
	 .help = "counters since the start: requests of each type, writes, flushes, errors"},
	{"logs", .help = "a line for each log: UUID LUID TYPE DEVICE REGION_SIZE REGIONS IN_SYNC "
			 "DIRTY LAZY STATE"},
	{0},
};

static bool is_command(const char *text)
{
	for (const struct option_entry *command = commands; command->help; command++)
		if (command->name && strcmp(command->name, text) == 0)
			return true;
	return false;
}

static int fault(int error)
{
	if (error == -EAGAIN)
		fprintf(stderr, "dirtylogctl: dirtylogd does not answer\n");
	else
		fprintf(stderr, "dirtylogctl: the answer is cut: %s\n", strerror(-error));
	return 1;
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

/* error: how the answer ended. One that says what is wrong is whole: who is refused has asked in vain, and the
 * socket was closed before that was read. */
static int show(const char *text, size_t size, int error)
{
	if (text && strncmp(text, CONTROL_ERROR, strlen(CONTROL_ERROR)) == 0) {
		fprintf(stderr, "dirtylogctl: %s", text + strlen(CONTROL_ERROR));
		return 1;
	}
	if (error < 0)
		return fault(error);
	return fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0 ? 0 : 1;
}

static int no_daemon(int error, const struct ucred *holder)
{
	if (error == -EAGAIN)
		return fault(error);
	if (error == -EPERM)
		fprintf(stderr,
			"dirtylogctl: the name of dirtylogd's socket is taken by process %d of "
			"user %u, "
			"which is not root\n",
			holder->pid, holder->uid);
	else
		fprintf(stderr, "dirtylogctl: no dirtylogd serves here: %s\n", strerror(-error));
	return 1;
}

static int ask(const char *command)
{
	struct ucred holder;
	int fd = control_connect((struct timeval){.tv_sec = PATIENCE_SEC}, &holder);
	int error, status;
	size_t size = 0;
	char *text;

	if (fd < 0)
		return no_daemon(fd, &holder);
	dprintf(fd, "%s\n", command);
	text = read_answer(fd, &size, &error);
	close(fd);
	status = show(text, size, error);
	free(text);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option_table table = {
		.program = "dirtylogctl",
		.arguments = "COMMAND",
		.doc = "Ask the running dirtylogd.",
		.entries = commands,
	};
	int next;
	int status = option_table_parse(&table, NULL, argc, argv, &next);

	if (status >= 0)
		return status;
	if (next != argc - 1)
		return option_table_fault(&table, "one command is expected");
	if (!is_command(argv[next]))
		return option_table_fault(&table, "%s: no such command", argv[next]);
	signal(SIGPIPE, SIG_IGN);
	return ask(argv[next]);
}
