/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A look goes through the turns of all threads in the estate. A server has 67 of them at most, most of which
 * are 0: that is some cache lines in each second. What is said of a thread is put together only when it is
 * suspected, from the slot whose arrival it has in hand and the record of its log. */
#include "server/restart/watchdog.h"

#include "server/base/clock.h"
#include "server/base/diag.h"
#include "server/restart/process_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define LOOKS 10 /* while a thread comes to the limit */
#define LOOK_MAX_NS (1 * NSEC_PER_SEC)
#define KILL_AFTER_NS (2 * NSEC_PER_SEC)
#define RESTARTS_WINDOW_NS (60 * NSEC_PER_SEC)

static int64_t look_period(const struct watchdog *watchdog)
{
	int64_t period_ns = watchdog->limit_ns / LOOKS;

	return period_ns < LOOK_MAX_NS ? period_ns : LOOK_MAX_NS;
}

/* --- systemd --- */

void watchdog_feed(struct watchdog *watchdog)
{
	int64_t now = clock_now();

	if (watchdog->feed_ns == 0 || now - watchdog->fed_ns < watchdog->feed_ns)
		return;
	if (notify_send(&watchdog->notify, "WATCHDOG=1"))
		watchdog->fed_ns = now;
}

static void open_notify(struct watchdog *watchdog)
{
	uint64_t usec = 0;

	notify_open(&watchdog->notify);
	if (sd_watchdog_enabled(0, &usec) > 0)
		watchdog->feed_ns = (int64_t)usec * NSEC_PER_USEC / 2;
}

/* --- what is said of a thread --- */

static void name_thread(unsigned number, char name[16])
{
	if (number == ESTATE_RECEIVER)
		snprintf(name, 16, "receiver");
	else if (number == ESTATE_CONTROL)
		snprintf(name, 16, "control");
	else if (number == ESTATE_MIRRORS)
		snprintf(name, 16, "mirrors");
	else
		snprintf(name, 16, "worker-%u", number);
}

static const struct slot *slot_in_hand(const struct watchdog *watchdog, uint64_t arrival)
{
	const struct slot *slots = watchdog->estate->fixed->slots;

	if (arrival == 0)
		return NULL;
	for (unsigned i = 0; i < ESTATE_SLOTS; i++)
		if (slot_arrival(&slots[i]) == arrival && slot_phase(&slots[i]) == SLOT_ASKED)
			return &slots[i];
	return NULL;
}

/* The log that it takes over or executes for no request: directory entry + 1, or 0. The receiver's thread is
 * also the one that makes records to logs again. */
static uint64_t log_in_hand(const struct watchdog *watchdog, unsigned number)
{
	const struct estate_fixed *fixed = watchdog->estate->fixed;
	const struct estate_executor *executor = &fixed->executors[number];
	uint64_t log = atomic_load(&executor->duty.taking_over);

	if (log == 0 && number == ESTATE_RECEIVER)
		log = atomic_load(&fixed->taking_over);
	return log != 0 ? log : atomic_load(&executor->at_log);
}

/* "request mark_region of log UUID", or what is known. */
static void describe(const struct watchdog *watchdog, unsigned number, char *text, size_t bytes)
{
	const struct estate_executor *executor = &watchdog->estate->fixed->executors[number];
	const struct slot *slot = slot_in_hand(watchdog, atomic_load(&executor->duty.executing));
	char uuid[DM_UUID_LEN];

	if (slot && slot->checked)
		snprintf(text, bytes, "at request %s of log %.*s",
			 wire_opcode(&slot->message)->name, DM_UUID_LEN - 1,
			 slot->message.request.uuid);
	else if (slot)
		snprintf(text, bytes, "at a message of %u bytes that was not checked yet",
			 slot->length);
	else if (estate_uuid(watchdog->estate, log_in_hand(watchdog, number), uuid))
		snprintf(text, bytes, "at log %s, at no request", uuid);
	else
		snprintf(text, bytes, "at no request and no log");
}

/* --- a thread that hangs --- */

/* In a wait that no signal ends (open(2) of a device that does not answer): the next server would wait there
 * as well. */
static bool waits_in_kernel(pid_t server, pid_t thread)
{
	return process_thread_state(server, thread) == 'D';
}

static bool restarts_help(const struct watchdog *watchdog, int64_t now)
{
	unsigned oldest = watchdog->restarts % WATCHDOG_RESTARTS;

	return watchdog->restarts < WATCHDOG_RESTARTS ||
	       now - watchdog->restarts_ns[oldest] > RESTARTS_WINDOW_NS;
}

/* Why the server is not ended, though these threads hang; NULL: it is. */
static const char *why_left(const struct watchdog *watchdog, pid_t server,
			    const bool hung[ESTATE_EXECUTORS], int64_t now)
{
	const struct estate_executor *executors = watchdog->estate->fixed->executors;

	for (unsigned i = 0; i < ESTATE_EXECUTORS; i++)
		if (hung[i] && waits_in_kernel(server, (pid_t)atomic_load(&executors[i].thread)))
			return "a device does not answer, which no restart would change: its other "
			       "logs wait too";
	if (!restarts_help(watchdog, now))
		return "3 restarts in a minute have not helped, so it is left";
	return NULL;
}

static void tell(struct watchdog *watchdog, unsigned number, const char *then)
{
	struct watched *thread = &watchdog->threads[number];
	struct status_line *line = &watchdog->status_line;
	char name[16], at[256];

	if (thread->told == then)
		return;
	thread->told = then;
	name_thread(number, name);
	describe(watchdog, number, at, sizeof(at));
	snprintf(line->hang, sizeof(line->hang), "thread %s hangs %s", name, at);
	diag_error("thread %s has not come back for %.1f s: it is %s; %s", name,
		   (double)thread->busy_ns / NSEC_PER_SEC, at, then);
}

/* SIGABRT goes to the thread itself: its stack is the one that a core dump shows first. */
static void end_server(struct watchdog *watchdog, pid_t server, unsigned number, int64_t now)
{
	const struct estate_executor *executor = &watchdog->estate->fixed->executors[number];
	pid_t thread = (pid_t)atomic_load(&executor->thread);

	watchdog->restarts_ns[watchdog->restarts++ % WATCHDOG_RESTARTS] = now;
	watchdog->aborted_ns = now;
	watchdog->blamed = true;
	if (thread == 0 || syscall(SYS_tgkill, server, thread, SIGABRT) != 0)
		kill(server, SIGABRT);
}

/* What they are at is blamed, also if only SIGKILL ends the server. */
static void judge(struct watchdog *watchdog, pid_t server, const bool hung[ESTATE_EXECUTORS],
		  int64_t now)
{
	const char *left = why_left(watchdog, server, hung, now);

	for (unsigned i = 0; i < ESTATE_EXECUTORS; i++) {
		if (!hung[i])
			continue;
		tell(watchdog, i, left ? left : "the server is started again");
		if (left)
			continue;
		atomic_store(&watchdog->estate->fixed->executors[i].duty.crashed, 1);
		if (watchdog->aborted_ns == 0)
			end_server(watchdog, server, i, now);
	}
}

/* Whether the thread is at the turn that it was at before, for longer than the limit. */
static bool hangs(struct watchdog *watchdog, unsigned number, int64_t passed_ns)
{
	struct watched *thread = &watchdog->threads[number];
	uint64_t turn = atomic_load(&watchdog->estate->fixed->executors[number].turn);

	if (turn != thread->turn || !estate_turn_is_work(turn))
		*thread = (struct watched){.turn = turn};
	else
		thread->busy_ns += passed_ns;
	return thread->busy_ns >= watchdog->limit_ns;
}

static void look_at_threads(struct watchdog *watchdog, pid_t server, int64_t passed_ns, int64_t now)
{
	bool hung[ESTATE_EXECUTORS], any = false;

	for (unsigned i = 0; i < ESTATE_EXECUTORS; i++) {
		hung[i] = hangs(watchdog, i, passed_ns);
		any |= hung[i];
	}
	if (!any)
		watchdog->status_line.hang[0] = '\0';
	else if (watchdog->aborted_ns == 0)
		judge(watchdog, server, hung, now);
}

/* --- a server that is stopped --- */

/* It is told when it is stopped and when it goes on; does not reap. */
static void learn_of_stops(struct watchdog *watchdog, pid_t server)
{
	bool before = watchdog->stopped;
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)server, &info, WSTOPPED | WCONTINUED | WNOHANG) != 0 ||
	    info.si_pid == 0)
		return;
	watchdog->stopped = info.si_code == CLD_STOPPED;
	watchdog->stopped_ns = 0;
	snprintf(watchdog->status_line.hang, sizeof(watchdog->status_line.hang), "%s",
		 watchdog->stopped ? "the server is stopped by a signal" : "");
	if (watchdog->stopped)
		diag_warning("the server (process %d) is stopped (by signal %d: SIGSTOP, a "
			     "debugger?): it is killed if that lasts %.1f s",
			     server, info.si_status, (double)watchdog->limit_ns / NSEC_PER_SEC);
	else if (before)
		diag_info("the server goes on");
}

static void look_at_stopped(struct watchdog *watchdog, pid_t server, int64_t passed_ns)
{
	watchdog->stopped_ns += passed_ns;
	if (watchdog->stopped_ns >= watchdog->limit_ns)
		kill(server, SIGKILL);
}

/* --- a look --- */

static bool ending(const struct watchdog *watchdog)
{
	return watchdog->stopped || watchdog->aborted_ns != 0;
}

static void look(struct watchdog *watchdog, pid_t server)
{
	int64_t now = clock_now();
	int64_t passed_ns = now - watchdog->looked_ns;
	int64_t most_ns = 2 * look_period(watchdog);

	if (passed_ns < look_period(watchdog))
		return;
	watchdog->looked_ns = now;
	/* We did not run either: the host was stopped, or has no processor for anybody. */
	if (passed_ns > most_ns)
		passed_ns = most_ns;
	learn_of_stops(watchdog, server);
	if (watchdog->stopped)
		look_at_stopped(watchdog, server, passed_ns);
	else
		look_at_threads(watchdog, server, passed_ns, now);
	if (watchdog->aborted_ns != 0 && now - watchdog->aborted_ns >= KILL_AFTER_NS)
		kill(server, SIGKILL);
	if (!ending(watchdog))
		watchdog_feed(watchdog);
	status_line_tell(&watchdog->status_line, &watchdog->notify, watchdog->estate->fixed);
}

int watchdog_wait(struct watchdog *watchdog, const sigset_t *signals, siginfo_t *info, pid_t server,
		  int64_t until_ns)
{
	int64_t left_ns = until_ns - clock_now();
	int64_t period_ns = look_period(watchdog);
	struct timespec period;
	int signal_number;

	if (left_ns < period_ns)
		period_ns = left_ns > 0 ? left_ns : 0;
	period = (struct timespec){.tv_sec = period_ns / NSEC_PER_SEC,
				   .tv_nsec = period_ns % NSEC_PER_SEC};
	signal_number = sigtimedwait(signals, info, &period);
	look(watchdog, server);
	return signal_number;
}

void watchdog_begin(struct watchdog *watchdog)
{
	for (unsigned i = 0; i < ESTATE_EXECUTORS; i++) {
		estate_waits(&watchdog->estate->fixed->executors[i]);
		atomic_store(&watchdog->estate->fixed->executors[i].thread, 0);
	}
	memset(watchdog->threads, 0, sizeof(watchdog->threads));
	watchdog->stopped = watchdog->blamed = false;
	watchdog->status_line.hang[0] = '\0';
	watchdog->aborted_ns = 0;
	watchdog->looked_ns = clock_now();
}

void watchdog_open(struct watchdog *watchdog, const struct estate *estate, int64_t limit_ns,
		   const char *fault)
{
	*watchdog = (struct watchdog){
		.estate = estate, .limit_ns = limit_ns, .status_line.fault = fault};
	open_notify(watchdog);
}
