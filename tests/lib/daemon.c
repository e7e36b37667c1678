/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon is a child with its words in a memory file, which is searched for what it must say
 * and, at the end, for what it must not. It is up when its control socket answers.
 */
#include "tests/lib/daemon.h"

#include "server/control_socket.h"
#include "server/restart/place.h"
#include "tests/lib/log_device.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNTS_MSEC 3000

struct bench bench;

void control_ask(const char *line, char *text, size_t bytes)
{
	struct ucred holder;
	int fd = control_connect((struct timeval){.tv_sec = WAIT_MSEC / 1000}, &holder);
	ssize_t n = -1;

	if (fd >= 0) {
		send(fd, line, strlen(line),
		     MSG_NOSIGNAL); /* one that is refused finds it closed */
		n = recv(fd, text, bytes - 1, 0);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
}

unsigned long stat_of(const char *name)
{
	char text[4096], pattern[64], *at;
	unsigned long value = 0;

	control_ask("stats\n", text, sizeof(text));
	snprintf(pattern, sizeof(pattern), "\n%s ", name);
	at = strstr(text, pattern);
	if (at)
		sscanf(at + strlen(pattern), "%lu", &value);
	return value;
}

bool control_answers(void)
{
	char text[2];

	control_ask("stats\n", text, sizeof(text));
	return text[0] != '\0';
}

const char *daemon_path(void)
{
	const char *path = getenv("DIRTYLOGD");

	return path ? path : DIRTYLOGD;
}

pid_t spawn(char *const *args)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(bench.output, STDERR_FILENO);
	if (bench.in_child)
		bench.in_child();
	execv(daemon_path(), args);
	_exit(127);
}

void pretend_module(bool loaded)
{
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount("none", "/sys/module", "tmpfs", 0, NULL), 0);
	if (loaded)
		cr_assert_eq(mkdir("/sys/module/dm_log_userspace", 0755), 0);
}

static bool is_up(void)
{
	cr_assert_eq(waitpid(bench.daemon, NULL, WNOHANG), 0, "the daemon has ended");
	return control_answers();
}

void start_with(const char *accept, const char *engine, const char *delay)
{
	char *args[] = {"dirtylogd",
			"--foreground",
			"--log-level",
			"debug",
			"--accept-from",
			(char *)accept,
			"--io-engine",
			(char *)engine,
			"--clear-delay",
			(char *)delay,
			"--workers",
			"2",
			"--max-lazy",
			(char *)(bench.max_lazy ? bench.max_lazy : "4096"),
			"--mark-ahead",
			(char *)(bench.mark_ahead ? bench.mark_ahead : "0"),
			"--io-retry",
			(char *)(bench.io_retry ? bench.io_retry : "10"),
			"--probe",
			(char *)(bench.probe ? bench.probe : "10"),
			"--config",
			(char *)(bench.config ? bench.config : "/dev/null"),
			"--rcvbuf",
			"1048576",
			"--supervise",
			bench.supervised ? "yes" : "no",
			"--watchdog",
			(char *)(bench.watchdog ? bench.watchdog : "10"),
			"--cpus",
			(char *)(bench.cpus ? bench.cpus : "0-1"),
			NULL,
			NULL,
			NULL,
			NULL,
			NULL};
	char **end = args;

	while (*end)
		end++;
	if (bench.clustered)
		*end++ = "--clustered-as-single-host";
	if (bench.takes_over)
		*end++ = "--take-over";
	if (bench.metrics_listen) {
		*end++ = "--metrics-listen";
		*end++ = (char *)bench.metrics_listen;
	}

	bench.daemon = spawn(args);
	EXPECT_SOON(is_up(), "the daemon does not come up");
}

void start(void)
{
	start_with("any", "auto", NEVER);
}

int end_daemon(int signal_number)
{
	int status = -1;

	if (bench.daemon <= 0)
		return -1;
	kill(bench.daemon, signal_number);
	waitpid(bench.daemon, &status, 0);
	bench.daemon = 0;
	return status;
}

char *output(void)
{
	static char text[1 << 18];
	ssize_t n = pread(bench.output, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* Some line of the log has both texts. */
static bool said(const char *first, const char *second)
{
	char *save, *line = strtok_r(output(), "\n", &save);

	for (; line; line = strtok_r(NULL, "\n", &save))
		if (strstr(line, first) && strstr(line, second))
			return true;
	return false;
}

/* Lines take a moment to the log. */
void expect_said(const char *first, const char *second)
{
	EXPECT_SOON(said(first, second), "no line with \"%s\" and \"%s\" in:\n%s", first, second,
		    output());
}

void set_up(void)
{
	bench.output = memfd_create("output", MFD_CLOEXEC);
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "no network namespace: %s (root is needed)",
		     strerror(errno));
	strcpy(bench.run_dir, "/tmp/dirtylogd-run.XXXXXX");
	cr_assert(mkdtemp(bench.run_dir));
	setenv("DIRTYLOGD_RUN_DIR", bench.run_dir, 1);
	cr_assert_eq(asker_open(&bench.asker, 1, "LVM-one"), 0);
}

static void remove_run_dir(void)
{
	char path[PLACE_PATH_MAX];

	setenv("DIRTYLOGD_RUN_DIR", bench.run_dir, 1);
	place_path(path, "lock");
	unlink(path);
	place_path(path, "control");
	unlink(path);
	rmdir(bench.run_dir);
}

static bool has_ended(void)
{
	siginfo_t info = {.si_pid = 0};

	waitid(P_PID, (id_t)bench.daemon, &info, WEXITED | WNOHANG | WNOWAIT);
	return info.si_pid != 0;
}

/* ./dev coverage: gcov writes its counts when a program ends in order, for which one that hangs has no longer than
 * this. */
static void let_write_counts(void)
{
	int64_t end_msec = now_msec() + COUNTS_MSEC;

	if (!getenv("GCOV_PREFIX") || bench.daemon <= 0 || has_ended())
		return;
	kill(bench.daemon, SIGTERM);
	while (!has_ended() && now_msec() < end_msec)
		sleep_msec(5);
	if (has_ended())
		cr_expect_eq(end_daemon(SIGKILL), 0, "%s", output());
}

/* A daemon that has crashed must not pass as one that we have ended. */
void tear_down(void)
{
	int status;

	end_cold_loop();
	let_write_counts();
	status = end_daemon(SIGKILL);
	asker_close(&bench.asker);
	remove_run_dir();
	/* A supervisor would have started the next one, and nobody would have noticed. */
	cr_expect_null(strstr(output(), "Sanitizer"), "%s", output());
	cr_expect(status == -1 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
		  "the daemon had ended by itself (status %#x):\n%s", (unsigned)status, output());
}
