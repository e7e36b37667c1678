/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon, for tests. */
#include "tests/lib/daemon.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct bench bench;

void sleep_msec(unsigned msec)
{
	usleep(msec * 1000);
}

int64_t now_msec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* --- the daemon --- */

/* The beginning of what the control socket says to this line; "" if it says nothing. */
void control_ask(const char *line, char *text, size_t bytes)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(CONTROL_NAME);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = -1;

	memcpy(address.sun_path + 1, CONTROL_NAME, strlen(CONTROL_NAME));
	if (connect(fd, (struct sockaddr *)&address, length) == 0 &&
	    send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line))
		n = recv(fd, text, bytes - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
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

/* True once the control thread answers, and so the receiver has joined. */
bool control_answers(void)
{
	char text[2];

	control_ask("stats\n", text, sizeof(text));
	return text[0] != '\0';
}

/* ThreadSanitizer's daemon is tried with these tests too, which it cannot run itself. */
const char *daemon_path(void)
{
	const char *path = getenv("DIRTYLOGD");

	return path ? path : DIRTYLOGD;
}

/* args end with NULL. */
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
			"--io-retry",
			(char *)(bench.io_retry ? bench.io_retry : "10"),
			"--rcvbuf",
			"1048576",
			"--supervise",
			bench.supervised ? "yes" : "no",
			"--cpus",
			(char *)(bench.cpus ? bench.cpus : "0-1"),
			NULL};
	int64_t end = now_msec() + WAIT_MSEC;

	bench.daemon = spawn(args);
	while (!control_answers()) {
		cr_assert_lt(now_msec(), end, "the daemon does not come up");
		cr_assert_eq(waitpid(bench.daemon, NULL, WNOHANG), 0, "the daemon has ended");
		sleep_msec(10);
	}
}

void start(void)
{
	start_with("any", "auto", NEVER);
}

/* Returns the wait status. */
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
bool said(const char *first, const char *second)
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
	int64_t end = now_msec() + WAIT_MSEC;

	while (!said(first, second)) {
		cr_assert_lt(now_msec(), end, "no line with \"%s\" and \"%s\" in:\n%s", first,
			     second, output());
		sleep_msec(20);
	}
}

void set_up(void)
{
	bench.output = memfd_create("output", MFD_CLOEXEC);
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "no network namespace: %s (root is needed)",
		     strerror(errno));
	cr_assert_eq(asker_open(&bench.asker, 1, "LVM-one"), 0);
}

/* A daemon that has crashed must not pass as one that we have ended. */
void tear_down(void)
{
	int status;

	thaw();
	status = end_daemon(SIGKILL);
	asker_close(&bench.asker);
	/* A supervisor would have started the next one, and nobody would have noticed. */
	cr_expect_null(strstr(output(), "Sanitizer"), "%s", output());
	cr_expect(status == -1 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
		  "the daemon had ended by itself (status %#x):\n%s", (unsigned)status, output());
}

/* --- questions --- */

/* The whole message is looked at, but for error and payload. */
struct answer ask(unsigned type, const void *payload, uint32_t size)
{
	struct answer answer = asker_ask(&bench.asker, type, payload, size);
	struct wire_message request = {.request.seq = bench.asker.seq};

	cr_assert_gt(answer.got, 0, "%s: no answer (%d)\n%s", wire_opcodes[type].name, answer.got,
		     output());
	cr_assert_not(answer_is_foreign(&answer, &request),
		      "%s: not its answer: %d bytes of type %u, seq %u for %u, error %d, log %lu",
		      wire_opcodes[type].name, answer.got, wire_type(&answer.message),
		      answer.message.request.seq, bench.asker.seq, answer.message.request.error,
		      (unsigned long)answer.message.request.luid);
	return answer;
}

int ask_error(unsigned type, const void *payload, uint32_t size)
{
	return ask(type, payload, size).message.request.error;
}

void ask_ok(unsigned type, const void *payload, uint32_t size)
{
	struct answer answer = ask(type, payload, size);

	cr_assert_eq(answer.message.request.error, 0, "%s: error %d\n%s", wire_opcodes[type].name,
		     answer.message.request.error, output());
	cr_assert_eq(answer.message.request.data_size, 0, "%s", wire_opcodes[type].name);
}

uint64_t ask_u64(unsigned type, const void *payload, uint32_t size)
{
	struct answer answer = ask(type, payload, size);

	cr_assert_eq(answer.message.request.error, 0, "%s: error %d", wire_opcodes[type].name,
		     answer.message.request.error);
	cr_assert_eq(answer.message.request.data_size, 8, "%s", wire_opcodes[type].name);
	return answer_u64(&answer, 0);
}

uint64_t in_sync(uint64_t region)
{
	return ask_u64(DM_ULOG_IN_SYNC, &region, sizeof(region));
}

uint64_t is_clean(uint64_t region)
{
	return ask_u64(DM_ULOG_IS_CLEAN, &region, sizeof(region));
}

uint64_t sync_count(void)
{
	return ask_u64(DM_ULOG_GET_SYNC_COUNT, NULL, 0);
}

void mark(uint64_t region)
{
	ask_ok(DM_ULOG_MARK_REGION, &region, sizeof(region));
}

void clear(uint64_t region)
{
	ask_ok(DM_ULOG_CLEAR_REGION, &region, sizeof(region));
}

void flush(void)
{
	ask_ok(DM_ULOG_FLUSH, NULL, 0);
}

int set_region_sync(uint64_t region, int64_t value)
{
	int64_t payload[2] = {(int64_t)region, value};

	return ask_error(DM_ULOG_SET_REGION_SYNC, payload, sizeof(payload));
}

void expect_text(unsigned type, const char *text)
{
	struct answer answer = ask(type, NULL, 0);

	cr_assert_eq(answer.message.request.error, 0);
	cr_assert_eq(answer.message.request.data_size, strlen(text) + 1);
	cr_assert_str_eq((const char *)answer.message.payload, text);
}

void expect_pair(unsigned type, const void *payload, uint32_t size, uint64_t first, uint64_t second)
{
	struct answer answer = ask(type, payload, size);

	cr_assert_eq(answer.message.request.error, 0);
	cr_assert_eq(answer.message.request.data_size, 16);
	cr_assert_eq(answer_u64(&answer, 0), first, "%s", wire_opcodes[type].name);
	cr_assert_eq(answer_u64(&answer, 1), second, "%s: %lu", wire_opcodes[type].name,
		     answer_u64(&answer, 1));
}

void expect_work(uint64_t region)
{
	expect_pair(DM_ULOG_GET_RESYNC_WORK, NULL, 0, 1, region);
}

void expect_no_work(void)
{
	struct answer answer = ask(DM_ULOG_GET_RESYNC_WORK, NULL, 0);

	cr_assert_eq(answer.message.request.error, 0);
	cr_assert_eq(answer_u64(&answer, 0), 0);
}

void expect_hint(uint64_t hint)
{
	uint64_t region = 1;

	expect_pair(DM_ULOG_IS_REMOTE_RECOVERING, &region, sizeof(region), 0, hint);
}

struct answer ctr(const char *format, ...)
{
	char text[WIRE_PAYLOAD_MAX + 1];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return ask(DM_ULOG_CTR, text, (uint32_t)strlen(text));
}

/* As the kernel does when a request was answered with -ESRCH: with the NUL. */
void reconnect(const struct loop_device *loop, unsigned regions)
{
	char text[WIRE_PAYLOAD_MAX];
	int bytes = snprintf(text, sizeof(text), "%u disk %s 8", regions * 8, loop->path) + 1;

	ask_ok(DM_ULOG_CTR, text, (uint32_t)bytes);
}

void resume(void)
{
	ask_ok(DM_ULOG_RESUME, NULL, 0);
}

/* A log of regions on the loop device, resumed. options: "", " sync" or " nosync". */
void make_log(const struct loop_device *loop, unsigned regions, const char *options)
{
	struct answer answer = ctr("%u disk %s 8%s", regions * 8, loop->path, options);

	cr_assert_eq(answer.message.request.error, 0, "%s", output());
	resume();
}

void destroy_log(void)
{
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
}

void become(uint64_t luid, const char *uuid)
{
	asker_become(&bench.asker, luid, uuid);
}
