/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: one client at a time, one line, one answer made in memory first, so that no lock is
 * held while it is sent. Clients have a second each. */
#include "server/control.h"

#include "server/base/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const state_names[] = {"opening",   "created", "active",
					  "suspended", "closing", "dead"};

unsigned control_address(struct sockaddr_un *address)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path + 1, CONTROL_NAME, strlen(CONTROL_NAME));
	return (unsigned)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(CONTROL_NAME));
}

static int pid_of_holder(const struct sockaddr_un *address, unsigned length)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);

	if (fd < 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)address, length) == 0)
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	close(fd);
	return peer.pid;
}

int control_listen(int *holder)
{
	struct sockaddr_un address;
	unsigned length = control_address(&address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	*holder = 0;
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, length) == 0 && listen(fd, 16) == 0)
		return fd;
	r = -errno;
	close(fd);
	if (r == -EADDRINUSE)
		*holder = pid_of_holder(&address, length);
	return r;
}

static void print_stats(FILE *out, struct registry *registry, unsigned generation)
{
	for (unsigned i = 1; i < WIRE_TYPES; i++)
		fprintf(out, "%s %" PRIu64 "\n", wire_opcodes[i].name,
			atomic_load_explicit(&stats.requests[i], memory_order_relaxed));
	for (unsigned i = 0; i < STATS_COUNTERS; i++)
		fprintf(out, "%s %" PRIu64 "\n", stats_names[i],
			atomic_load_explicit(&stats.counters[i], memory_order_relaxed));
	fprintf(out, "logs %u\n", registry_count(registry));
	fprintf(out, "server %u\nserver_pid %d\n", generation, getpid());
}

static void print_log(const struct mirror_log *log, void *context)
{
	enum log_state state = mirror_log_state(log);
	bool failed = mirror_log_health(log) != LOG_SOUND;
	FILE *out = context;

	if (state == LOG_OPENING || state >= LOG_CLOSING)
		return;
	fprintf(out, "%s %llx %s ", log->uuid, (unsigned long long)log->luid, log->args.type);
	if (log->device)
		fprintf(out, "%u:%u", log->device->major, log->device->minor);
	else
		fputc('-', out);
	fprintf(out, " %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s%s\n",
		log->args.region_size, log->args.region_count, dirty_log_sync_count(&log->dirty),
		dirty_log_dirty_count(&log->dirty), dirty_log_lazy_count(&log->dirty),
		state_names[state], failed ? ",failed" : "");
}

static void answer_client(const char *line, FILE *out, struct registry *registry,
			  unsigned generation)
{
	if (strcmp(line, "stats\n") == 0)
		print_stats(out, registry, generation);
	else if (strcmp(line, "logs\n") == 0)
		registry_visit(registry, print_log, out);
	else
		fputs("error: unknown command, expected stats or logs\n", out);
}

static void send_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		size -= (size_t)n;
	}
}

/* Anybody can connect to an abstract socket, and a luid is an address in the kernel. */
static bool may_ask(int fd)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

void control_handle_client(int listen_fd, struct registry *registry, unsigned generation)
{
	struct timeval patience = {.tv_sec = 1};
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	char line[32], *text = NULL;
	size_t size = 0;
	ssize_t n;
	FILE *out;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	n = recv(fd, line, sizeof(line) - 1, 0);
	out = n > 0 ? open_memstream(&text, &size) : NULL;
	if (out) {
		line[n] = '\0';
		if (may_ask(fd))
			answer_client(line, out, registry, generation);
		else
			fputs("error: only root may ask\n", out);
		fclose(out);
		send_all(fd, text, size);
		free(text);
	}
	close(fd);
}
