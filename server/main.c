/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylogd: wires the parts together, and takes them apart in order. */
#include "server/control.h"
#include "server/logging.h"
#include "server/mirrors.h"
#include "server/options.h"
#include "server/receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define SLOTS 16384u

struct daemon {
	struct options options;
	int control_fd;
	int signal_fd;
	pthread_t main_thread;
	pthread_t control_thread;
	struct transport transport;
	struct slots slots;
	struct registry registry;
	struct mirrors *mirrors;
	struct worker *workers;
	unsigned nworkers;
	struct recorder *recorder;
	struct receiver receiver;
};

static void do_nothing(int signal_number)
{
}

/* Signals are read by the control thread; SIGUSR1 only interrupts the receiver. */
static int set_up_signals(struct daemon *daemon)
{
	struct sigaction nothing = {.sa_handler = do_nothing};
	sigset_t set;

	sigaction(SIGUSR1, &nothing, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* mirrors.h: nobody waits for the children */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	daemon->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return daemon->signal_fd < 0 ? -errno : 0;
}

static void protect_from_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "-1000", 5) != 5)
		log_warning("not protected from the OOM killer: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Nothing that we wait for may wait for a write to a mirror that waits for us. */
static void protect_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		log_warning("memory cannot be locked: %s; under memory pressure mirrors can hang",
			    strerror(errno));
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) != 0)
		log_warning("not an I/O flusher: %s; under memory pressure mirrors can hang",
			    strerror(errno));
	protect_from_oom();
}

static int take_place(struct daemon *daemon)
{
	int holder;

	daemon->control_fd = control_listen(&holder);
	if (daemon->control_fd >= 0)
		return 0;
	if (daemon->control_fd == -EADDRINUSE)
		fprintf(stderr,
			"dirtylogd: another dirtylogd serves this host: process %d. Stop it "
			"first.\n",
			holder);
	else
		fprintf(stderr, "dirtylogd: no control socket: %s\n",
			strerror(-daemon->control_fd));
	return daemon->control_fd;
}

/* Small stacks, since all memory is locked. */
static void set_stack_size(void)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1024 * 1024);
	pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
}

static int start_workers(struct daemon *daemon)
{
	unsigned n = daemon->options.workers;

	daemon->workers = aligned_alloc(64, ((n * sizeof(struct worker)) + 63) & ~(size_t)63);
	if (!daemon->workers)
		return -ENOMEM;
	memset(daemon->workers, 0, n * sizeof(struct worker));
	while (daemon->nworkers < n) {
		struct worker *worker = &daemon->workers[daemon->nworkers];
		int r;

		worker->index = daemon->nworkers;
		worker->desk.options = &daemon->options.log;
		worker->mirrors = daemon->mirrors;
		worker->graveyard = &daemon->registry.graveyard;
		worker->engine_kind = daemon->options.io_engine;
		worker->desk.outbox.transport = &daemon->transport;
		worker->desk.outbox.slots = &daemon->slots;
		r = worker_start(worker);
		if (r < 0) {
			log_error("no I/O engine: %s%s", strerror(-r),
				  worker->engine_kind == FLUSH_ENGINE_URING
					  ? " (try --io-engine auto)"
					  : "");
			return r;
		}
		daemon->nworkers++;
	}
	return 0;
}

/* The mirror thread posts to logs: it ends after the workers' threads, and before what it would wake. */
static void stop_threads(struct daemon *daemon)
{
	for (unsigned i = 0; i < daemon->nworkers; i++)
		worker_stop(&daemon->workers[i]);
	mirrors_stop(daemon->mirrors);
	for (unsigned i = 0; i < daemon->nworkers; i++)
		worker_destroy(&daemon->workers[i]);
	free(daemon->workers);
}

static void set_up_receiver(struct daemon *daemon)
{
	daemon->receiver = (struct receiver){
		.transport = &daemon->transport,
		.registry = &daemon->registry,
		.slots = &daemon->slots,
		.workers = daemon->workers,
		.nworkers = daemon->nworkers,
		.express = strcmp(daemon->workers[0].desk.engine->ops->name, "uring") == 0,
		.accept_any = daemon->options.accept_any,
		.recorder = daemon->recorder,
		.busy_poll_ns = daemon->options.busy_poll_ns,
		.follows = daemon->options.follow && daemon->options.busy_poll_ns == 0,
		.desk = {.options = &daemon->options.log,
			 .outbox = {.transport = &daemon->transport, .slots = &daemon->slots}},
	};
}

/* Clients until SIGTERM. */
static void *control(void *argument)
{
	struct daemon *daemon = argument;
	struct pollfd fds[] = {
		{.fd = daemon->signal_fd, .events = POLLIN},
		{.fd = daemon->control_fd, .events = POLLIN},
	};

	pthread_setname_np(pthread_self(), "control");
	while (poll(fds, 2, -1) < 0 || !(fds[0].revents & POLLIN)) {
		if (fds[1].revents & POLLIN)
			control_serve(daemon->control_fd, &daemon->registry);
	}
	sd_notify(0, "STOPPING=1");
	log_info("stopping");
	receiver_stop(&daemon->receiver, daemon->main_thread);
	return NULL;
}

static int start_recorder(struct daemon *daemon)
{
	const char *path = daemon->options.record;
	int r = path ? recorder_start(&daemon->recorder, path) : 0;

	if (r < 0)
		log_error("cannot record to %s: %s", path, strerror(-r));
	return r;
}

static int serve_until_stopped(struct daemon *daemon)
{
	int r = start_recorder(daemon);

	if (r < 0)
		return r;
	set_up_receiver(daemon);
	receiver_open(&daemon->receiver);
	daemon->main_thread = pthread_self();
	r = -pthread_create(&daemon->control_thread, NULL, control, daemon);
	if (r < 0)
		goto out;
	log_info("dirtylogd %s serves: %u workers, %s engine, receive buffer of %d bytes%s",
		 DIRTYLOG_VERSION, daemon->nworkers, daemon->workers[0].desk.engine->ops->name,
		 daemon->transport.rcvbuf / 2,
		 daemon->options.accept_any ? ", requests of any sender accepted" : "");
	sd_notify(0, "READY=1");
	receiver_run(&daemon->receiver);
	pthread_join(daemon->control_thread, NULL);
out:
	receiver_close(&daemon->receiver);
	recorder_stop(daemon->recorder);
	return r;
}

static int run(struct daemon *daemon)
{
	int r = slots_create(&daemon->slots, SLOTS);

	if (r < 0)
		return r;
	r = registry_create(&daemon->registry);
	if (r < 0)
		goto err_slots;
	r = transport_open(&daemon->transport, daemon->options.rcvbuf);
	if (r < 0)
		goto err_registry;
	transport_warn_of_listeners(&daemon->transport);
	r = mirrors_start(&daemon->mirrors);
	if (r < 0)
		goto err_transport;
	r = start_workers(daemon);
	if (r == 0)
		r = serve_until_stopped(daemon);
	stop_threads(daemon);
err_transport:
	transport_close(&daemon->transport);
err_registry:
	registry_destroy(&daemon->registry);
err_slots:
	slots_destroy(&daemon->slots);
	return r;
}

int main(int argc, char **argv)
{
	static struct daemon server;
	int r = options_parse(&server.options, argc, argv);

	if (r >= 0)
		return r;
	if (server.options.query_device)
		return mirrors_query_device(server.options.query_device);
	if (server.options.cycle_device)
		return mirrors_cycle_device(server.options.cycle_device);
	if (take_place(&server) < 0)
		return 1;
	if (!server.options.foreground && daemon(0, 0) < 0) {
		perror("dirtylogd: cannot go to the background");
		return 1;
	}
	listen(server.control_fd, 16); /* the holder is this process, no longer its parent */
	set_stack_size();
	r = set_up_signals(&server);
	if (r == 0)
		r = logging_start(server.options.log_level, !server.options.foreground);
	if (r < 0)
		fprintf(stderr, "dirtylogd: cannot start: %s\n", strerror(-r));
	if (r == 0) {
		protect_memory();
		r = run(&server);
		log_info(r < 0 ? "ended with an error" : "ended");
		logging_stop();
	}
	return r < 0 ? 1 : 0;
}
