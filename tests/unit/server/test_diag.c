/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines come out, at once and from a writer that sleeps meanwhile; those that are lost are told. */
#include "server/base/clock.h"
#include "server/base/diag.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <criterion/criterion.h>

#define THREADS 4u
#define LINES 2000u /* of each */
#define PATIENCE_MSEC 5000

static FILE *out; /* what the writer has written */
static int saved_stderr;

static void start(void)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	out = fdopen(ends[0], "r");
	setvbuf(out, NULL, _IONBF, 0);
	diag_open(DIAG_INFO, false);
	cr_assert_eq(diag_start(), 0);
}

static void restore_stderr(void)
{
	dup2(saved_stderr, STDERR_FILENO);
}

/* Without a sleep, so that what is written next finds the writer about to go to sleep. */
static bool line_comes(void)
{
	int64_t end_ns = clock_now() + PATIENCE_MSEC * NSEC_PER_MSEC;
	struct pollfd poll_fd = {.fd = fileno(out), .events = POLLIN};
	char line[512];

	while (poll(&poll_fd, 1, 0) == 0)
		if (clock_now() > end_ns)
			return false;
	return fgets(line, sizeof(line), out);
}

/* A wake-up that is lost once would be for good. */
Test(logging, each_line_comes_out_before_the_next_one, .timeout = 60)
{
	unsigned came = 0;

	start();
	for (unsigned i = 0; i < 20000; i++) {
		diag_info("line %u", i);
		if (!line_comes())
			break;
		came++;
	}
	restore_stderr();
	cr_assert_eq(came, 20000);
}

static void *write_lines(void *argument)
{
	for (unsigned i = 0; i < LINES; i++)
		diag_info("line %u", i);
	return NULL;
}

/* Until the end of what was written: lines, and those that the writer counted as lost. */
static unsigned read_all(void)
{
	unsigned lines = 0, lost;
	char line[512];

	while (fgets(line, sizeof(line), out)) {
		if (sscanf(line, "dirtylogd: warning: %u log lines lost", &lost) == 1)
			lines += lost;
		else
			lines++;
	}
	return lines;
}

static void *read_meanwhile(void *lines)
{
	*(unsigned *)lines = read_all();
	return NULL;
}

Test(logging, lines_of_many_threads_come_out_or_are_counted_as_lost)
{
	pthread_t threads[THREADS], reader;
	unsigned lines = 0;

	start();
	pthread_create(&reader, NULL, read_meanwhile, &lines);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, write_lines, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	diag_stop();
	restore_stderr(); /* the pipe's end */
	pthread_join(reader, NULL);
	cr_assert_eq(lines, THREADS * LINES);
}

static long voluntary_switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw;
}

/* Each wake-up ends in a switch; our own sleep makes one. */
Test(logging, the_writer_sleeps_while_there_is_no_line)
{
	long before, after;

	start();
	diag_info("the last line for a while");
	cr_assert(line_comes());
	usleep(100000);
	before = voluntary_switches();
	usleep(1000000);
	after = voluntary_switches();
	restore_stderr();
	cr_assert_leq(after - before, 3);
}

/* --- the journal --- */

static char datagram[2048];
static size_t datagram_bytes;
static int journal;

/* The journal's socket, in a mount namespace of the test's own, and a stderr beside it. */
static void start_journal(void)
{
	static const struct sockaddr_un address = {.sun_family = AF_UNIX,
						   .sun_path = "/run/systemd/journal/socket"};

	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount("none", "/run", "tmpfs", 0, NULL), 0);
	mkdir("/run/systemd", 0755);
	mkdir("/run/systemd/journal", 0755);
	journal = socket(AF_UNIX, SOCK_DGRAM, 0);
	cr_assert_eq(bind(journal, (const struct sockaddr *)&address, sizeof(address)), 0);
	setenv("JOURNAL_STREAM", "1:1", 1);
	start();
}

/* NAME, its length as 64 bits, and the value. */
static bool has_field(const char *name, const char *value)
{
	char field[256];
	uint64_t length = strlen(value);
	size_t bytes = strlen(name) + 1;

	sprintf(field, "%s\n", name);
	memcpy(field + bytes, &length, sizeof(length));
	strcpy(field + bytes + sizeof(length), value);
	return memmem(datagram, datagram_bytes, field, bytes + sizeof(length) + length);
}

static bool field_comes(void)
{
	struct pollfd poll_fd = {.fd = journal, .events = POLLIN};
	ssize_t n;

	if (poll(&poll_fd, 1, PATIENCE_MSEC) <= 0)
		return false;
	n = recv(journal, datagram, sizeof(datagram), 0);
	datagram_bytes = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static void say_that_a_log_has_failed(void)
{
	diag_write_about(DIAG_ERROR,
			 &(struct diag_subject){DIAG_EVENT_LOG_FAILED, "two\nlines=", 253, 7},
			 "log %d has failed", 1);
}

TestSuite(journal, .timeout = 20);

Test(journal, an_event_has_fields)
{
	start_journal();
	say_that_a_log_has_failed();
	cr_assert(field_comes());
	restore_stderr();
	cr_assert(has_field("MESSAGE", "log 1 has failed"));
	cr_assert(has_field("MESSAGE_ID", DIAG_EVENT_LOG_FAILED));
	cr_assert(has_field("DIRTYLOGD_LOG", "two\nlines="));
	cr_assert(has_field("DIRTYLOGD_DEVICE", "253:7"));
	cr_assert(has_field("PRIORITY", "3"));
}

Test(journal, a_field_that_is_not_known_is_left_out)
{
	start_journal();
	diag_write_about(DIAG_INFO, &(struct diag_subject){.event = DIAG_EVENT_TAKEN_OVER},
			 "taken over");
	cr_assert(field_comes());
	restore_stderr();
	cr_assert(has_field("MESSAGE_ID", DIAG_EVENT_TAKEN_OVER));
	cr_assert_null(memmem(datagram, datagram_bytes, "DIRTYLOGD_", 10));
}

Test(journal, other_lines_go_where_they_went)
{
	start_journal();
	diag_info("a line");
	cr_assert(line_comes());
	restore_stderr();
	cr_assert_lt(recv(journal, datagram, sizeof(datagram), MSG_DONTWAIT), 0);
}

/* Nobody reads; the line comes the other way. */
Test(journal, one_that_takes_nothing_is_not_waited_for)
{
	unsigned came = 0;

	start_journal();
	for (unsigned i = 0; i < 2000 && came == 0; i++) {
		struct pollfd poll_fd = {.fd = fileno(out), .events = POLLIN};

		say_that_a_log_has_failed();
		came += poll(&poll_fd, 1, 1) > 0;
	}
	restore_stderr();
	cr_assert_eq(came, 1);
}

/* --- a log that takes nothing --- */

#define BOUND_MSEC 1000 /* for whatever is said to it */
#define UNREAD_LINES 100u

TestSuite(full_log, .timeout = 20);

static int full_end; /* to read from */

static void fill_stderr(int ends[2])
{
	static const char fill[4096];

	saved_stderr = dup(STDERR_FILENO);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	while (write(ends[1], fill, sizeof(fill)) > 0 || write(ends[1], fill, 1) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	full_end = ends[0];
	fcntl(full_end, F_SETFL, O_NONBLOCK);
}

static void fill_pipe(void)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	fill_stderr(ends);
}

/* What has come since the last time, without what filled it. */
static const char *drain(void)
{
	static char text[1 << 16];
	char part[4096];
	size_t n = 0;
	ssize_t more;

	while ((more = read(full_end, part, sizeof(part))) > 0)
		for (ssize_t i = 0; i < more; i++)
			if (part[i] != '\0' && n < sizeof(text) - 1)
				text[n++] = part[i];
	text[n] = '\0';
	return text;
}

static int64_t msec_since(int64_t start_ns)
{
	return (clock_now() - start_ns) / NSEC_PER_MSEC;
}

static void say_unread_lines(void)
{
	int64_t start_ns = clock_now();
	int64_t msec;

	for (unsigned i = 0; i < UNREAD_LINES; i++)
		diag_info("unread %u", i);
	msec = msec_since(start_ns);
	cr_expect_lt(msec, BOUND_MSEC, "%lld ms", (long long)msec);
}

static void expect_lost_lines_to_be_said(void)
{
	const char *text;

	drain();
	diag_info("read");
	text = drain();
	restore_stderr();
	cr_assert(strstr(text, "info: read\n"), "%s", text);
	cr_assert(strstr(text, "100 log lines lost"), "%s", text);
}

Test(full_log, without_a_writer_a_full_pipe_holds_up_nobody)
{
	fill_pipe();
	diag_open(DIAG_INFO, false);
	say_unread_lines();
	cr_assert_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0, "stderr is not ours alone");
	expect_lost_lines_to_be_said();
}

/* As the journal's. */
Test(full_log, without_a_writer_a_full_socket_holds_up_nobody)
{
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	fill_stderr(ends);
	diag_open(DIAG_INFO, false);
	say_unread_lines();
	expect_lost_lines_to_be_said();
}

Test(full_log, the_end_of_the_writer_does_not_wait_for_a_full_pipe)
{
	int64_t start_ns, msec;

	fill_pipe();
	diag_open(DIAG_INFO, false);
	cr_assert_eq(diag_start(), 0);
	say_unread_lines();
	start_ns = clock_now();
	diag_stop();
	msec = msec_since(start_ns);
	cr_expect_lt(msec, BOUND_MSEC, "%lld ms", (long long)msec);
	expect_lost_lines_to_be_said();
}

/* A pipe's room comes back while the writer is at it. */
Test(full_log, a_line_waits_for_room)
{
	bool came;

	fill_pipe();
	diag_open(DIAG_INFO, false);
	cr_assert_eq(diag_start(), 0);
	diag_info("patient");
	usleep(200000);
	came = strstr(drain(), "info: patient\n"); /* the writer is quick */
	diag_stop();
	came = came || strstr(drain(), "info: patient\n");
	restore_stderr();
	cr_assert(came);
}

Test(full_log, a_child_says_what_its_parent_has_lost)
{
	const char *text;

	fill_pipe();
	diag_open(DIAG_INFO, false);
	diag_info("lost");
	if (fork() == 0) {
		drain();
		diag_info("the child's");
		_exit(0);
	}
	usleep(200000);
	diag_info("the parent's");
	text = drain();
	restore_stderr();
	cr_assert(strstr(text, "1 log lines lost"), "%s", text);
	cr_assert_null(strstr(strstr(text, "log lines lost") + 1, "log lines lost"), "%s", text);
}

static int listen_as_syslog(int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd;

	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/dev", "tmpfs", 0, NULL) != 0)
		return -1; /* not root */
	fd = socket(AF_UNIX, type, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

Test(full_log, a_full_syslog_holds_up_nobody)
{
	char text[512];
	ssize_t n;
	int fd = listen_as_syslog(SOCK_DGRAM);

	if (fd < 0)
		cr_skip_test("root is needed");
	diag_open(DIAG_INFO, true);
	diag_warning("the first");
	n = recv(fd, text, sizeof(text) - 1, 0);
	cr_assert_gt(n, 0);
	text[n] = '\0';
	cr_assert_eq(strncmp(text, "<28>", 4), 0, "%s", text);
	cr_assert(strstr(text, " dirtylogd["), "%s", text);
	cr_assert(strstr(text, "]: the first"), "%s", text);
	for (unsigned i = 0; i < 10; i++)
		say_unread_lines();
	while (recv(fd, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	diag_info("read");
	cr_assert_gt(recv(fd, text, sizeof(text), MSG_DONTWAIT), 0);
	n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	cr_assert_gt(n, 0);
	text[n] = '\0';
	cr_assert(strstr(text, "log lines lost"), "%s", text);
}

Test(full_log, a_syslog_of_streams_that_starts_late_is_spoken_to)
{
	char text[512];
	int fd = listen_as_syslog(SOCK_STREAM), client;

	if (fd < 0)
		cr_skip_test("root is needed");
	diag_open(DIAG_INFO, true);
	diag_info("too early");
	cr_assert_eq(listen(fd, 4), 0);
	diag_info("late");
	client = accept(fd, NULL, NULL);
	cr_assert_geq(client, 0);
	cr_assert_gt(recv(client, text, sizeof(text), 0), 0);
	cr_assert(strstr(text, "]: late"), "%s", text);
}
