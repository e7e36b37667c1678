/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylog-load: the kernel's part, for load and for measuring. Starts a daemon in a network
 * namespace of its own, or looks for one that runs: a DTR of a log that nobody has is answered by
 * any. Then it makes one run, or one for each point of a sweep, and writes the results.
 */
#include "perf/generator/load_options.h"
#include "perf/generator/load_run.h"
#include "perf/generator/plot.h"
#include "perf/generator/report.h"
#include "server/base/clock.h"
#include "server/base/output.h"
#include "server/base/standard_fds.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SPAWN_PATIENCE_NS (10 * NSEC_PER_SEC)
#define RUNNING_PATIENCE_NS (2 * NSEC_PER_SEC)
#define HELLO_NS (50 * NSEC_PER_MSEC)

static volatile int interrupted;

static void on_signal(int number)
{
	interrupted = 1;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* --- finding the server --- */

/* DTR of a log that nobody has is always answered well. */
static int say_hello(struct client *client)
{
	struct wire_message *message = client_message(client);

	message->request.luid = 1;
	strcpy(message->request.uuid, "dirtylog-load-hello");
	message->request.request_type = DM_ULOG_DTR;
	message->request.data_size = 0;
	client_queue(client, 1);
	return client_send(client);
}

/* Every greeting's answer must be in before the first run, where it would be a stray one. */
static void drain_answers(struct client *client)
{
	while (client_receive(client, HELLO_NS) > 0)
		;
}

static int wait_for_server(struct load_server *server)
{
	int64_t end_ns = clock_now() + (server->spawned ? SPAWN_PATIENCE_NS : RUNNING_PATIENCE_NS);

	do {
		int r = say_hello(&server->client);

		if (r < 0)
			return r;
		r = client_receive(&server->client, HELLO_NS);
		if (r != 0) {
			drain_answers(&server->client);
			return r < 0 ? r : 0;
		}
		if (server->spawned && !server_process_alive(&server->process))
			return -EPIPE;
	} while (clock_now() < end_ns && !interrupted);
	return -ETIMEDOUT;
}

/* Beside this program, or in PATH. Thousands of logs that come and go are not news here. */
static void default_command(char *command, size_t bytes)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("dirtylogd"));
	char *name;

	snprintf(command, bytes, "dirtylogd --log-level error");
	if (n <= 0)
		return;
	path[n] = '\0';
	name = strrchr(path, '/') + 1;
	strcpy(name, "dirtylogd");
	if (access(path, X_OK) == 0)
		snprintf(command, bytes, "'%s' --log-level error", path);
}

/* A namespace of its own: no other daemon, no kernel, no other's requests. */
static int spawn(struct load_server *server, const struct load_options *options)
{
	const char *command = options->spawn_command;
	char buffer[4200];

	if (unshare(CLONE_NEWNET) != 0) {
		fprintf(stderr, "dirtylog-load: no network namespace: %s. Run it as root.\n",
			strerror(errno));
		return -errno;
	}
	if (!command) {
		default_command(buffer, sizeof(buffer));
		command = buffer;
	}
	server->spawned = true;
	return server_process_start(&server->process, command, options->server_cpu);
}

static void say_no_server(const struct load_server *server, int r)
{
	if (r == -EPIPE && server->process.status != 0) /* is told when it is stopped */
		return;
	if (r == -EPIPE)
		fprintf(stderr, "dirtylog-load: the daemon ended at once, with status 0: is it a "
				"dirtylogd that stays in the foreground? See --spawn\n");
	else if (r != -ETIMEDOUT)
		fprintf(stderr, "dirtylog-load: cannot talk to the daemon: %s\n", strerror(-r));
	else if (server->spawned)
		fprintf(stderr, "dirtylog-load: the daemon started but does not answer\n");
	else
		fprintf(stderr,
			"dirtylog-load: nobody answers. Is dirtylogd running in this network "
			"namespace, with --accept-from any? Or let --spawn start one.\n");
}

static int check_cpu(int cpu)
{
	int r = server_process_try_pin(cpu);

	if (r < 0)
		fprintf(stderr, "dirtylog-load: --cpus: processor %d: %s\n", cpu, strerror(-r));
	return r;
}

/* Figures of threads that run anywhere would be taken for those of a processor of their own. */
static int check_cpus(const struct load_options *options)
{
	int r = check_cpu(options->generator_cpu);

	return r == 0 ? check_cpu(options->server_cpu) : r;
}

static int find_server(struct load_server *server, const struct load_options *options)
{
	int r = check_cpus(options);

	if (r == 0 && options->spawn)
		r = spawn(server, options);
	if (r < 0)
		return r;
	r = client_open(&server->client, 0);
	if (r < 0) {
		fprintf(stderr, "dirtylog-load: no netlink socket: %s.%s\n", strerror(-r),
			r == -EPERM ? " Run it as root." : "");
		return r;
	}
	server->client.busy_poll = options->busy_poll;
	r = wait_for_server(server);
	if (r < 0)
		say_no_server(server, r);
	else if (options->unicast)
		client_unicast(&server->client, server->client.from.nl_pid);
	return r;
}

static int leave_server(struct load_server *server)
{
	if (server->client.out)
		client_close(&server->client);
	return server->spawned ? server_process_stop(&server->process) : 0;
}

/* --- runs --- */

static struct load_options options_of_point(const struct load_options *options, unsigned index)
{
	struct load_options point = *options;

	if (options->sweep == LOAD_SWEEP_DEPTH)
		point.depth = options->points[index];
	else if (options->sweep == LOAD_SWEEP_LOGS)
		point.logs = options->points[index];
	return point;
}

static bool bad(const struct load_result *result)
{
	return result->error != 0 || measure_failed(&result->server) || result->echo.doubled ||
	       result->echo.lost || result->too_few_kills;
}

/* Returns how many runs were made; the last one may be bad. */
static unsigned run_all(struct load_server *server, const struct load_options *options,
			struct load_result *results, unsigned count)
{
	bool table = !options->json || strcmp(options->json, "-") != 0;

	for (unsigned i = 0; i < count; i++) {
		struct load_options point = options_of_point(options, i);

		load_run(server, &point, &interrupted, &results[i]);
		if (table) {
			report_table(stdout, &point, &results[i]);
			fflush(stdout);
		}
		if (interrupted || results[i].error)
			return i + 1;
	}
	return count;
}

static int write_files(const struct load_options *options, const struct load_result *results,
		       unsigned count)
{
	int r = 0;

	if (options->json) {
		r = report_json(options->json, options, results, count);
		if (r < 0)
			fprintf(stderr, "dirtylog-load: cannot write %s: %s\n", options->json,
				strerror(-r));
	}
	if (options->plot && r == 0)
		r = plot(options->plot, options, results, count);
	return r;
}

static int run_and_report(struct load_server *server, const struct load_options *options)
{
	unsigned count = options->sweep ? options->npoints : 1;
	struct load_result *results = calloc(count, sizeof(*results));
	int r;

	if (!results)
		return -ENOMEM;
	count = run_all(server, options, results, count);
	r = write_files(options, results, count);
	for (unsigned i = 0; i < count; i++)
		if (bad(&results[i]))
			r = -EIO;
	free(results);
	return r;
}

/* Returns the exit status. */
static int load(int argc, char **argv)
{
	static struct load_options options;
	static struct load_server server;
	int r;

	r = load_options_parse(&options, argc, argv);
	if (r >= 0)
		return r;
	catch_signals();
	prctl(PR_SET_TIMERSLACK, 1UL); /* an open loop sends when it is due */
	r = find_server(&server, &options);
	if (r == 0) {
		server_process_pin(options.generator_cpu);
		r = run_and_report(&server, &options);
	}
	if (leave_server(&server) < 0)
		r = -EPIPE;
	return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	standard_fds_open();
	return output_end("dirtylog-load", load(argc, argv));
}
