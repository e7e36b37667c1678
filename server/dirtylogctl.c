/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylogctl: asks the running dirtylogd what it does. */
#include "server/base/option_table.h"
#include "server/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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
	return ask(argv[next]);
}
