/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket and dirtylogctl, among clients that mean no good. */
#include "server/control.h"
#include "tests/lib/daemon.h"
#include "tests/lib/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

TestSuite(control, .init = set_up, .fini = tear_down, .timeout = 60);

static int connect_control(void)
{
	struct sockaddr_un address;
	unsigned length = control_address(&address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

/* --- the server --- */

Test(control, silent_clients_hold_up_nobody)
{
	int64_t start_msec;
	int fds[8];

	start();
	for (unsigned i = 0; i < 8; i++)
		fds[i] = connect_control();
	start_msec = now_msec();
	cr_assert_gt(stat_of("server_pid"), 0);
	cr_assert_lt(now_msec() - start_msec, 700);
	for (unsigned i = 0; i < 8; i++)
		close(fds[i]);
}

Test(control, a_silent_client_is_left_after_a_second)
{
	char text[8];
	int fd;

	start();
	fd = connect_control();
	EXPECT_SOON(recv(fd, text, sizeof(text), MSG_DONTWAIT) == 0, "it is not closed");
	close(fd);
}

Test(control, a_question_may_come_in_pieces)
{
	char text[4096] = "";
	int fd;

	start();
	fd = connect_control();
	cr_assert_eq(send(fd, "sta", 3, 0), 3);
	sleep_msec(50);
	cr_assert_eq(send(fd, "ts\n", 3, 0), 3);
	cr_assert_gt(recv(fd, text, sizeof(text) - 1, 0), 0);
	cr_assert(strstr(text, "ctr 0\n"), "%s", text);
	close(fd);
}

static double cpu_seconds(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	cr_assert_eq(clock_getcpuclockid(pid, &clock), 0);
	cr_assert_eq(clock_gettime(clock, &used), 0);
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* Without an fd for it a client stays to be accepted: there is nothing to hurry for. */
Test(control, it_does_not_spin_without_file_descriptors)
{
	struct rlimit none = {.rlim_cur = 3, .rlim_max = 1024}, before;
	double used;
	int fd;

	start();
	cr_assert_eq(prlimit(bench.daemon, RLIMIT_NOFILE, NULL, &before), 0);
	none.rlim_max = before.rlim_max;
	cr_assert_eq(prlimit(bench.daemon, RLIMIT_NOFILE, &none, NULL), 0);
	fd = connect_control();
	used = cpu_seconds(bench.daemon);
	sleep_msec(500);
	cr_assert_lt(cpu_seconds(bench.daemon) - used, 0.1);
	cr_assert_eq(prlimit(bench.daemon, RLIMIT_NOFILE, &before, NULL), 0);
	EXPECT_SOON(control_answers(), "it does not accept any more");
	close(fd);
}

/* --- dirtylogctl --- */

static struct {
	char out[4096], err[4096];
	int status;
} ctl;

static void read_file(int fd, char *text)
{
	ssize_t n = pread(fd, text, sizeof(ctl.out) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	close(fd);
}

static void run_ctl(const char *command, uid_t uid)
{
	int program = open(DIRTYLOGCTL, O_RDONLY);
	int out = memfd_create("out", 0), err = memfd_create("err", 0);
	char *argv[] = {"dirtylogctl", (char *)command, NULL}, *environment[] = {NULL};
	pid_t pid = fork();

	if (pid == 0) {
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		if (setuid(uid) == 0)
			fexecve(program, argv, environment);
		_exit(127);
	}
	waitpid(pid, &ctl.status, 0);
	close(program);
	read_file(out, ctl.out);
	read_file(err, ctl.err);
}

static void expect_fault(const char *words)
{
	cr_assert(WIFEXITED(ctl.status) && WEXITSTATUS(ctl.status) == 1, "status %#x: %s",
		  (unsigned)ctl.status, ctl.err);
	cr_assert(strstr(ctl.err, words), "no \"%s\" in: %s", words, ctl.err);
	cr_assert_str_empty(ctl.out);
}

Test(control, dirtylogctl_shows_what_it_is_told)
{
	start();
	run_ctl("stats", 0);
	cr_assert_eq(ctl.status, 0, "%s", ctl.err);
	cr_assert(strstr(ctl.out, "server 1\n"), "%s", ctl.out);
	cr_assert_str_empty(ctl.err);
}

Test(control, dirtylogctl_fails_for_anybody_but_root)
{
	start();
	run_ctl("stats", NOBODY);
	expect_fault("only root may ask");
}

Test(control, dirtylogctl_fails_without_a_daemon)
{
	run_ctl("stats", 0);
	expect_fault("no dirtylogd serves here");
}

Test(control, dirtylogctl_does_not_wait_for_a_daemon_that_does_not_answer)
{
	int64_t start_msec;

	start();
	kill(bench.daemon, SIGSTOP);
	start_msec = now_msec();
	run_ctl("stats", 0);
	kill(bench.daemon, SIGCONT);
	cr_assert_lt(now_msec() - start_msec, 4000);
	expect_fault("dirtylogd does not answer");
}
