/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket and dirtylogctl, among clients that mean no good. */
#include "server/control_socket.h"
#include "server/relief.h"
#include "server/restart/place.h"
#include "tests/lib/daemon.h"
#include "tests/lib/requests.h"
#include "tests/lib/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

TestSuite(control, .init = set_up, .fini = tear_down, .timeout = 60);

static int connect_control(void)
{
	struct ucred holder;
	int fd = control_connect((struct timeval){.tv_sec = WAIT_MSEC / 1000}, &holder);

	cr_assert_geq(fd, 0);
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
	cr_assert_eq(recv(fd, text, sizeof(text), 0), 0, "it is not closed");
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

/* --- one that is to be relieved, and is not what it seems --- */

/* Answers one that asks to relieve it, with a descriptor more than there should be. */
static void *answer_with_too_many(void *context)
{
	int listener = *(int *)context;
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE((RELIEF_FDS + 1) * sizeof(int))];
	} ancillary = {.head = {.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN((RELIEF_FDS + 1) * sizeof(int))}};
	char text[32];
	struct iovec part = {.iov_base = text};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &ancillary,
				 .msg_controllen = sizeof(ancillary)};
	struct pollfd asked = {.fd = listener, .events = POLLIN};
	int fds[RELIEF_FDS + 1];
	int client;

	poll(&asked, 1, -1);
	client = accept(listener, NULL, NULL);
	for (unsigned i = 0; i <= RELIEF_FDS; i++)
		fds[i] = listener;
	memcpy(CMSG_DATA(&ancillary.head), fds, sizeof(fds));
	part.iov_len = (size_t)snprintf(text, sizeof(text), "0 %d\n", getpid());
	recv(client, (char[16]){0}, 16, 0);
	sendmsg(client, &message, MSG_NOSIGNAL);
	close(client);
	return NULL;
}

static unsigned count_open(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

Test(control, a_descriptor_too_many_is_closed)
{
	pid_t holder;
	int listener = control_listen_file(), lock = place_take(&holder);
	unsigned before = count_open();
	struct relief relief;
	pthread_t other;

	cr_assert_eq(pthread_create(&other, NULL, answer_with_too_many, &listener), 0);
	cr_assert_eq(relief_ask(&relief), 0);
	pthread_join(other, NULL);
	cr_expect_eq(relief.supervisor, 0);
	cr_expect_eq(relief.server, getpid());
	/* Those given, the pidfd of the server and the turn. */
	cr_expect_eq(count_open() - before, RELIEF_FDS + 2, "%u", count_open() - before);
	close(listener);
	close(lock);
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
	char *argv[] = {"dirtylogctl", (char *)command, NULL}, **environment = environ;
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
	cr_assert(WIFEXITED(ctl.status) && WEXITSTATUS(ctl.status) == 3, "status %#x: %s",
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

/* The exit status of dirtylogctl with these words, whose output goes to a full disk. */
static int status_when_full(const char *words)
{
	char command[256], text[512];
	int status;

	snprintf(command, sizeof(command), "%s %s 2>&1 >/dev/full", DIRTYLOGCTL, words);
	status = shell_says(command, text, sizeof(text));
	cr_expect(strstr(text, "dirtylogctl: cannot write to stdout"), "%s: %s", words, text);
	return status;
}

Test(control, an_output_that_is_lost_is_a_failure)
{
	const char *words[] = {"--help", "--version",	  "set --help", "image --help",
			       "status", "set",		  "set --json", "pause --json --all",
			       "reload", "reload --json", "stats",	"logs --json"};

	bench.supervised = true;
	start();
	ctr_ok("160 core 8 sync");
	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
		cr_expect_eq(status_when_full(words[i]), 1, "%s", words[i]);
}

/* Who has read enough of it is told nothing. */
Test(control, an_output_that_nobody_reads_any_more_is_not_told)
{
	start();
	cr_assert_eq(
		system("test -z \"$( ( (sleep 0.3; " DIRTYLOGCTL " stats 2>&3) | true ) 3>&1 )\""),
		0);
}

/* --- the place of the one daemon --- */

/* A process of another user that has the abstract name; it does nothing with it but, if told so, listen. */
static pid_t squat(bool listens)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(CONTROL_NAME);
	int ready[2];
	char byte;
	pid_t pid;

	memcpy(address.sun_path + 1, CONTROL_NAME, strlen(CONTROL_NAME));
	cr_assert_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setuid(NOBODY) != 0 || bind(fd, (struct sockaddr *)&address, length) != 0 ||
		    (listens && listen(fd, 1000) != 0))
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* setuid has taken it back */
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_squatter(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

Test(control, who_takes_the_name_keeps_nobody_from_starting)
{
	pid_t squatter = squat(true);
	char who[64];

	snprintf(who, sizeof(who), "process %d of user %d", squatter, NOBODY);
	start();
	expect_said("is taken by", who);
	run_ctl("stats", 0);
	cr_assert_eq(ctl.status, 0, "%s", ctl.err);
	cr_assert(strstr(ctl.out, "server 1\n"), "%s", ctl.out);
	end_squatter(squatter);
}

Test(control, who_takes_the_name_and_accepts_nobody_does_not_either)
{
	pid_t squatter = squat(false);

	start();
	expect_said("is taken by", "accepts nobody");
	end_squatter(squatter);
}

Test(control, the_name_is_taken_over_a_restart)
{
	pid_t squatter;

	start();
	end_daemon(SIGTERM);
	squatter = squat(true);
	start();
	cr_assert(control_answers());
	end_squatter(squatter);
}

Test(control, dirtylogctl_believes_root_alone)
{
	pid_t squatter = squat(true);
	char who[64];

	run_ctl("stats", 0);
	snprintf(who, sizeof(who), "process %d of user %d", squatter, NOBODY);
	expect_fault(who);
	end_squatter(squatter);
}

/* A process of root's that has the abstract name, and says this to whoever asks, or what is wrong if that begins with
 * `whole`, as it was before there was that word. */
static pid_t answer_all(const char *answer, bool knows_whole)
{
	static const char wrong[] = "error: unknown command, expected stats\n";
	struct ucred holder;
	int listening = control_listen(&holder);
	pid_t pid = fork();

	cr_assert_geq(listening, 0);
	if (pid == 0) {
		char line[64] = "";
		int fd;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		control_listen_again(listening);
		fcntl(listening, F_SETFL, 0);
		while ((fd = accept(listening, NULL, NULL)) >= 0) {
			const char *text = answer;

			(void)!read(fd, line, sizeof(line) - 1);
			if (!knows_whole && strncmp(line, "whole ", 6) == 0)
				text = wrong;
			(void)!write(fd, text, strlen(text));
			close(fd);
		}
		_exit(1);
	}
	close(listening);
	return pid;
}

/* A server that is killed, or hands over, leaves what it has not sent. */
Test(control, dirtylogctl_takes_no_part_of_an_answer_for_a_whole_one)
{
	static const char *const parts[] = {"", "MARK_REGION 1\n", "MARK_REGION 1\nserver_pid 1",
					    "error"};

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		pid_t cuts = answer_all(parts[i], true);

		run_ctl("stats", 0);
		expect_fault("ended before it answered");
		run_ctl("logs", 0);
		expect_fault("ended before it answered");
		end_squatter(cuts);
	}
}

Test(control, dirtylogctl_understands_a_server_of_before)
{
	pid_t before = answer_all("server 1\n", false);

	run_ctl("stats", 0);
	cr_assert_eq(ctl.status, 0, "%s", ctl.err);
	cr_assert_str_eq(ctl.out, "server 1\n");
	end_squatter(before);
}

/* A second daemon, which must not come up. */
static void expect_second_refused(void)
{
	char *args[] = {"dirtylogd", "--foreground", NULL};
	char who[32];
	int status;

	waitpid(spawn(args), &status, 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %#x", (unsigned)status);
	snprintf(who, sizeof(who), "process %d", bench.daemon);
	expect_said("another dirtylogd", who);
}

/* By its file, since the name is another's. */
Test(control, a_second_daemon_is_refused_though_the_name_is_taken)
{
	pid_t squatter = squat(true);

	start();
	expect_second_refused();
	end_squatter(squatter);
}

Test(control, a_second_daemon_is_refused_after_a_hangup)
{
	pid_t squatter = squat(true);

	bench.supervised = true;
	start();
	kill(bench.daemon, SIGHUP);
	EXPECT_SOON(stat_of("server") == 2, "it does not hand over");
	expect_second_refused();
	run_ctl("stats", 0);
	cr_assert_eq(ctl.status, 0, "%s", ctl.err);
	end_squatter(squatter);
}

Test(control, a_second_daemon_is_refused_without_the_file)
{
	setenv("DIRTYLOGD_RUN_DIR", "/proc/dirtylogd", 1);
	start();
	expect_said("no lock file", "");
	expect_second_refused();
	cr_assert(control_answers());
}

/* The directory of another user is not one to lock a file in. */
Test(control, a_directory_that_is_not_roots_is_not_used)
{
	cr_assert_eq(chown(bench.run_dir, NOBODY, NOBODY), 0);
	start();
	expect_said("no lock file", "");
	cr_assert(control_answers());
}

Test(control, the_file_is_roots)
{
	char path[PLACE_PATH_MAX];
	struct stat st;

	start();
	place_path(path, "control");
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	place_path(path, "lock");
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
}

static void become_nobody(void)
{
	if (setgid(65534) != 0 || setuid(65534) != 0)
		_exit(2);
}

Test(control, who_is_not_root_does_not_take_the_place)
{
	char *args[] = {"dirtylogd", "--foreground", "--config", "/dev/null", NULL};
	int status;
	pid_t pid;

	bench.in_child = become_nobody;
	pid = spawn(args);
	EXPECT_SOON(waitpid(pid, &status, WNOHANG) == pid, "it runs:\n%s", output());
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %#x", (unsigned)status);
	expect_said("must run as root", "CAP_NET_ADMIN");
	cr_assert_null(strstr(output(), "no lock file"), "%s", output());
	bench.in_child = NULL;
	start();
	cr_assert_null(strstr(output(), "is taken"), "%s", output());
}

/* Those of other namespaces have nothing to do with ours. */
Test(control, each_network_namespace_has_a_place)
{
	char first[PLACE_PATH_MAX], second[PLACE_PATH_MAX];
	pid_t holder;
	int fds[2];

	place_path(first, "lock");
	fds[0] = place_take(&holder);
	cr_assert_eq(unshare(CLONE_NEWNET), 0);
	place_path(second, "lock");
	fds[1] = place_take(&holder);
	cr_assert_geq(fds[0], 0);
	cr_assert_geq(fds[1], 0);
	cr_assert_str_neq(first, second);
	unlink(first);
}
