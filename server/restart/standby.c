/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/restart/standby.h"

#include "server/base/clock.h"
#include "server/base/diag.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define EARLY_NS (1 * NSEC_PER_SEC) /* one that has lived less has died of its start */
#define PAUSE_FIRST_NS (100 * NSEC_PER_MSEC)
#define END_LIMIT_NS (2 * NSEC_PER_SEC)
#define END_PAUSE_USEC 500
#define PAUSE_MAX_NS (60 * NSEC_PER_SEC)

static void forget(struct standby *standby)
{
	close(standby->gate);
	standby->pid = 0;
	standby->ready = false;
}

static void defer_next(struct standby *standby)
{
	int64_t now = clock_now();

	if (now - standby->made_ns >= EARLY_NS)
		standby->pause_ns = 0;
	standby->due_ns = now + standby->pause_ns;
	standby->pause_ns = standby->pause_ns == 0 ? PAUSE_FIRST_NS : 2 * standby->pause_ns;
	if (standby->pause_ns > PAUSE_MAX_NS)
		standby->pause_ns = PAUSE_MAX_NS;
}

/* In the fork. SIGKILL: it has nothing in hand, and its main thread hears nothing else before it is let go. */
static void become(struct standby *standby, const int ends[2], pid_t supervisor, int *gate)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != supervisor)
		_exit(1);
	close(ends[1]);
	*gate = ends[0];
	standby->pid = 0;
}

pid_t standby_make(struct standby *standby, int *gate)
{
	pid_t pid, self = getpid();
	int ends[2];

	if (standby->pid > 0 || clock_now() < standby->due_ns ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	standby->made_ns = clock_now();
	pid = fork();
	if (pid == 0) {
		become(standby, ends, self, gate);
		return 0;
	}
	close(ends[0]);
	if (pid > 0) {
		standby->pid = pid;
		standby->gate = ends[1];
		return pid;
	}
	close(ends[1]);
	defer_next(standby);
	diag_limited(DIAG_WARNING, "no server stands by: %s", strerror(errno));
	return -1;
}

bool standby_is_ready(struct standby *standby)
{
	char byte;

	if (standby->pid > 0 && !standby->ready)
		standby->ready = recv(standby->gate, &byte, 1, MSG_DONTWAIT) == 1;
	return standby->ready;
}

static void say_died(const struct standby *standby, int status)
{
	diag_warning("the server that stands by (process %d) has died (%s %d): another one is made",
		     standby->pid, WIFSIGNALED(status) ? "signal" : "exit status",
		     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

void standby_look(struct standby *standby)
{
	int status;

	if (standby->pid <= 0 || waitpid(standby->pid, &status, WNOHANG | WUNTRACED) == 0)
		return;
	if (WIFSTOPPED(status)) {
		diag_warning("the server that stands by (process %d) is stopped by a signal: it is "
			     "ended",
			     standby->pid);
		kill(standby->pid, SIGKILL);
		return;
	}
	say_died(standby, status);
	forget(standby);
	defer_next(standby);
}

pid_t standby_let_go(struct standby *standby)
{
	pid_t pid;

	standby_look(standby);
	pid = standby->pid;
	if (pid <= 0)
		return 0;
	if (send(standby->gate, "", 1, MSG_NOSIGNAL) != 1)
		pid = 0;
	if (pid == 0)
		kill(standby->pid, SIGKILL); /* reaped as one that nobody knows */
	forget(standby);
	standby->due_ns = standby->pause_ns = 0;
	return pid;
}

/* It holds the place of the one daemon until it has gone. */
void standby_end(struct standby *standby)
{
	int64_t end_ns = clock_now() + END_LIMIT_NS;

	if (standby->pid <= 0)
		return;
	kill(standby->pid, SIGKILL);
	while (waitpid(standby->pid, NULL, WNOHANG) == 0 && clock_now() < end_ns)
		usleep(END_PAUSE_USEC);
	forget(standby);
}

bool standby_waits(struct standby *standby, int gate, pid_t supervisor)
{
	char byte;
	ssize_t n;

	atomic_store(standby->shown, (uint32_t)getpid());
	(void)!send(gate, "", 1, MSG_NOSIGNAL);
	do
		n = read(gate, &byte, 1);
	while (n < 0 && errno == EINTR);
	close(gate);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	return n == 1 && getppid() == supervisor;
}
