/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylogctl: asks the running dirtylogd what it does. */
#include "server/base/option_table.h"
#include "server/control.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
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

static int connect_daemon(void)
{
	struct timeval patience = {.tv_sec = PATIENCE_SEC};
	struct sockaddr_un address;
	unsigned length = control_address(&address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, length) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
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

static int ask(const char *command)
{
	int fd = connect_daemon(), error, status;
	size_t size = 0;
	char *text;

	if (fd == -EAGAIN)
		return fault(fd);
	if (fd < 0) {
		fprintf(stderr, "dirtylogctl: no dirtylogd serves here: %s\n", strerror(-fd));
		return 1;
	}
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
