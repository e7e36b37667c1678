/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host does to the daemon: a log that takes no more lines, signals, limits, an environment. */
#include "server/base/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

/* --- what is passed on to another program --- */

#define MANY 200u /* variables, and words of the command line */

static bool environment_has(pid_t pid, const char *variable)
{
	static char text[1 << 16];
	char path[64];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	file = fopen(path, "re");
	cr_assert_not_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	return memmem(text, n, variable, strlen(variable) + 1) != NULL;
}

static void hand_over(void)
{
	pid_t before = server_pid();

	kill(bench.daemon, SIGHUP);
	expect_other_server(before);
}

/* Twice: what the second program was given is what it gives to the third. */
Test(host, a_hangup_keeps_all_of_the_environment)
{
	char name[32];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "DIRTYLOGD_TEST_%u", i);
		setenv(name, "here", 1);
	}
	start_supervised();
	for (unsigned turn = 0; turn < 2; turn++) {
		hand_over();
		for (unsigned i = 0; i < MANY; i++) {
			snprintf(name, sizeof(name), "DIRTYLOGD_TEST_%u=here", i);
			cr_assert(environment_has(bench.daemon, name), "%s is gone", name);
		}
	}
}

/* Of no use to anybody, and in the way of what is passed on. */
Test(host, an_inheritance_that_is_none_does_not_stay)
{
	setenv("DIRTYLOGD_INHERITED", "something else", 1);
	start_supervised();
	unsetenv("DIRTYLOGD_INHERITED");
	hand_over();
	expect_end();
}

/* The next program at the daemon's path. */
static char program[] = "/tmp/dirtylogd-host.XXXXXX";

/* For one that another will take the place of. */
static void use_a_copy(void)
{
	char command[512];

	close(mkstemp(program));
	snprintf(command, sizeof(command), "cp %s %s && chmod 755 %s", daemon_path(), program,
		 program);
	cr_assert_eq(system(command), 0);
	setenv("DIRTYLOGD", program, 1);
}

static void install_script(const char *text)
{
	char fresh[sizeof(program) + 4];
	FILE *file;

	snprintf(fresh, sizeof(fresh), "%s.new", program);
	file = fopen(fresh, "we");
	cr_assert_not_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", text);
	cr_assert_eq(fchmod(fileno(file), 0755), 0);
	fclose(file);
	cr_assert_eq(rename(fresh, program), 0);
}

static void remove_program(void)
{
	unlink(program);
}

TestSuite(host_program, .init = set_up, .fini = tear_down, .timeout = 120);

/* It is tried with what it will be run with. */
Test(host_program, a_long_command_line_is_tried_whole)
{
	char *args[MANY + 6] = {"dirtylogd", "--foreground", "--accept-from", "any"};
	char script[512];

	for (unsigned i = 0; i < MANY; i += 2) {
		args[4 + i] = "--log-level";
		args[5 + i] = "debug";
	}
	snprintf(script, sizeof(script),
		 "for last; do :; done\n"
		 "[ \"$last\" != --check ] || { [ $# = %u ]; exit; }\n"
		 "exec %s \"$@\"",
		 MANY + 4, daemon_path());
	use_a_copy();
	bench.daemon = spawn(args);
	EXPECT_SOON(control_answers(), "it does not come up");
	install_script(script);
	hand_over();
	remove_program();
	expect_end();
}

/* --- another program that hangs --- */

struct trial {
	int shell, child;
};

static void install_program_that_hangs(void)
{
	char script[512];

	snprintf(script, sizeof(script), "sleep 1000 &\necho $$ $! >%s.pids; wait; exit 1",
		 program);
	install_script(script);
}

static struct trial await_trial(void)
{
	char path[sizeof(program) + 5];
	struct trial trial = {0};
	FILE *file = NULL;

	snprintf(path, sizeof(path), "%s.pids", program);
	EXPECT_SOON((file = fopen(path, "re")), "the program is not tried");
	EXPECT_SOON((rewind(file), fscanf(file, "%d %d", &trial.shell, &trial.child) == 2),
		    "who tries it?");
	fclose(file);
	unlink(path);
	return trial;
}

/* Or waits for its parent to notice. */
static bool is_gone(pid_t pid)
{
	char path[64], state = 'Z';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (fscanf(file, "%*d %*s %c", &state) != 1)
		state = 'Z';
	fclose(file);
	return state == 'Z' || state == 'X';
}

static bool both_are_gone(const struct trial *trial)
{
	return is_gone(trial->shell) && is_gone(trial->child);
}

/* Long before the trial would have ended, which takes ten seconds (TRIAL_LIMIT_SEC). */
static void expect_replaced_at_once(void)
{
	int64_t start_msec = now_msec();
	pid_t before = server_pid();

	cr_assert_eq(kill(before, SIGKILL), 0);
	expect_other_server(before);
	cr_assert_lt(now_msec() - start_msec, 5000);
}

static struct trial start_and_try_program_that_hangs(void)
{
	use_a_copy();
	start_supervised();
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	install_program_that_hangs();
	kill(bench.daemon, SIGHUP);
	return await_trial();
}

Test(host_program, a_server_that_dies_while_a_program_is_tried_is_replaced)
{
	struct trial trial = start_and_try_program_that_hangs();

	for (unsigned i = 0; i < 3; i++)
		expect_replaced_at_once();
	cr_assert_eq(sync_count(), REGIONS);
	cr_assert_not(is_gone(trial.shell));
	expect_end();
	remove_program();
}

Test(host_program, the_end_does_not_wait_for_a_program_that_is_tried)
{
	struct trial trial = start_and_try_program_that_hangs();

	expect_end();
	EXPECT_SOON(both_are_gone(&trial), "the trial is left");
	remove_program();
}

Test(host_program, a_killed_supervisor_leaves_no_trial)
{
	struct trial trial = start_and_try_program_that_hangs();

	end_daemon(SIGKILL);
	EXPECT_SOON(is_gone(trial.shell), "the trial is left");
	kill(trial.child, SIGKILL); /* which no signal of the kernel's was for */
	remove_program();
}

/* The second hangup comes while the first one's program hangs, and is for the one that is installed then. */
Test(host_program, a_hangup_during_a_trial_is_remembered)
{
	const char *tested = daemon_path();
	struct trial trial = start_and_try_program_that_hangs();
	pid_t before;
	char script[512];

	before = server_pid();
	kill(bench.daemon, SIGHUP);
	sleep_msec(100);
	kill(bench.daemon, SIGHUP);
	snprintf(script, sizeof(script), "exec %s \"$@\"", tested);
	install_script(script);
	expect_said("does not end within 10 s", "goes on as it is");
	expect_other_server(before);
	cr_assert(both_are_gone(&trial));
	cr_assert_eq(sync_count(), REGIONS);
	expect_end();
	remove_program();
}

/* --- processes --- */

/* As where the cgroup has all the processes that it may have (TasksMax=). */
static void have_no_process_more(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		_exit(9);
}

/* It tries on until it is told to end, and then not for ever. */
Test(host, who_can_start_no_server_says_so_and_ends)
{
	char *args[] = {"dirtylogd", "--foreground", "--config", "/dev/null", NULL};
	int status;
	pid_t pid;

	bench.in_child = have_no_process_more;
	pid = spawn(args);
	expect_said("no server can be started", strerror(EAGAIN));
	cr_assert_eq(waitpid(pid, &status, WNOHANG), 0, "it has ended");
	cr_assert_eq(kill(pid, SIGTERM), 0);
	EXPECT_SOON(waitpid(pid, &status, WNOHANG) == pid, "it does not end:\n%s", output());
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %#x", (unsigned)status);
	expect_said("the end", "not answered");
}

/* --- file descriptors --- */

#define LOGS_MAX 100u

static void limit_softly(void)
{
	struct rlimit limit = {.rlim_cur = 64, .rlim_max = 2000};

	setrlimit(RLIMIT_NOFILE, &limit);
}

static rlim_t limit_of(pid_t pid)
{
	struct rlimit limit;

	cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
	return limit.rlim_cur;
}

Test(host, the_limit_of_descriptors_is_raised)
{
	bench.in_child = limit_softly;
	start_supervised();
	cr_assert_eq(limit_of(bench.daemon), 2000);
	cr_assert_eq(limit_of(server_pid()), 2000);
	expect_said("2000 open files", "LimitNOFILE");
}

static void become_log(unsigned i)
{
	char uuid[32];

	snprintf(uuid, sizeof(uuid), "LVM-%u", i);
	become(i + 1, uuid);
}

static unsigned open_files(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	unsigned count = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	directory = opendir(path);
	cr_assert_not_null(directory);
	while ((entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

/* Of the server that runs, and of those to come. */
static void leave_open_files(unsigned count)
{
	rlim_t files = open_files(server_pid()) + count;
	struct rlimit limit = {.rlim_cur = files, .rlim_max = files};

	cr_assert_eq(prlimit(server_pid(), RLIMIT_NOFILE, &limit, NULL), 0);
	cr_assert_eq(prlimit(bench.daemon, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* As many as there may be; returns how many. */
static unsigned make_logs(void)
{
	for (unsigned i = 0; i < LOGS_MAX; i++) {
		struct loop_device loop = make_loop(DEVICE_BYTES, 512);
		int error;

		become_log(i);
		error = ctr("%u disk %s 8 nosync", REGIONS * 8, loop.path).message.request.error;
		if (error) {
			cr_assert_eq(error, -EMFILE, "%d", error);
			return i;
		}
		resume();
	}
	cr_assert_fail("there is no limit");
	return 0;
}

Test(host, what_cannot_be_opened_is_refused_with_a_reason)
{
	start_supervised();
	leave_open_files(80);
	make_logs();
	expect_said("cannot use log device", "LimitNOFILE");
}

/* As a table that is loaded for a mirror that runs: it has that mirror's log device. */
Test(host, a_log_on_a_device_that_is_open_needs_no_descriptor)
{
	struct loop_device first = make_loop(DEVICE_BYTES, 512);

	start_supervised();
	become_log(LOGS_MAX);
	ctr_ok("%u disk %s 8 nosync", REGIONS * 8, first.path);
	leave_open_files(80);
	make_logs();
	become_log(LOGS_MAX + 1);
	ctr_ok("%u disk %s 8", REGIONS * 8, first.path);
}

/* The successor has no more than its predecessor had. */
Test(host, all_logs_up_to_the_limit_are_taken_over)
{
	unsigned logs;

	start_supervised();
	leave_open_files(80);
	logs = make_logs();
	cr_assert_geq(logs, 10, "%u", logs);
	for (unsigned turn = 0; turn < 10; turn++) {
		pid_t before = server_pid();

		cr_assert_eq(kill(before, SIGKILL), 0);
		expect_other_server(before);
		cr_assert_eq(stat_of("unknown_log"), 0);
		for (unsigned i = 0; i < logs; i++) {
			become_log(i);
			mark(turn);
			flush();
		}
	}
}
