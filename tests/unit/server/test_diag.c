/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines come out, at once and from a writer that sleeps meanwhile; those that are lost are told. */
#include "server/base/clock.h"
#include "server/base/diag.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
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
