/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "perf/generator/stall.h"

#include "server/base/control_name.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

const char *const stall_names[STALL_ALL] = {
	[STALL_DEATH] = "death", [STALL_BEGIN] = "begin",     [STALL_THREADS] = "threads",
	[STALL_LOOK] = "look",	 [STALL_IN_HAND] = "in_hand", [STALL_LOGS] = "logs",
};

/* As the server calls the end of each. */
static const char *const ends[STALL_ALL] = {
	[STALL_DEATH] = "stall_noticed",   [STALL_BEGIN] = "stall_begun",
	[STALL_THREADS] = "stall_threads", [STALL_LOOK] = "stall_judged",
	[STALL_IN_HAND] = "stall_served",  [STALL_LOGS] = "stall_whole",
};

/* The generator shares the server's network namespace, and with it the name. */
static FILE *ask(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(CONTROL_NAME);
	struct timeval patience = {.tv_sec = 2};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return NULL;
	memcpy(address.sun_path + 1, CONTROL_NAME, strlen(CONTROL_NAME));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, length) == 0 && dprintf(fd, "stats\n") > 0)
		return fdopen(fd, "r");
	close(fd);
	return NULL;
}

static void take_moment(int64_t at[STALL_ALL], const char *name, int64_t value)
{
	for (unsigned i = 0; i < STALL_ALL; i++)
		if (strcmp(name, ends[i]) == 0)
			at[i] = value;
}

void stall_record(struct histogram parts[STALL_ALL], int64_t killed_ns)
{
	int64_t at[STALL_ALL] = {0}, before_ns = killed_ns, value;
	char line[128], name[64];
	FILE *answer = ask();

	if (!answer)
		return;
	while (fgets(line, sizeof(line), answer))
		if (sscanf(line, "%63s %" SCNd64, name, &value) == 2)
			take_moment(at, name, value);
	fclose(answer);
	for (unsigned i = 0; i < STALL_ALL && at[i] >= before_ns; i++) {
		histogram_record(&parts[i], (uint64_t)(at[i] - before_ns));
		before_ns = at[i];
	}
}
