/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylogctl: asks the running dirtylogd what it does. */
#include "server/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const struct {
	const char *name;
	const char *columns;
	const char *help;
} commands[] = {
	{"stats", NULL, "counters since the start: requests of each type, writes, flushes, errors"},
	{"logs", "UUID LUID TYPE DEVICE REGION_SIZE REGIONS IN_SYNC DIRTY LAZY STATE",
	 "a line for each log"},
};

static int usage(FILE *out, int status)
{
	fputs("Usage: dirtylogctl COMMAND\nAsk the running dirtylogd.\n\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
		if (commands[i].columns)
			fprintf(out, "           (%s)\n", commands[i].columns);
	}
	return status;
}

static int ask(const char *command)
{
	struct sockaddr_un address;
	unsigned length = control_address(&address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char buffer[4096];
	ssize_t n;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, length) != 0) {
		fprintf(stderr, "dirtylogctl: no dirtylogd serves here: %s\n", strerror(errno));
		if (fd >= 0)
			close(fd);
		return 1;
	}
	dprintf(fd, "%s\n", command);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		fwrite(buffer, 1, (size_t)n, stdout);
	close(fd);
	return n < 0 || fflush(stdout) != 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("dirtylogctl " DIRTYLOG_VERSION) < 0;
	for (size_t i = 0; argc == 2 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return ask(commands[i].name);
	return usage(stderr, 2);
}
