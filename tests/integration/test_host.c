/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host does to the daemon: a log that takes no more lines, signals, limits, an environment. */
#include "server/base/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_MSEC 3000 /* for an end or a hand-over, whatever the log does */

TestSuite(host, .init = set_up, .fini = tear_down, .timeout = 120);

static pid_t server_pid(void)
{
	return (pid_t)stat_of("server_pid");
}

static void start_supervised(void)
{
	bench.supervised = true;
	start();
}

/* Within LIMIT_MSEC, and with it the server. */
static void expect_end(void)
{
	int64_t end_msec = now_msec() + LIMIT_MSEC;
	pid_t server = server_pid();
	int status = -1;

	cr_assert_eq(kill(bench.daemon, SIGTERM), 0);
	while (waitpid(bench.daemon, &status, WNOHANG) == 0) {
		cr_assert_lt(now_msec(), end_msec, "it does not end");
		sleep_msec(5);
	}
	bench.daemon = 0;
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
	cr_assert(server == 0 || kill(server, 0) != 0, "an orphan is left");
	cr_assert_not(control_answers());
}

/* Within LIMIT_MSEC. */
static void expect_other_server(pid_t before)
{
	int64_t end_msec = now_msec() + LIMIT_MSEC;

	while (server_pid() == before || server_pid() == 0) {
		cr_assert_lt(now_msec(), end_msec, "no other server");
		sleep_msec(5);
	}
}

/* --- a log that takes no more lines --- */

static int log_pipe[2]; /* the daemon's stderr */

static void fill_log(void)
{
	static const char fill[4096];

	fcntl(log_pipe[1], F_SETFL, O_NONBLOCK);
	while (write(log_pipe[1], fill, sizeof(fill)) > 0)
		;
	while (write(log_pipe[1], fill, 1) > 0)
		;
	fcntl(log_pipe[1], F_SETFL, 0);
}

static void log_to_pipe(void)
{
	dup2(log_pipe[1], STDERR_FILENO);
}

static void start_with_full_log(bool supervised)
{
	cr_assert_eq(pipe2(log_pipe, O_CLOEXEC), 0);
	fill_log();
	bench.in_child = log_to_pipe;
	bench.supervised = supervised;
	start();
}

/* Read on until this is among what came. */
static void expect_in_log(const char *text)
{
	static char all[1 << 18];
	static size_t n;
	char part[4096];

	fcntl(log_pipe[0], F_SETFL, O_NONBLOCK);
	for (int64_t end_msec = now_msec() + WAIT_MSEC; now_msec() < end_msec;) {
		ssize_t more = read(log_pipe[0], part, sizeof(part));

		for (ssize_t i = 0; i < more && n < sizeof(all) - 1; i++)
			if (part[i] != '\0')
				all[n++] = part[i];
		all[n] = '\0';
		if (strstr(all, text))
			return;
		if (more <= 0)
			sleep_msec(5);
	}
	cr_assert_fail("no \"%s\" in:\n%s", text, all);
}

Test(host, a_full_log_does_not_keep_it_from_serving)
{
	start_with_full_log(true);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	cr_assert_eq(sync_count(), REGIONS);
}

Test(host, a_full_log_does_not_hold_up_the_end)
{
	start_with_full_log(true);
	expect_end();
}

Test(host, a_full_log_does_not_hold_up_the_end_of_a_single_process)
{
	start_with_full_log(false);
	expect_end();
}

Test(host, a_full_log_does_not_hold_up_a_hand_over)
{
	pid_t before;

	start_with_full_log(true);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	for (unsigned i = 0; i < 2; i++) {
		before = server_pid();
		kill(bench.daemon, SIGHUP);
		expect_other_server(before);
		cr_assert_eq(sync_count(), REGIONS);
	}
	expect_end();
}

Test(host, a_full_log_does_not_hold_up_a_successor)
{
	pid_t before;

	start_with_full_log(true);
	before = server_pid();
	cr_assert_eq(kill(before, SIGKILL), 0);
	expect_other_server(before);
	expect_end();
}

/* systemctl restart kills a supervisor that takes too long. */
Test(host, a_full_log_leaves_no_server_behind_a_killed_supervisor)
{
	int64_t end_msec;

	start_with_full_log(true);
	end_daemon(SIGKILL);
	end_msec = now_msec() + LIMIT_MSEC;
	while (control_answers()) {
		cr_assert_lt(now_msec(), end_msec, "an orphan serves on");
		sleep_msec(5);
	}
	sleep_msec(1000);
	start();
	expect_end();
}

/* It finds that it has to go, and says so. */
Test(host, a_full_log_does_not_hold_up_who_finds_another)
{
	char *args[] = {"dirtylogd", "--foreground", NULL};
	int64_t end_msec = now_msec() + LIMIT_MSEC;
	pid_t second;
	int status;

	start_with_full_log(true);
	second = spawn(args);
	while (waitpid(second, &status, WNOHANG) == 0) {
		cr_assert_lt(now_msec(), end_msec, "it does not end");
		sleep_msec(5);
	}
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

Test(host, what_a_full_log_has_lost_is_said)
{
	pid_t before;

	start_with_full_log(true);
	before = server_pid();
	kill(bench.daemon, SIGHUP);
	expect_other_server(before);
	expect_in_log("log lines lost");
	expect_in_log("server 2");
}

/* Nobody will ever read it. */
Test(host, a_log_whose_reader_is_gone_ends_nothing)
{
	pid_t before;

	start_with_full_log(true);
	close(log_pipe[0]);
	close(log_pipe[1]);
	before = server_pid();
	kill(bench.daemon, SIGHUP);
	expect_other_server(before);
	expect_end();
}

/* --- signals --- */

/* By mistake, by a monitor, or by the kernel. */
static const int strange_signals[] = {SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM,   SIGVTALRM, SIGPROF,
				      SIGIO,   SIGPWR,	SIGXCPU, SIGSTKFLT, SIGWINCH,  SIGURG};

static void expect_unmoved(pid_t target, int signal_number)
{
	pid_t server = server_pid();

	cr_assert_eq(kill(target, signal_number), 0);
	sleep_msec(20);
	cr_assert_eq(waitpid(bench.daemon, NULL, WNOHANG), 0, "%s ends the supervisor",
		     strsignal(signal_number));
	cr_assert_eq(server_pid(), server, "%s ends the server", strsignal(signal_number));
}

Test(host, only_what_asks_for_an_end_ends_the_supervisor)
{
	pid_t before;

	start_supervised();
	for (unsigned i = 0; i < sizeof(strange_signals) / sizeof(strange_signals[0]); i++)
		expect_unmoved(bench.daemon, strange_signals[i]);
	expect_unmoved(bench.daemon, SIGQUIT);
	expect_unmoved(bench.daemon, SIGRTMIN);
	before = server_pid();
	cr_assert_eq(kill(before, SIGKILL), 0);
	expect_other_server(before);
	before = server_pid();
	kill(bench.daemon, SIGHUP);
	expect_other_server(before);
	expect_end();
}

/* SIGUSR2 and SIGQUIT are the supervisor's words to it. */
Test(host, a_strange_signal_does_not_end_the_server)
{
	start_supervised();
	for (unsigned i = 0; i < sizeof(strange_signals) / sizeof(strange_signals[0]); i++)
		if (strange_signals[i] != SIGUSR2)
			expect_unmoved(server_pid(), strange_signals[i]);
}
