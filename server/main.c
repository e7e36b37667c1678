/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylogd: wires the parts together, and takes them apart in order. */
#include "iouring/device_thread.h"
#include "server/base/clock.h"
#include "server/base/confine.h"
#include "server/base/crash.h"
#include "server/base/diag.h"
#include "server/base/kill_point.h"
#include "server/base/output.h"
#include "server/base/standard_fds.h"
#include "server/control.h"
#include "server/control_socket.h"
#include "server/log/mirror_wake.h"
#include "server/log/mirrors.h"
#include "server/log/opener.h"
#include "server/metrics_http.h"
#include "server/options.h"
#include "server/relief.h"
#include "server/restart/fd_store.h"
#include "server/restart/place.h"
#include "server/restart/supervisor.h"
#include "server/restart/undertaker.h"
#include "server/settings.h"
#include "server/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define FILES_WANTED 30000 /* 10,000 mirrors, whose logs and legs are on devices */

/* Of a server that was told to end: more than all its threads may take together (STOP_LIMIT_NS each), less
 * than the unit's TimeoutStopSec=. */
#define END_LIMIT_SEC 13

/* What the serving process works with, and what it has from the supervisor. */
struct daemon {
	struct options options;
	struct supervisor supervisor;
	struct relief relief; /* of another, at our start */
	bool relieves; /* it serves still */
	struct estate estate;
	unsigned generation; /* which server this is, the first is 1; 0: it stands by */
	bool follows_on; /* it is a successor */
	bool made_ahead; /* to stand by */
	bool stood_by; /* and was not let go before its memory was locked */
	int64_t begun_ns;
	int64_t program_ns; /* when this program began */
	int control_fds[CONTROL_SOCKETS]; /* -1, or an error: none */
	int place_fd;
	int signal_fd;
	bool hand_over; /* what the control thread was asked to end for */
	bool stored; /* systemd holds the socket and the estate, for the next start */
	pthread_t main_thread;
	pthread_t control_thread;
	struct transport transport;
	struct slots slots;
	struct registry registry;
	struct backlog backlog;
	struct {
		int64_t start_ns, served_ns;
		int requests;
	} took_over;
	struct mirrors *mirrors;
	struct worker *workers;
	unsigned nworkers;
	struct recorder *recorder;
	struct receiver receiver;
	struct metrics metrics;
};

static void do_nothing(int signal_number)
{
}

/* Signals are read by the control thread; SIGUSR1 only interrupts the receiver. All others are blocked, see
 * supervisor_prepare. */
static int set_up_signals(struct daemon *daemon)
{
	struct sigaction nothing = {.sa_handler = do_nothing};
	sigset_t set;

	sigaction(SIGUSR1, &nothing, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* mirrors.h: nobody waits for the children */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGQUIT);
	daemon->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return daemon->signal_fd < 0 ? -errno : 0;
}

static void protect_from_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "-1000", 5) != 5)
		diag_warning("not protected from the OOM killer: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* jemalloc reads it. An arena is megabytes, which are locked, and by default there are four for each processor;
 * what is answered fast allocates nothing. Nor shall it map ahead of what is asked for, larger from time to time:
 * locked, that has all its pages. */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:1,retain:false";

/* Nothing that we wait for may wait for a write to a mirror that waits for us. */
static void protect_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		diag_warning("memory cannot be locked: %s; under memory pressure mirrors can hang",
			     strerror(errno));
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) != 0)
		diag_warning("not an I/O flusher: %s; under memory pressure mirrors can hang",
			     strerror(errno));
	protect_from_oom();
}

/* --- the place of the one daemon --- */

static int taken(pid_t holder)
{
	diag_error("another dirtylogd serves this host: process %d. Stop it first.", holder);
	return -EADDRINUSE;
}

/* A server whose supervisor has died was told to end, which one that is stopped does not hear. The supervisor's number is
 * no other process's as long as its group has members. */
static void wake_orphan(pid_t supervisor)
{
	if (supervisor > 0 && kill(supervisor, 0) != 0 && errno == ESRCH)
		kill(-supervisor, SIGCONT);
}

static int take_lock(struct daemon *daemon)
{
	pid_t holder;

	daemon->place_fd = place_take(&holder);
	if (daemon->place_fd == -EADDRINUSE) {
		wake_orphan(holder);
		return taken(holder);
	}
	if (daemon->place_fd < 0)
		diag_warning("no lock file in %s: %s; whoever takes the abstract socket name "
			     "\"" CONTROL_NAME "\" keeps dirtylogd from starting",
			     PLACE_DIR, strerror(-daemon->place_fd));
	return 0;
}

/* Anybody may have the name, but only root keeps us from the place with it: another dirtylogd, which knows of
 * no lock. */
static int take_name(struct daemon *daemon)
{
	struct ucred holder;
	int fd = control_listen(&holder);

	daemon->control_fds[0] = fd;
	if (fd != -EADDRINUSE)
		return 0;
	if (holder.pid > 0 && holder.uid == 0)
		return taken(holder.pid);
	if (holder.pid > 0)
		diag_warning("the abstract socket name \"" CONTROL_NAME
			     "\" is taken by process %d of user %u, which is not root",
			     holder.pid, holder.uid);
	else
		diag_warning("the abstract socket name \"" CONTROL_NAME
			     "\" is taken by a process that accepts nobody");
	return daemon->place_fd < 0 ? -EADDRINUSE : 0;
}

static int take_file(struct daemon *daemon)
{
	int fd = daemon->place_fd < 0 ? daemon->place_fd : control_listen_file();

	daemon->control_fds[1] = fd;
	if (fd >= 0 || daemon->control_fds[0] >= 0)
		return 0;
	diag_error("no control socket: %s", strerror(-fd));
	return fd;
}

static bool may_serve(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	return geteuid() == 0 ||
	       (syscall(SYS_capget, &header, sets) == 0 && sets[0].effective & 1u << CAP_NET_ADMIN);
}

/* Who cannot serve would only keep others from it. */
static int refuse_place(void)
{
	diag_error("dirtylogd must run as root (CAP_NET_ADMIN, CAP_SYS_ADMIN): the kernel takes "
		   "answers from nobody else");
	return -EPERM;
}

static int take_place(struct daemon *daemon)
{
	int r = may_serve() ? take_lock(daemon) : refuse_place();

	if (r == 0)
		r = take_name(daemon);
	return r == 0 ? take_file(daemon) : r;
}

/* The holder is this process, no longer its parent. */
static void sign_place(const struct daemon *daemon)
{
	place_sign(daemon->place_fd);
	control_listen_again(daemon->control_fds[0]);
	control_listen_again(daemon->control_fds[1]);
}

/* What a program that knew of no lock has left to us is the name alone. */
static void inherit_place(struct daemon *daemon)
{
	const struct supervisor *supervisor = &daemon->supervisor;

	memcpy(daemon->control_fds, supervisor->control_fds, sizeof(daemon->control_fds));
	daemon->place_fd = supervisor->place_fd;
	if (daemon->place_fd >= 0 || take_lock(daemon) < 0)
		return;
	take_file(daemon);
	sign_place(daemon);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES (1024u * 1024u)
#else
#define STACK_BYTES (256u * 1024u)
#endif

/* Small stacks, since all memory is locked; ten times what any thread was seen to use. */
static void set_stack_size(void)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
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
		worker->executor.options = &daemon->options.log;
		worker->mirrors = daemon->mirrors;
		worker->graveyard = &daemon->registry.graveyard;
		worker->placement = &daemon->options.placement;
		worker->engine_kind = daemon->options.io_engine;
		executor_set_up(&worker->executor, &daemon->estate, daemon->nworkers,
				daemon->transport.fd, &daemon->slots);
		r = worker_start(worker);
		if (r < 0) {
			diag_error("no I/O engine: %s", strerror(-r));
			return r;
		}
		daemon->nworkers++;
	}
	return 0;
}

/* The mirror thread and those that open devices post to logs: they end after the workers' threads, and before
 * what they would wake. */
static void stop_threads(struct daemon *daemon)
{
	for (unsigned i = 0; i < daemon->nworkers; i++)
		worker_ask_to_stop(&daemon->workers[i], daemon->hand_over);
	for (unsigned i = 0; i < daemon->nworkers; i++)
		worker_stop(&daemon->workers[i]);
	mirrors_stop(daemon->mirrors);
	opener_end();
	for (unsigned i = 0; i < daemon->nworkers; i++)
		worker_destroy(&daemon->workers[i]);
	free(daemon->workers);
}

static void set_up_receiver(struct daemon *daemon)
{
	daemon->receiver = (struct receiver){
		.estate = &daemon->estate,
		.transport = &daemon->transport,
		.registry = &daemon->registry,
		.backlog = &daemon->backlog,
		.slots = &daemon->slots,
		.workers = daemon->workers,
		.nworkers = daemon->nworkers,
		.express = strcmp(daemon->workers[0].executor.engine->ops->name, "uring") == 0,
		.accept_any = daemon->options.accept_any,
		.clustered_as_single_host = daemon->options.clustered_as_single_host,
		.busy_poll_ns = daemon->options.busy_poll_ns,
		.follows = daemon->options.follow && daemon->options.busy_poll_ns == 0,
		.executor = {.options = &daemon->options.log},
	};
	executor_set_up(&daemon->receiver.executor, &daemon->estate, ESTATE_RECEIVER,
			daemon->transport.fd, &daemon->slots);
}

/* Whether it is a successor that nobody has let stand by. Its supervisor is an I/O flusher already, and it has
 * inherited that. */
static bool answers_first(const struct daemon *daemon)
{
	return daemon->follows_on && !daemon->stood_by && daemon->options.supervise;
}

/* SIGUSR2: a successor takes over at once. SIGTERM: the end, or a new start by systemd, if it holds the
 * socket; or, if we were asked to stay, our supervisor's end alone, whose successor relieves us. SIGQUIT: the end of
 * this estate in any case. False: it serves on. */
static bool read_signal(struct daemon *daemon, struct control *control)
{
	int64_t stays_until_ns = atomic_load(&daemon->estate.fixed->stays_until_ns);
	struct signalfd_siginfo info = {0};

	if (read(daemon->signal_fd, &info, sizeof(info)) != sizeof(info))
		return true; /* it stayed, and nobody came */
	if (info.ssi_signo == SIGTERM && clock_now() < stays_until_ns) {
		diag_info("serves on without a supervisor, for a successor to come");
		control->until_ns = stays_until_ns;
		return false;
	}
	daemon->hand_over = info.ssi_signo == SIGUSR2;
	if (info.ssi_signo == SIGQUIT)
		daemon->stored = false;
	return true;
}

/* A thread that hangs cannot be waited for: left behind without a supervisor, the process would keep the
 * socket and the place from the next dirtylogd. What is not done is in the estate, or on the log devices. */
static void *end_in_time(void *unused)
{
	struct timespec limit = {.tv_sec = END_LIMIT_SEC};

	while (nanosleep(&limit, &limit) != 0)
		;
	diag_error("a thread did not end within %d s: the process ends without it", END_LIMIT_SEC);
	diag_flush();
	_exit(1);
}

static void limit_the_end(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, end_in_time, NULL) == 0)
		pthread_detach(thread);
}

static double seconds_since_1970(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / (double)NSEC_PER_SEC;
}

static void begin_metrics(struct daemon *daemon)
{
	daemon->metrics.generation = daemon->generation;
	daemon->metrics.began = seconds_since_1970();
}

static void set_up_metrics(struct daemon *daemon)
{
	struct metrics *metrics = &daemon->metrics;

	metrics->registry = &daemon->registry;
	metrics->slots = &daemon->slots;
	metrics->transport = &daemon->transport;
	metrics->executors[metrics->executor_count++] = &daemon->receiver.executor;
	for (unsigned i = 0; i < daemon->nworkers; i++)
		metrics->executors[metrics->executor_count++] = &daemon->workers[i].executor;
}

/* Clients until SIGTERM, or until a successor shall take over. */
static void *control_thread(void *argument)
{
	struct daemon *daemon = argument;
	struct control control = {
		.listen_fds = {daemon->control_fds[0], daemon->control_fds[1]},
		.stop_fd = daemon->signal_fd,
		.relief_fds = {[RELIEF_NETLINK] = daemon->transport.fd,
			       [RELIEF_ESTATE] = daemon->estate.fd,
			       [RELIEF_PLACE] = daemon->place_fd,
			       [RELIEF_FILE] = daemon->control_fds[1],
			       [RELIEF_NAME] = daemon->control_fds[0]},
		.registry = &daemon->registry,
		.supervisor = daemon->options.supervise ? daemon->supervisor.process : 0,
		.program_ns = daemon->program_ns,
		.slots = &daemon->slots,
		.metrics = &daemon->metrics,
		.settings = &daemon->estate.fixed->settings,
		.until_ns = INT64_MAX,
		.estate = daemon->estate.fixed,
		.workers = daemon->workers,
		.nworkers = daemon->nworkers,
		.generation = daemon->generation,
		.watched = &daemon->estate.fixed->executors[ESTATE_CONTROL],
	};
	struct metrics_http *http;

	pthread_setname_np(pthread_self(), "control");
	crash_mark(&control.watched->duty.crashed);
	atomic_store(&control.watched->thread, (uint32_t)gettid());
	placement_all(&daemon->options.placement); /* not where the receiver polls */
	if (answers_first(daemon))
		protect_memory();
	http = metrics_http_start(&daemon->options.metrics_listen, &daemon->metrics);
	do
		control_run(&control);
	while (!read_signal(daemon, &control));
	limit_the_end();
	if (!daemon->hand_over)
		sd_notify(0, "STOPPING=1");
	diag_info(daemon->hand_over ? "handing over" : "stopping");
	receiver_stop(&daemon->receiver, daemon->main_thread, daemon->hand_over || daemon->stored);
	metrics_http_stop(http);
	return NULL;
}

/* A successor's recording is a file of its own. None is no reason not to serve. */
static void start_recorder(struct daemon *daemon)
{
	char path[PATH_MAX];
	int r;

	if (!daemon->options.record)
		return;
	if (daemon->generation > 1)
		snprintf(path, sizeof(path), "%s.%u", daemon->options.record, daemon->generation);
	else
		snprintf(path, sizeof(path), "%s", daemon->options.record);
	r = recorder_start(&daemon->recorder, path);
	if (r < 0)
		diag_error("cannot record to %s: %s%s; nothing is recorded", path, strerror(-r),
			   r == -EROFS ? " (the unit lets dirtylogd write below /run alone)" : "");
	daemon->receiver.recorder = daemon->recorder;
}

static void say_taken_over(struct backlog *backlog)
{
	const struct daemon *daemon = backlog->context;
	int64_t start_ns = daemon->took_over.start_ns;

	atomic_store(&daemon->estate.fixed->stall.whole_ns, clock_now());
	diag_write_about(
		DIAG_INFO, &(struct diag_subject){.event = DIAG_EVENT_TAKEN_OVER},
		"took over %u logs and %d requests from the server before, in %lld us (serves "
		"since %lld us); this is server %u",
		backlog->taken, daemon->took_over.requests,
		(long long)((clock_now() - start_ns) / NSEC_PER_USEC),
		(long long)((daemon->took_over.served_ns - start_ns) / NSEC_PER_USEC),
		daemon->generation);
}

/* Before anything new is received. 0, or -errno: another try may do better. */
static int take_over(struct daemon *daemon)
{
	int r;

	daemon->took_over.start_ns = clock_now();
	if (daemon->generation == 1)
		return 0;
	daemon->backlog = (struct backlog){
		.estate = &daemon->estate,
		.registry = &daemon->registry,
		.workers = daemon->workers,
		.nworkers = daemon->nworkers,
	};
	r = backlog_open(&daemon->backlog);
	atomic_store(&daemon->estate.fixed->stall.judged_ns, clock_now());
	if (r == 0)
		r = takeover_requests(&daemon->receiver);
	if (r < 0)
		return r;
	daemon->took_over.requests = r;
	daemon->took_over.served_ns = clock_now();
	atomic_store(&daemon->estate.fixed->stall.served_ns, daemon->took_over.served_ns);
	daemon->backlog.context = daemon;
	daemon->backlog.done = say_taken_over;
	if (backlog_empty(&daemon->backlog))
		say_taken_over(&daemon->backlog);
	return 0;
}

static void say_ready(struct daemon *daemon)
{
	diag_info("dirtylogd %s serves: %u workers, %s engine, receive buffer of %d bytes%s",
		  DIRTYLOG_VERSION, daemon->nworkers, daemon->workers[0].executor.engine->ops->name,
		  daemon->transport.rcvbuf / 2,
		  daemon->options.accept_any ? ", requests of any sender accepted" : "");
	if (daemon->options.accept_any)
		diag_warning(
			"--accept-from any: whatever process may send to the group (CAP_NET_ADMIN) "
			"can have any block device of this host written as a log device");
	if (atomic_fetch_add(&daemon->estate.fixed->served, 1) == 0)
		sd_notify(0, "READY=1");
}

/* Signals that came while it stood by were not for it: it had nothing to end. */
static void forget_signals(const struct daemon *daemon)
{
	struct signalfd_siginfo info;

	while (read(daemon->signal_fd, &info, sizeof(info)) == sizeof(info))
		;
}

/* All is ready: it is this one's turn, now, or when the server that runs has ended. Before this nothing of the estate
 * is touched. */
static void await_turn(struct daemon *daemon)
{
	struct estate_fixed *fixed = daemon->estate.fixed;

	kill_point("stands-by");
	if (!supervisor_await_turn(&daemon->supervisor))
		_exit(1);
	kill_point("woken");
	if (daemon->made_ahead) {
		daemon->begun_ns = clock_now();
		forget_signals(daemon); /* before generation: the supervisor repeats its own */
		if (getppid() != daemon->supervisor.process)
			_exit(1); /* its death was one of them */
		settings_enter(&fixed->settings);
	}
	daemon->generation = atomic_fetch_add(&fixed->generation, 1) + 1;
	atomic_store(&fixed->stall.begun_ns, daemon->begun_ns);
	atomic_store(&fixed->stall.threads_ns, clock_now());
	takeover_slots(&daemon->estate);
	slots_open(&daemon->slots, fixed->slots, ESTATE_SLOTS, &fixed->arrivals);
	for (unsigned i = 0; i < daemon->nworkers; i++)
		worker_enter(&daemon->workers[i]);
	receiver_enter(&daemon->receiver);
}

/* From here on it begins no process and no socket, and makes no folder. A sanitizer of leaks does the one at its end, and
 * gcov the other. */
static void confine_receiver(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(DIRTYLOG_COVERAGE)
	(void)confine_to_serving(); /* the first worker has told, if it cannot be */
#endif
}

static int receive_until_stopped(struct daemon *daemon)
{
	int r;

	set_up_receiver(daemon);
	set_up_metrics(daemon);
	if (!daemon->receiver.follows)
		placement_one(&daemon->options.placement, 0);
	receiver_open(&daemon->receiver);
	await_turn(daemon);
	begin_metrics(daemon);
	start_recorder(daemon);
	r = take_over(daemon);
	if (r < 0)
		goto out;
	transport_join(&daemon->transport);
	daemon->main_thread = pthread_self();
	r = -pthread_create(&daemon->control_thread, NULL, control_thread, daemon);
	if (r < 0)
		goto out;
	say_ready(daemon);
	confine_receiver();
	receiver_run(&daemon->receiver);
	pthread_join(daemon->control_thread, NULL);
out:
	backlog_close(&daemon->backlog);
	receiver_close(&daemon->receiver);
	recorder_stop(daemon->recorder);
	return r;
}

/* Those that exist before the workers, too; who is begun by one inherits it. */
static void confine_device_thread(void)
{
	(void)confine_to_serving(); /* the first worker tells, if it cannot be */
}

static int run_threads(struct daemon *daemon)
{
	int r = registry_create(&daemon->registry);

	(void)confine_prepare(); /* who cannot be confined then says so */
	device_thread_limit_by(confine_device_thread);
	if (r < 0)
		return r;
	/* Its pages are not mapped in a fork, and a datagram shall not meet a fault that a signal ends. */
	madvise(daemon->estate.fixed, sizeof(*daemon->estate.fixed), MADV_POPULATE_WRITE);
	r = mirrors_start(&daemon->mirrors, &daemon->estate.fixed->executors[ESTATE_MIRRORS]);
	if (r < 0)
		goto out;
	r = opener_begin();
	if (r == 0)
		r = start_workers(daemon);
	if (r == 0)
		r = receive_until_stopped(daemon);
	stop_threads(daemon);
out:
	registry_destroy(&daemon->registry);
	return r;
}

/* ThreadSanitizer takes it for a fork, and lets it forget what it knows of our locks. */
#ifdef __SANITIZE_THREAD__
#define UNDERTAKER false
#else
#define UNDERTAKER true
#endif

static void start_undertaker(const struct daemon *daemon)
{
	int r = UNDERTAKER && daemon->options.supervise ? undertaker_start() : 0;

	if (r < 0)
		diag_warning("a successor will be told later of this server's death: %s",
			     strerror(-r));
}

/* The serving process; returns its exit status. */
static int run_server(void *context)
{
	struct daemon *daemon = context;
	int r;

	if (daemon->relieves)
		relief_close_turn(&daemon->relief);
	daemon->begun_ns = clock_now();
	daemon->follows_on = atomic_load(&daemon->estate.fixed->generation) > 0;
	daemon->made_ahead = daemon->supervisor.gate >= 0;
	start_undertaker(daemon);
	set_stack_size();
	crash_watch(device_thread_waiting);
	settings_enter(&daemon->estate.fixed->settings);
	daemon->options.log.settings = &daemon->estate.fixed->settings;
	placement_all(&daemon->options.placement);
	r = set_up_signals(daemon);
	if (r == 0)
		r = diag_start();
	if (r < 0) {
		diag_error("cannot start: %s", strerror(-r));
		return 1;
	}
	/* A successor answers first: to lock its memory takes as long as all the rest of its start. */
	daemon->stood_by = daemon->made_ahead && !supervisor_turn_has_come(&daemon->supervisor);
	if (!answers_first(daemon))
		protect_memory();
	r = run_threads(daemon);
	if (!daemon->hand_over)
		diag_info(r < 0 ? "ended with an error" : "ended");
	diag_stop();
	return r < 0 ? 1 : daemon->hand_over ? SUPERVISOR_HANDED_OVER : 0;
}

/* --- before the first server --- */

static int open_all(struct daemon *daemon)
{
	int r = transport_open(&daemon->transport, daemon->options.rcvbuf);

	if (r < 0)
		return r;
	transport_warn_of_listeners(&daemon->transport);
	r = estate_create(&daemon->estate);
	if (r < 0)
		diag_error("no memory for the state of logs: %s", strerror(-r));
	return r;
}

/* Until then who has started it is told on stderr. */
static int go_to_background(enum diag_level level)
{
	if (daemon(0, 0) != 0) {
		diag_error("cannot go to the background: %s", strerror(errno));
		return -1;
	}
	diag_open(level, true);
	return 0;
}

/* The estate of whoever served before: its logs are served on, if it is of use. */
static int take_over_estate(struct daemon *daemon, int netlink_fd, int estate_fd)
{
	const char *why;
	int r = estate_take_over(&daemon->estate, estate_fd, &why);

	if (r == 0) {
		r = transport_take_over(&daemon->transport, netlink_fd, daemon->options.rcvbuf);
		why = "its socket is no netlink socket";
	}
	if (r < 0)
		diag_warning(
			"the state of the server before cannot be taken over: %s. The kernel has "
			"to make its logs again",
			why);
	return r;
}

static int replace_estate(struct daemon *daemon, int netlink_fd, int estate_fd)
{
	fd_store_clear();
	if (daemon->estate.fixed)
		estate_close(&daemon->estate);
	else
		close(estate_fd);
	close(netlink_fd);
	return open_all(daemon);
}

/* To who has started us this is a start, of which systemd waits to hear. */
static int start_on_estate(struct daemon *daemon, int netlink_fd, int estate_fd, bool good)
{
	if (!good)
		return replace_estate(daemon, netlink_fd, estate_fd);
	atomic_store(&daemon->estate.fixed->served, 0);
	return 0;
}

/* What systemd holds is of a run before the one that is relieved. */
static void forget_stored(void)
{
	int netlink_fd, estate_fd;

	if (!fd_store_take(&netlink_fd, &estate_fd))
		return;
	close(netlink_fd);
	close(estate_fd);
	fd_store_clear();
}

static int end_other(struct daemon *daemon, bool hand_over)
{
	struct relief *relief = &daemon->relief;
	int r = relief_end(relief, hand_over, &daemon->supervisor.watchdog);

	if (r < 0) {
		diag_error("the dirtylogd that serves, process %d, is ending: %s", relief->server,
			   strerror(-r));
		return r;
	}
	sign_place(daemon);
	diag_info("relieved the dirtylogd that served, process %d", relief->server);
	return 0;
}

/* Our memory is locked before the other ends: what we have not read yet may lie on a mirror that it serves. */
static int relieve_other(struct daemon *daemon, struct relief *relief)
{
	const int *fds = relief->fds;
	bool good = take_over_estate(daemon, fds[RELIEF_NETLINK], fds[RELIEF_ESTATE]) == 0;
	int r;

	forget_stored();
	protect_memory();
	daemon->place_fd = fds[RELIEF_PLACE];
	daemon->control_fds[0] = fds[RELIEF_NAME];
	daemon->control_fds[1] = fds[RELIEF_FILE];
	daemon->relieves = good;
	if (good)
		return 0; /* it serves until its successor is ready: relieve_predecessor */
	r = end_other(daemon, false);
	return r < 0 ? r : replace_estate(daemon, fds[RELIEF_NETLINK], fds[RELIEF_ESTATE]);
}

static int start_alone(struct daemon *daemon)
{
	int netlink_fd, estate_fd;

	sign_place(daemon);
	if (!fd_store_take(&netlink_fd, &estate_fd))
		return open_all(daemon);
	return start_on_estate(daemon, netlink_fd, estate_fd,
			       take_over_estate(daemon, netlink_fd, estate_fd) == 0);
}

static int start_anew(struct daemon *daemon)
{
	bool relieves =
		daemon->options.take_over && may_serve() && relief_ask(&daemon->relief) == 0;

	if (!relieves && take_place(daemon) < 0)
		return -1;
	if (!daemon->options.foreground && go_to_background(daemon->options.log_level) < 0)
		return -1;
	return relieves ? relieve_other(daemon, &daemon->relief) : start_alone(daemon);
}

/* A supervisor that was another program has left us its server, which still serves. If its estate is
 * of no use to us it ends as for good. */
static int inherit(struct daemon *daemon)
{
	struct supervisor *supervisor = &daemon->supervisor;
	int r = take_over_estate(daemon, supervisor->netlink_fd, supervisor->estate_fd);

	inherit_place(daemon);
	protect_memory(); /* as in relieve_other */
	if (r == 0)
		return 0; /* it serves until its successor is ready: supervise */
	supervisor_relieve(supervisor, false);
	return replace_estate(daemon, supervisor->netlink_fd, supervisor->estate_fd);
}

/* All that come after us inherit it. The soft limit is for select(2), which is not used here. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < FILES_WANTED)
		diag_warning("no more than %llu open files are allowed, and each log device is one "
			     "(LimitNOFILE=, ulimit -Hn)",
			     (unsigned long long)limit.rlim_cur);
}

static void warn_of_missing_module(void)
{
	if (!transport_kernel_is_there())
		diag_warning("the kernel module dm-log-userspace is not loaded (modprobe "
			     "dm-log-userspace): until it is, nobody asks dirtylogd, and a mirror "
			     "with a userspace log is refused if the kernel cannot load it either");
}

/* It has served until now. */
static int relieve_predecessor(struct daemon *daemon)
{
	int r;

	if (!daemon->relieves) {
		supervisor_relieve(&daemon->supervisor, true);
		settings_begin(&daemon->estate.fixed->settings, &daemon->options);
		return 0;
	}
	r = end_other(daemon, true);
	if (r < 0)
		return r;
	atomic_store(&daemon->estate.fixed->served, 0); /* systemd waits to hear of a start */
	settings_begin(&daemon->estate.fixed->settings, &daemon->options);
	return 0;
}

static bool has_predecessor(const struct daemon *daemon)
{
	return daemon->relieves || daemon->supervisor.server > 0;
}

static int supervise(struct daemon *daemon)
{
	struct supervisor *supervisor = &daemon->supervisor;

	supervisor->netlink_fd = daemon->transport.fd;
	supervisor->estate_fd = daemon->estate.fd;
	supervisor->control_fds[0] = daemon->control_fds[0];
	supervisor->control_fds[1] = daemon->control_fds[1];
	supervisor->place_fd = daemon->place_fd;
	supervisor->served = &daemon->estate.fixed->served;
	supervisor->crashed = &daemon->estate.fixed->crashed;
	supervisor->generation = &daemon->estate.fixed->generation;
	supervisor->stall = &daemon->estate.fixed->stall;
	supervisor->standby.shown = &daemon->estate.fixed->standby;
	supervisor->stays_until_ns = &daemon->estate.fixed->stays_until_ns;
	atomic_store(supervisor->stays_until_ns, 0);
	supervisor->run_server = run_server;
	supervisor->context = daemon;
	raise_file_limit();
	warn_of_missing_module();
	if (!daemon->options.supervise)
		return relieve_predecessor(daemon) < 0 ? 1 : run_server(daemon);
	/* The server's memory is its own affair; ours must be there when it has died. */
	protect_memory();
	daemon->stored = fd_store_put(supervisor->netlink_fd, supervisor->estate_fd);
	if (has_predecessor(daemon))
		supervisor_stand_by(supervisor);
	if (relieve_predecessor(daemon) < 0) {
		standby_end(&supervisor->standby);
		return 1;
	}
	return supervisor_run(supervisor);
}

/* The file's faults, where who has asked sees them. */
static int check_config(const struct options *options)
{
	if (!options->config_faults)
		return 0;
	fputs(options->config_faults, stderr);
	return 1;
}

static void tell_config_faults(const struct options *options)
{
	const char *at = options->config_faults;

	while (at && *at) {
		size_t length = strcspn(at, "\n");

		diag_error("%.*s (this line is passed over; dirtylogd --check shows all)",
			   (int)length, at);
		at += length + 1;
	}
}

/* At the end of the system all are killed but who is named so (systemd, ROOT_STORAGE_DAEMONS.md): a file system
 * that is unmounted behind that writes still. */
static void stay_to_the_last_write(char **argv)
{
	if (argv[0] && argv[0][0])
		argv[0][0] = '@';
}

int main(int argc, char **argv)
{
	static struct daemon self;
	bool inherits;
	int r;

	standard_fds_open();
	r = options_parse(&self.options, argc, argv);
	if (r >= 0)
		return output_end("dirtylogd", r);
	if (self.options.check)
		return check_config(&self.options);
	if (self.options.print_config) {
		options_print_config(stdout);
		return output_end("dirtylogd", 0);
	}
	if (self.options.query_device)
		return mirrors_query_device(self.options.query_device);
	if (self.options.wake_devices)
		return mirror_wake(self.options.wake_devices);
	if (self.options.cycle_device)
		return mirrors_cycle_device(self.options.cycle_device);
	stay_to_the_last_write(argv);
	self.program_ns = clock_now();
	kill_point_arm();
	inherits = supervisor_inherits(&self.supervisor);
	diag_open(self.options.log_level, inherits && !self.options.foreground);
	signal(SIGPIPE, SIG_IGN); /* a log that nobody reads any more */
	tell_config_faults(&self.options);
	r = supervisor_prepare(&self.supervisor, argv);
	watchdog_open(&self.supervisor.watchdog, &self.estate, self.options.watchdog_ns,
		      self.options.config_faults ? "options are wrong (dirtylogd --check)" : NULL);
	if (r < 0)
		diag_error("cannot start: %s%s", strerror(-r),
			   r == -ENOENT ? " (is /proc mounted?)" : "");
	else
		r = inherits ? inherit(&self) : start_anew(&self);
	return r < 0 ? 1 : supervise(&self);
}
