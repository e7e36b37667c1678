/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor: fork the server, wait for signals, reap it, fork the next one. How long it waits between
 * depends on who ended the server and how soon (pause_after). For another program (SIGHUP) it has that
 * one tried out by a child, watches on meanwhile, then execs it; fds and the old server's pid go along in the environment, and the new program
 * relieves the old server when it is ready (supervisor_relieve). */
#include "server/restart/supervisor.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/diag.h"
#include "server/restart/process_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define RELIEF_SIGNAL SIGRTMIN /* with this value: none that strays ends us */
#define RELIEF_VALUE 0x6d6972
#define INHERITED "DIRTYLOGD_INHERITED"
#define DELETED " (deleted)"
#define RELIEF_LIMIT_NS (30 * NSEC_PER_SEC)
#define RELIEF_REPEAT 2000u /* looks: a second */
#define TRIAL_LIMIT_SEC 10
#define WAKE_LIMIT_NS (2 * NSEC_PER_SEC) /* of one that was ready */
#define START_LIMIT_NS (10 * NSEC_PER_SEC) /* of one that was not yet */
#define WAKE_LOOK_USEC 500
#define WAKE_LOOKS 2000
#define READY_LIMIT_NS (5 * NSEC_PER_SEC)
#define READY_LOOK_NS (5 * NSEC_PER_MSEC)
#define STOP_TRIES 3u /* servers that may crash while they stop */
#define FORK_LIMIT_NS (5 * NSEC_PER_SEC) /* after a stop: requests in hand want one more server */
#define QUICK_NS (1 * NSEC_PER_SEC) /* a server that has lived less has died of its start */
#define QUICK_FREE 3u /* such deaths in a row that cost no pause */
#define QUICK_FREE_KILLED 20u /* by SIGKILL: the kernel, for lack of memory? */
#define PAUSE_FIRST_NS (10 * NSEC_PER_MSEC)
#define PAUSE_MAX_NS (5 * NSEC_PER_SEC)

extern char **environ;

static const int our_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};

static sigset_t signal_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (unsigned i = 0; i < sizeof(our_signals) / sizeof(our_signals[0]); i++)
		sigaddset(&set, our_signals[i]);
	sigaddset(&set, RELIEF_SIGNAL);
	return set;
}

/* All that can be blocked but the terminal's, and what a fault of our own raises. None may end us by
 * mistake, and the server, which starts with this mask, misses none before it listens. */
static void block_signals(void)
{
	static const int left[] = {SIGSEGV, SIGBUS,  SIGABRT, SIGFPE,  SIGILL, SIGTRAP,
				   SIGSYS,  SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};
	sigset_t set;

	sigfillset(&set);
	for (unsigned i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		sigdelset(&set, left[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void set_close_on_exec(const struct supervisor *supervisor, bool on)
{
	fcntl(supervisor->netlink_fd, F_SETFD, on ? FD_CLOEXEC : 0);
	fcntl(supervisor->estate_fd, F_SETFD, on ? FD_CLOEXEC : 0);
	fcntl(supervisor->control_fds[0], F_SETFD, on ? FD_CLOEXEC : 0);
	fcntl(supervisor->control_fds[1], F_SETFD, on ? FD_CLOEXEC : 0);
	fcntl(supervisor->place_fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

bool supervisor_inherits(struct supervisor *supervisor)
{
	const char *text = getenv(INHERITED);
	int fields;

	supervisor->control_fds[1] = supervisor->place_fd = -1;
	if (!text)
		return false;
	fields = sscanf(text, "%d,%d,%d,%d,%d,%d", &supervisor->netlink_fd, &supervisor->estate_fd,
			&supervisor->control_fds[0], &supervisor->server,
			&supervisor->control_fds[1], &supervisor->place_fd);
	unsetenv(INHERITED); /* or it would stand before what we pass on */
	if (fields < 4)
		return false;
	set_close_on_exec(supervisor, true);
	return true;
}

/* The file may have been replaced since, and the kernel then tells so behind its name. */
static int find_own_program(struct supervisor *supervisor)
{
	ssize_t n =
		readlink("/proc/self/exe", supervisor->program, sizeof(supervisor->program) - 1);
	size_t end = strlen(DELETED);

	if (n < 0)
		return -errno;
	supervisor->program[n] = '\0';
	if ((size_t)n > end && strcmp(supervisor->program + n - end, DELETED) == 0)
		supervisor->program[(size_t)n - end] = '\0';
	return 0;
}

/* The words, with room for one more behind them. NULL: no memory. */
static char **copy_words(char **words, char ***room)
{
	size_t n = 0;
	char **copy;

	while (words[n])
		n++;
	copy = calloc(n + 2, sizeof(*copy));
	if (!copy)
		return NULL;
	memcpy(copy, words, n * sizeof(*copy));
	*room = copy + n;
	return copy;
}

/* To try a program: our own command line, and `--check` behind it. */
static int make_trial(struct supervisor *supervisor)
{
	static char check[] = "--check";
	char **room;

	supervisor->trial_argv = copy_words(supervisor->argv, &room);
	if (!supervisor->trial_argv)
		return -ENOMEM;
	*room = check;
	return 0;
}

int supervisor_prepare(struct supervisor *supervisor, char **argv)
{
	block_signals();
	supervisor->gate = -1;
	signal(SIGCHLD, SIG_DFL); /* who has started us may have ignored it */
	supervisor->argv = argv;
	supervisor->environment = copy_words(environ, &supervisor->inheritance);
	if (!supervisor->environment || make_trial(supervisor) < 0)
		return -ENOMEM;
	return find_own_program(supervisor);
}

/* --- the server's process --- */

/* In the fork. Who loses its supervisor ends in order, since nobody would start it again. */
static int become_server(struct supervisor *supervisor, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return 1;
	return supervisor->run_server(supervisor->context);
}

bool supervisor_await_turn(struct supervisor *supervisor)
{
	int gate = supervisor->gate;

	supervisor->gate = -1;
	return gate < 0 || standby_waits(&supervisor->standby, gate, supervisor->process);
}

bool supervisor_turn_has_come(const struct supervisor *supervisor)
{
	struct pollfd gate = {.fd = supervisor->gate, .events = POLLIN};

	return supervisor->gate >= 0 && poll(&gate, 1, 0) > 0;
}

/* In the fork of one that stands by: it ends there. */
static void become_standby(struct supervisor *supervisor)
{
	supervisor->server = supervisor->trial = 0;
	exit(supervisor->run_server(supervisor->context));
}

static void make_standby(struct supervisor *supervisor)
{
	supervisor->process = getpid();
	if (standby_make(&supervisor->standby, &supervisor->gate) == 0)
		become_standby(supervisor);
}

/* One that cannot go is not waited for: it does nothing more that a successor would notice. */
static bool is_lost(const struct supervisor *supervisor, int *status)
{
	if (!process_is_lost(supervisor->server, status))
		return false;
	diag_warning(
		"the server (process %d) has ended, but for threads that still wait in the kernel: "
		"nobody waits for them",
		supervisor->server);
	return true;
}

/* Reap it if it has ended. */
static bool ended(struct supervisor *supervisor, int *status)
{
	pid_t pid = waitpid(supervisor->server, status, WNOHANG);

	if (pid == 0 && !is_lost(supervisor, status))
		return false;
	if (pid < 0)
		*status = 0; /* not ours */
	supervisor->server = 0;
	supervisor->wakes_until_ns = 0;
	return true;
}

/* The server of the program before. */
static bool has_died(struct supervisor *supervisor)
{
	int status;

	return supervisor->server > 0 && ended(supervisor, &status);
}

void supervisor_stand_by(struct supervisor *supervisor)
{
	int64_t end_ns = clock_now() + READY_LIMIT_NS;

	make_standby(supervisor);
	while (supervisor->standby.pid > 0 && !standby_is_ready(&supervisor->standby) &&
	       clock_now() < end_ns && !has_died(supervisor)) {
		standby_look(&supervisor->standby);
		watchdog_feed(&supervisor->watchdog);
		usleep(500);
	}
}

void supervisor_relieve(struct supervisor *supervisor, bool hand_over)
{
	int64_t end_ns = clock_now() + RELIEF_LIMIT_NS;
	int status;

	if (supervisor->server <= 0)
		return;
	for (unsigned i = 0; !ended(supervisor, &status); i++) {
		/* Again and again: one that has just woken may have taken it for nothing of its own. */
		if (i % RELIEF_REPEAT == 0)
			kill(supervisor->server, hand_over ? SIGUSR2 : SIGQUIT);
		if (clock_now() > end_ns)
			kill(supervisor->server, SIGKILL);
		watchdog_feed(&supervisor->watchdog);
		usleep(500);
	}
}

int supervisor_ask_relief(int supervisor_fd)
{
	siginfo_t info = {.si_signo = RELIEF_SIGNAL, .si_code = SI_QUEUE};

	info.si_value.sival_int = RELIEF_VALUE;
	return pidfd_send_signal(supervisor_fd, RELIEF_SIGNAL, &info, 0) != 0 ? -errno : 0;
}

/* --- another program --- */

/* In the fork: whether it can be run at all, and takes our options. A program that hangs in the kernel,
 * since it lies on a mirror, must not hold what a daemon after us needs. */
static void become_trial(const struct supervisor *supervisor, pid_t parent)
{
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	execve(supervisor->program, supervisor->trial_argv, supervisor->environment);
	_exit(127);
}

static void start_trial(struct supervisor *supervisor)
{
	pid_t self = getpid();
	pid_t pid = fork();

	if (pid == 0)
		become_trial(supervisor, self);
	if (pid < 0) {
		diag_error("%s cannot be tried: %s; dirtylogd goes on as it is",
			   supervisor->program, strerror(errno));
		return;
	}
	setpgid(pid, pid); /* whoever of us two is first */
	supervisor->trial = pid;
	supervisor->trial_end_ns = clock_now() + TRIAL_LIMIT_SEC * NSEC_PER_SEC;
}

/* Nobody waits for it: it may hang in the kernel. */
static void kill_trial(struct supervisor *supervisor)
{
	if (supervisor->trial <= 0)
		return;
	kill(-supervisor->trial, SIGKILL);
	supervisor->trial_end_ns = INT64_MAX;
}

/* Stopped, or damaged: what it would do is not known, but that it has done nothing yet. */
static void look_after_waking(struct supervisor *supervisor)
{
	if (supervisor->wakes_until_ns == 0)
		return;
	if (atomic_load(supervisor->generation) != supervisor->generation_before) {
		supervisor->wakes_until_ns = 0;
		/* What it was told before it woke it has not heard. */
		if (supervisor->stopping)
			kill(supervisor->server, supervisor->stop_signal);
	} else if (clock_now() >= supervisor->wakes_until_ns) {
		diag_warning("the server that stood by (process %d) does not wake: it is killed",
			     supervisor->server);
		kill(supervisor->server, SIGKILL);
		supervisor->wakes_until_ns += WAKE_LIMIT_NS;
	}
}

/* A server that wakes has not heard yet what the new program would tell it. */
static bool is_waking(struct supervisor *supervisor)
{
	look_after_waking(supervisor);
	return supervisor->wakes_until_ns != 0;
}

static void become_new_program(struct supervisor *supervisor)
{
	for (int i = 0; i < WAKE_LOOKS && is_waking(supervisor); i++)
		usleep(WAKE_LOOK_USEC);
	snprintf(supervisor->inherited, sizeof(supervisor->inherited),
		 INHERITED "=%d,%d,%d,%d,%d,%d", supervisor->netlink_fd, supervisor->estate_fd,
		 supervisor->control_fds[0], supervisor->server, supervisor->control_fds[1],
		 supervisor->place_fd);
	*supervisor->inheritance = supervisor->inherited;
	standby_end(&supervisor->standby);
	set_close_on_exec(supervisor, false);
	execve(supervisor->program, supervisor->argv, supervisor->environment);
	diag_error("%s cannot be run: %s; dirtylogd goes on as it is", supervisor->program,
		   strerror(errno));
	set_close_on_exec(supervisor, true);
	*supervisor->inheritance = NULL;
}

static void check_trial_time(struct supervisor *supervisor)
{
	if (clock_now() < supervisor->trial_end_ns)
		return;
	kill_trial(supervisor);
	diag_error("%s --check does not end within %d s: dirtylogd goes on as it is",
		   supervisor->program, TRIAL_LIMIT_SEC);
}

/* Asked again, what is installed may be another program than the one that was tried. */
static void judge_trial(struct supervisor *supervisor, bool runs)
{
	if (supervisor->stopping)
		return;
	if (supervisor->again) {
		supervisor->again = false;
		start_trial(supervisor);
	} else if (runs) {
		become_new_program(supervisor);
	} else if (supervisor->trial_end_ns != INT64_MAX) {
		diag_error("%s cannot be run, or its options are wrong (%s --check): dirtylogd "
			   "goes on as it is",
			   supervisor->program, supervisor->program);
	}
}

static void look_after_trial(struct supervisor *supervisor)
{
	int status = -1;
	pid_t pid;

	if (supervisor->trial <= 0)
		return;
	pid = waitpid(supervisor->trial, &status, WNOHANG);
	if (pid == 0) {
		check_trial_time(supervisor);
		return;
	}
	supervisor->trial = 0;
	judge_trial(supervisor, pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- watching --- */

/* The server hears SIGTERM or SIGUSR2. */
static void stop_serving(struct supervisor *supervisor, int signal_number)
{
	supervisor->stopping = true;
	atomic_store(supervisor->stays_until_ns, 0);
	supervisor->stop_signal = signal_number;
	kill_trial(supervisor);
	if (supervisor->server > 0)
		kill(supervisor->server, signal_number);
	standby_end(&supervisor->standby);
}

/* A successor of ours comes, and finds a server that is awake. */
static bool may_leave(const struct supervisor *supervisor)
{
	return clock_now() < atomic_load(supervisor->stays_until_ns) && supervisor->server > 0 &&
	       atomic_load(supervisor->served) != supervisor->served_before &&
	       supervisor->wakes_until_ns == 0 && !supervisor->stopping;
}

static bool asks_for_relief(const siginfo_t *info)
{
	return info->si_signo == RELIEF_SIGNAL && info->si_code == SI_QUEUE &&
	       info->si_value.sival_int == RELIEF_VALUE;
}

static void obey(struct supervisor *supervisor, const siginfo_t *info)
{
	if (info->si_signo == SIGTERM && may_leave(supervisor)) {
		supervisor->leaves = true;
	} else if (info->si_signo == SIGTERM || info->si_signo == SIGINT) {
		stop_serving(supervisor, SIGTERM);
	} else if (asks_for_relief(info)) {
		supervisor->relieved = true;
		stop_serving(supervisor, SIGUSR2);
	} else if (info->si_signo == SIGHUP && !supervisor->stopping) {
		if (supervisor->trial > 0)
			supervisor->again = true;
		else
			start_trial(supervisor);
	}
}

/* A signal that has come, or -1 when it is time for something else, or to say that all is well: while a server runs the
 * watchdog looks after it meanwhile. */
static int next_signal(struct supervisor *supervisor, int64_t until_ns, siginfo_t *info)
{
	sigset_t set = signal_set();
	struct timespec pause;
	int64_t left;

	if (supervisor->server > 0)
		return watchdog_wait(&supervisor->watchdog, &set, info, supervisor->server,
				     until_ns);
	watchdog_feed(&supervisor->watchdog);
	left = until_ns - clock_now();
	if (left < 0)
		left = 0;
	if (left > NSEC_PER_SEC)
		left = NSEC_PER_SEC;
	pause.tv_sec = left / NSEC_PER_SEC;
	pause.tv_nsec = left % NSEC_PER_SEC;
	return sigtimedwait(&set, info, &pause);
}

/* Servers that were lost, and whose device has answered. */
static void reap_lost(const struct supervisor *supervisor)
{
	for (;;) {
		siginfo_t info = {0};

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0 ||
		    info.si_pid == supervisor->server || info.si_pid == supervisor->trial ||
		    info.si_pid == supervisor->standby.pid)
			return;
		waitpid(info.si_pid, NULL, WNOHANG);
	}
}

/* A server that has become ready is not disturbed by the making of its successor before. */
static bool wants_standby(const struct supervisor *supervisor)
{
	return supervisor->standby.pid == 0 && supervisor->server > 0 && !supervisor->stopping;
}

static void look_after_standby(struct supervisor *supervisor)
{
	standby_look(&supervisor->standby);
	if (wants_standby(supervisor) &&
	    atomic_load(supervisor->served) != supervisor->served_before)
		make_standby(supervisor);
}

static int64_t standby_due(const struct supervisor *supervisor)
{
	int64_t soon = clock_now() + READY_LOOK_NS;

	if (!wants_standby(supervisor))
		return INT64_MAX;
	return supervisor->standby.due_ns > soon ? supervisor->standby.due_ns : soon;
}

static int64_t earliest(int64_t left, int64_t right)
{
	return left < right ? left : right;
}

/* Wait for a signal, or until then, and do what there is to do. Nothing here waits but this. */
static void attend(struct supervisor *supervisor, int64_t until_ns)
{
	siginfo_t info;

	if (supervisor->trial > 0)
		until_ns = earliest(until_ns, supervisor->trial_end_ns);
	if (supervisor->wakes_until_ns > 0)
		until_ns = earliest(until_ns, supervisor->stopping ? clock_now() + READY_LOOK_NS
								   : supervisor->wakes_until_ns);
	until_ns = earliest(until_ns, standby_due(supervisor));
	if (next_signal(supervisor, until_ns, &info) > 0)
		obey(supervisor, &info);
	look_after_trial(supervisor);
	look_after_waking(supervisor);
	reap_lost(supervisor);
}

/* Until the server has ended; returns its wait status. */
static int watch(struct supervisor *supervisor)
{
	int status;

	while (!ended(supervisor, &status)) {
		if (supervisor->leaves)
			return 0;
		look_after_standby(supervisor);
		attend(supervisor, INT64_MAX);
	}
	atomic_store(&supervisor->stall->noticed_ns, clock_now());
	return status;
}

/* SIGKILL comes from outside. */
static bool died_of_its_own(int status)
{
	return !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
}

/* A server that had become ready and was killed from outside has done nothing wrong. */
static int64_t pause_after(int status, int64_t lived_ns, bool ready, unsigned *quick)
{
	unsigned free = died_of_its_own(status) ? QUICK_FREE : QUICK_FREE_KILLED;
	unsigned steps;

	if (lived_ns >= QUICK_NS || (ready && !died_of_its_own(status))) {
		*quick = 0;
		return 0;
	}
	if (++*quick <= free)
		return 0;
	steps = *quick - free - 1;
	return steps > 9 ? PAUSE_MAX_NS : PAUSE_FIRST_NS << steps;
}

static void wait_for(struct supervisor *supervisor, int64_t pause_ns)
{
	int64_t end_ns = clock_now() + pause_ns;

	do
		attend(supervisor, end_ns);
	while (!supervisor->stopping && clock_now() < end_ns);
}

/* One that was told to end and died has left requests in hand: the next one answers them, and ends. */
static bool is_over(const struct supervisor *supervisor, int status, unsigned *stops)
{
	if (supervisor->relieved || supervisor->leaves)
		return true;
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || !atomic_load(supervisor->served)))
		return true;
	return supervisor->stopping && ++*stops >= STOP_TRIES;
}

/* Relieved, all is well however its server has ended: the next one takes over what it has left. */
static int exit_status(const struct supervisor *supervisor, int status)
{
	if (supervisor->relieved || supervisor->leaves)
		return 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Whoever is ready goes on; else a fork. In the server's process: false, with the exit status. */
static bool start_server(struct supervisor *supervisor, int *status)
{
	pid_t self = getpid();
	bool ready;

	CHECK(supervisor->server <= 0);
	supervisor->process = self;
	watchdog_begin(&supervisor->watchdog);
	supervisor->generation_before = atomic_load(supervisor->generation);
	supervisor->served_before = atomic_load(supervisor->served);
	ready = standby_is_ready(&supervisor->standby);
	supervisor->server = supervisor->stopping ? 0 : standby_let_go(&supervisor->standby);
	if (supervisor->server > 0) {
		supervisor->wakes_until_ns = clock_now() + (ready ? WAKE_LIMIT_NS : START_LIMIT_NS);
		return true;
	}
	supervisor->server = fork();
	if (supervisor->server < 0)
		diag_limited(DIAG_ERROR, "no server can be started, and none serves: %s",
			     strerror(errno));
	if (supervisor->server != 0)
		return true;
	*status = become_server(supervisor, self);
	return false;
}

/* No server could be started, again and again: whoever wants an end does not wait for one for ever. */
static bool gives_up(struct supervisor *supervisor)
{
	if (!supervisor->stopping)
		return false;
	if (supervisor->forks_until_ns == 0)
		supervisor->forks_until_ns = clock_now() + FORK_LIMIT_NS;
	if (clock_now() < supervisor->forks_until_ns)
		return false;
	diag_error("the end: what is in hand is not answered, since no server can be started");
	return true;
}

int supervisor_run(struct supervisor *supervisor)
{
	unsigned quick = 0, stops = 0;

	for (;;) {
		int64_t start_ns = clock_now();
		int64_t pause_ns = PAUSE_FIRST_NS;
		int status;

		if (!start_server(supervisor, &status))
			return status;
		if (supervisor->server > 0) {
			if (supervisor->stopping)
				kill(supervisor->server, SIGTERM);
			status = watch(supervisor);
			if (is_over(supervisor, status, &stops)) {
				kill_trial(supervisor);
				standby_end(&supervisor->standby);
				return exit_status(supervisor, status);
			}
			atomic_store(supervisor->crashed,
				     died_of_its_own(status) || supervisor->watchdog.blamed);
			pause_ns = pause_after(status, clock_now() - start_ns,
					       atomic_load(supervisor->served) >
						       supervisor->served_before,
					       &quick);
		} else if (gives_up(supervisor)) {
			return 1;
		}
		wait_for(supervisor, pause_ns);
		if (supervisor->relieved)
			return 0;
	}
}
