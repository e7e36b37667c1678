/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: one poll for all clients. Each is a state machine: its line is read, the answer made in
 * memory, so that no lock is held while it is sent, and sent. One that does not go on for a second is left. */
#include "server/control.h"

#include "server/base/clock.h"
#include "server/base/diag.h"
#include "server/base/kill_point.h"
#include "server/base/stats.h"
#include "server/settings.h"
#include "server/status.h"
#include "server/work/pace.h"
#include "server/work/rewrite.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS (1 * NSEC_PER_SEC)
#define NO_FD_PAUSE_NS (100 * NSEC_PER_MSEC)
#define STAY_NS (10 * NSEC_PER_SEC)
#define OBEY_MSEC 100u
#define REGIONS "regions "
#define SET "set "
#define PAUSE "pause "
#define CONTINUE "continue "
#define REWRITE "rewrite "
#define ACCEPT_MAX 64u /* in one go, so that others are served between */

/* 0: it stays without one, nobody's child any more. */
static pid_t living_supervisor(const struct control *control)
{
	return getppid() == control->supervisor ? control->supervisor : 0;
}

/* Moments, of clock_now(): what the last take-over took. */
static void print_stall(FILE *out, const struct control *control)
{
	const struct estate_stall *stall = &control->estate->stall;
	uint32_t standby = atomic_load(&control->estate->standby);

	/* 0: none is ready yet; the last one that was is this server. */
	fprintf(out, "standby_pid %u\n", standby == (uint32_t)getpid() ? 0 : standby);
	fprintf(out, "stall_noticed %" PRId64 "\nstall_begun %" PRId64 "\n",
		atomic_load(&stall->noticed_ns), atomic_load(&stall->begun_ns));
	fprintf(out, "stall_threads %" PRId64 "\nstall_judged %" PRId64 "\n",
		atomic_load(&stall->threads_ns), atomic_load(&stall->judged_ns));
	fprintf(out, "stall_served %" PRId64 "\nstall_whole %" PRId64 "\n",
		atomic_load(&stall->served_ns), atomic_load(&stall->whole_ns));
}

static void print_stats(FILE *out, const struct control *control)
{
	for (unsigned i = 1; i < WIRE_TYPES; i++)
		fprintf(out, "%s %" PRIu64 "\n", wire_opcodes[i].name,
			atomic_load_explicit(&stats.requests[i], memory_order_relaxed));
	for (unsigned i = 0; i < STATS_COUNTERS; i++)
		fprintf(out, "%s %" PRIu64 "\n", stats_names[i],
			atomic_load_explicit(&stats.counters[i], memory_order_relaxed));
	fprintf(out, "logs %u\n", registry_count(control->registry));
	fprintf(out, "server %u\nserver_pid %d\n", control->generation, getpid());
	fprintf(out, "supervisor_pid %d\nprogram %" PRId64 "\n", living_supervisor(control),
		control->program_ns);
	print_stall(out, control);
}

static void print_device(FILE *out, const struct mirror_log *log)
{
	uint32_t device_major, device_minor;

	if (mirror_log_device(log, &device_major, &device_minor))
		fprintf(out, "%u:%u", device_major, device_minor);
	else
		fputc('-', out);
}

static void print_log(const struct mirror_log *log, void *context)
{
	enum log_state state = mirror_log_state(log);
	bool failed = mirror_log_health(log) != LOG_SOUND;
	FILE *out = context;

	if (!mirror_log_is_told(log))
		return;
	fprintf(out, "%s %llx %s ", log->uuid, (unsigned long long)log->luid, log->args.type);
	print_device(out, log);
	fprintf(out, " %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s%s\n",
		log->args.region_size, log->args.region_count, dirty_log_sync_count(&log->dirty),
		dirty_log_dirty_count(&log->dirty), dirty_log_lazy_count(&log->dirty),
		log_state_names[state], failed ? ",failed" : "");
}

static void print_regions(const struct control *control, char *arguments, FILE *out)
{
	const char *why;

	if (!status_print_regions(out, control->registry, arguments, &why))
		fprintf(out, CONTROL_ERROR "%s\n", why);
}

/* NAME VALUE */
static void change_setting(const struct control *control, char *arguments, FILE *out)
{
	char *space = strchr(arguments, ' ');
	char *wanted = NULL;
	size_t size;
	FILE *why = open_memstream(&wanted, &size);

	if (!why)
		return;
	if (space)
		*space = '\0';
	if (settings_set(control->settings, arguments, space ? space + 1 : "", why)) {
		for (unsigned i = 0; i < control->nworkers; i++)
			worker_sees_settings(&control->workers[i]);
		diag_info("%s is %s now", arguments, space ? space + 1 : "");
	}
	fclose(why);
	if (size > 0)
		fprintf(out, CONTROL_ERROR "%s: %s\n", arguments, wanted);
	else
		settings_print(out, control->settings);
	free(wanted);
}

typedef bool is_obeyed_call(const struct mirror_log *log);

/* For a moment: the others wait. */
static bool comes_true(const struct mirror_log *log, is_obeyed_call *is_obeyed)
{
	const struct timespec pause = {.tv_nsec = NSEC_PER_MSEC};

	for (unsigned i = 0; i < OBEY_MSEC && !is_obeyed(log); i++)
		nanosleep(&pause, NULL);
	return is_obeyed(log);
}

static void say_whether_it_comes_true(const struct mirror_log *log, is_obeyed_call *is_obeyed,
				      FILE *out)
{
	if (comes_true(log, is_obeyed))
		fputs("done\n", out);
	else
		fputs(CONTROL_ERROR "it is not taken yet: status shows when it is\n", out);
}

/* With a reference, or NULL, which is said. */
static struct mirror_log *find_log(const struct control *control, char *arguments, FILE *out)
{
	struct mirror_log *log = status_find_log(control->registry, arguments);

	if (!log)
		fputs(CONTROL_ERROR "there is no such log\n", out);
	return log;
}

static void order_pace(const struct control *control, char *arguments, unsigned order, FILE *out)
{
	struct mirror_log *log = find_log(control, arguments, out);

	if (!log)
		return;
	pace_order(log, order);
	say_whether_it_comes_true(log, pace_is_obeyed, out);
	mirror_log_put(log);
}

static void order_rewrite(const struct control *control, char *arguments, FILE *out)
{
	struct mirror_log *log = find_log(control, arguments, out);

	if (!log)
		return;
	rewrite_order(log);
	say_whether_it_comes_true(log, rewrite_is_obeyed, out);
	mirror_log_put(log);
}

/* The supervisor is about to end, and a successor about to start. */
static void order_stay(const struct control *control, FILE *out)
{
	atomic_store(&control->estate->stays_until_ns, clock_now() + STAY_NS);
	fputs("done\n", out);
}

/* False: it is no such line. */
static bool change(const struct control *control, char *line, FILE *out)
{
	if (strncmp(line, SET, strlen(SET)) == 0)
		change_setting(control, line + strlen(SET), out);
	else if (strncmp(line, PAUSE, strlen(PAUSE)) == 0)
		order_pace(control, line + strlen(PAUSE), PACE_PAUSE, out);
	else if (strncmp(line, CONTINUE, strlen(CONTINUE)) == 0)
		order_pace(control, line + strlen(CONTINUE), PACE_CONTINUE, out);
	else if (strncmp(line, REWRITE, strlen(REWRITE)) == 0)
		order_rewrite(control, line + strlen(REWRITE), out);
	else if (strcmp(line, "stay") == 0)
		order_stay(control, out);
	else
		return false;
	return true;
}

/* True: the descriptors go along. */
static bool print_relief(const struct control *control, FILE *out)
{
	if (!relief_is_possible(control->relief_fds, control->supervisor)) {
		fputs(CONTROL_ERROR
		      "it cannot be relieved: it has no supervisor, or no lock file\n",
		      out);
		return false;
	}
	fprintf(out, "%d %d\n", living_supervisor(control), getpid());
	return true;
}

static void print_answer(const struct control *control, char *line, FILE *out)
{
	if (strcmp(line, "stats") == 0)
		print_stats(out, control);
	else if (strcmp(line, "logs") == 0)
		registry_visit(control->registry, print_log, out);
	else if (strcmp(line, "status") == 0)
		status_print(out, control->registry, control->slots);
	else if (strcmp(line, "metrics") == 0)
		metrics_print(out, control->metrics, true);
	else if (strcmp(line, "metrics 0.0.4") == 0)
		metrics_print(out, control->metrics, false);
	else if (strncmp(line, REGIONS, strlen(REGIONS)) == 0)
		print_regions(control, line + strlen(REGIONS), out);
	else if (strcmp(line, "set") == 0)
		settings_print(out, control->settings);
	else if (!change(control, line, out))
		fputs(CONTROL_ERROR "unknown command, expected stats, logs, metrics, status, "
				    "regions, set, pause, continue, rewrite or stay\n",
		      out);
}

/* --- a client --- */

static void leave_client(struct control_client *client)
{
	close(client->fd);
	free(client->text);
	*client = (struct control_client){.fd = -1};
}

static ssize_t send_some(const struct control *control, const struct control_client *client)
{
	if (client->relieves && client->sent == 0)
		return relief_send(client->fd, client->text, client->size, control->relief_fds);
	return send(client->fd, client->text + client->sent, client->size - client->sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What of the answer can be sent now. */
static void send_answer(const struct control *control, struct control_client *client)
{
	ssize_t n = send_some(control, client);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		client->sent += (size_t)n;
		client->deadline_ns = clock_coarse() + PATIENCE_NS;
	}
	if (n < 0 || client->sent == client->size)
		leave_client(client);
}

static void print_whole(const struct control *control, char *line, FILE *out)
{
	bool whole = strncmp(line, CONTROL_WHOLE, strlen(CONTROL_WHOLE)) == 0;

	print_answer(control, whole ? line + strlen(CONTROL_WHOLE) : line, out);
	if (whole)
		fputs(CONTROL_END, out);
}

/* Better none than a part of it. */
static void leave_without_memory(struct control_client *client)
{
	static const char text[] = CONTROL_ERROR "dirtylogd has no memory for the answer\n";

	(void)!send(client->fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	leave_client(client);
}

static void answer_client(const struct control *control, struct control_client *client)
{
	FILE *out = open_memstream(&client->text, &client->size);
	bool lost;

	if (!out) {
		leave_without_memory(client);
		return;
	}
	kill_point("control");
	if (strcmp(client->line, RELIEF_REQUEST) == 0)
		client->relieves = print_relief(control, out);
	else
		print_whole(control, client->line, out);
	lost = ferror(out);
	if (fclose(out) != 0 || lost)
		leave_without_memory(client);
	else
		send_answer(control, client);
}

static void read_line(const struct control *control, struct control_client *client)
{
	size_t room = sizeof(client->line) - 1 - client->length;
	ssize_t n = recv(client->fd, client->line + client->length, room, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		leave_client(client);
		return;
	}
	client->length += (size_t)n;
	client->line[client->length] = '\0';
	end = strchr(client->line, '\n');
	if (end)
		*end = '\0';
	if (end || client->length == sizeof(client->line) - 1)
		answer_client(control, client);
}

static void serve_client(const struct control *control, struct control_client *client)
{
	if (client->text)
		send_answer(control, client);
	else
		read_line(control, client);
}

/* --- accepting --- */

/* Anybody can connect to an abstract socket, and a luid is an address in the kernel. */
static bool may_ask(int fd)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

/* No place is lost to who may not ask. */
static void refuse_client(int fd)
{
	static const char text[] = CONTROL_ERROR "only root may ask\n";

	(void)!send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static struct control_client *free_client(struct control *control)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].fd < 0)
			return &control->clients[i];
	return NULL;
}

/* Out of fds: who waits stays to be accepted, and poll would tell so again and again. */
static void cannot_accept(struct control *control, int error)
{
	if (error == EAGAIN || error == ECONNABORTED || error == EINTR)
		return;
	diag_limited(DIAG_WARNING, "no client of the control socket can be accepted: %s",
		     strerror(error));
	control->pause_until_ns = clock_coarse() + NO_FD_PAUSE_NS;
}

static void accept_clients(struct control *control, int listen_fd)
{
	struct control_client *client;

	for (unsigned i = 0; i < ACCEPT_MAX && (client = free_client(control)); i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			cannot_accept(control, errno);
			return;
		}
		if (!may_ask(fd)) {
			refuse_client(fd);
			continue;
		}
		*client = (struct control_client){.fd = fd,
						  .deadline_ns = clock_coarse() + PATIENCE_NS};
	}
}

/* --- the loop --- */

enum {
	STOP_FD,
	LISTEN_FD,
	FIRST_CLIENT = LISTEN_FD + CONTROL_SOCKETS,
	POLL_FDS = FIRST_CLIENT + CONTROL_CLIENTS
};

struct waiting {
	unsigned
		count; /* no more than there are fds: poll(2) takes as many as the process may have open */
	struct pollfd fds[POLL_FDS];
	int64_t until_ns; /* INT64_MAX: for ever */
};

static void wait_for_client(struct waiting *waiting, struct control_client *client)
{
	client->polled = waiting->count++;
	waiting->fds[client->polled] =
		(struct pollfd){.fd = client->fd, .events = client->text ? POLLOUT : POLLIN};
	if (client->deadline_ns < waiting->until_ns)
		waiting->until_ns = client->deadline_ns;
}

static void fill_waiting(struct control *control, struct waiting *waiting)
{
	bool room = free_client(control), paused = clock_coarse() < control->pause_until_ns;

	waiting->fds[STOP_FD] = (struct pollfd){.fd = control->stop_fd, .events = POLLIN};
	for (unsigned i = 0; i < CONTROL_SOCKETS; i++)
		waiting->fds[LISTEN_FD + i] = (struct pollfd){
			.fd = room && !paused ? control->listen_fds[i] : -1, .events = POLLIN};
	waiting->count = FIRST_CLIENT;
	waiting->until_ns = control->until_ns;
	if (room && paused && control->pause_until_ns < waiting->until_ns)
		waiting->until_ns = control->pause_until_ns;
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].fd >= 0)
			wait_for_client(waiting, &control->clients[i]);
}

static int timeout_msec(int64_t until_ns)
{
	int64_t left_ns = until_ns - clock_coarse();

	if (until_ns == INT64_MAX)
		return -1;
	return left_ns > 0 ? (int)(left_ns / NSEC_PER_MSEC) + 1 : 0;
}

static void serve_clients(struct control *control, const struct waiting *waiting)
{
	int64_t now = clock_coarse();

	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *client = &control->clients[i];

		if (client->fd < 0)
			continue;
		estate_works(control->watched); /* each may wait for the registry */
		if (waiting->fds[client->polled].revents)
			serve_client(control, client);
		else if (now >= client->deadline_ns)
			leave_client(client);
	}
}

void control_run(struct control *control)
{
	struct waiting waiting;

	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		control->clients[i] = (struct control_client){.fd = -1};
	for (;;) {
		fill_waiting(control, &waiting);
		estate_waits(control->watched);
		if (poll(waiting.fds, waiting.count, timeout_msec(waiting.until_ns)) < 0)
			continue; /* a signal */
		estate_works(control->watched);
		if (waiting.fds[STOP_FD].revents & POLLIN || clock_coarse() >= control->until_ns)
			break;
		serve_clients(control, &waiting);
		for (unsigned i = 0; i < CONTROL_SOCKETS; i++)
			if (waiting.fds[LISTEN_FD + i].revents & POLLIN)
				accept_clients(control, control->listen_fds[i]);
	}
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].fd >= 0)
			leave_client(&control->clients[i]);
	estate_waits(control->watched); /* for ever */
}
