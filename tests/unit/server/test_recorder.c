/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recordings whose file cannot be had, or not be written. */
#include "server/base/diag.h"
#include "server/netlink/recorder.h"
#include "server/protocol/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <criterion/criterion.h>

static char path[] = "/tmp/dirtylogd-recording.XXXXXX";

static void set_up(void)
{
	cr_assert_geq(mkstemp(path), 0);
}

static void tear_down(void)
{
	unlink(path);
}

TestSuite(recorder, .init = set_up, .fini = tear_down, .timeout = 30);

Test(recorder, a_file_that_is_there_is_left_alone)
{
	struct recorder *recorder = NULL;

	cr_assert_eq(recorder_start(&recorder, path), -EEXIST);
	cr_assert_null(recorder);
}

Test(recorder, a_directory_that_is_not_there_is_told)
{
	struct recorder *recorder = NULL;

	cr_assert_eq(recorder_start(&recorder, "/tmp/nothing/is/there"), -ENOENT);
}

/* Files of this process end here, as if the disk were full. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(recorder, a_file_without_room_for_its_header_is_told_and_not_left)
{
	struct recorder *recorder = NULL;
	int r;

	unlink(path);
	limit_files(1);
	r = recorder_start(&recorder, path);
	limit_files(RLIM_INFINITY);
	cr_assert_eq(r, -EFBIG);
	cr_assert_neq(access(path, F_OK), 0, "the next try finds it there");
}

static int log_pipe[2]; /* of what it says: no file, which would be limited, too */

static void expect_said(const char *text)
{
	static char said[4096];
	static size_t length;

	for (unsigned tries = 0; tries < 1000 && !strstr(said, text); tries++) {
		ssize_t n = read(log_pipe[0], said + length, sizeof(said) - 1 - length);

		length += n > 0 ? (size_t)n : 0;
		usleep(5000);
	}
	cr_assert(strstr(said, text), "no \"%s\" in: %s", text, said);
}

/* To a file that can take so many bytes; what is said goes to the pipe. */
static struct recorder *start_limited(rlim_t bytes)
{
	struct recorder *recorder = NULL;

	cr_assert_eq(pipe2(log_pipe, O_NONBLOCK), 0);
	dup2(log_pipe[1], STDERR_FILENO);
	diag_open(DIAG_INFO, false);
	unlink(path);
	cr_assert_eq(recorder_start(&recorder, path), 0);
	limit_files(bytes);
	return recorder;
}

/* Whoever asks is served on. */
Test(recorder, a_full_disk_ends_the_recording_and_nothing_else)
{
	struct wire_message message = {.request = {.request_type = DM_ULOG_FLUSH}};
	struct recorder *recorder = start_limited(100);

	recorder_put(recorder, &message);
	expect_said("recording ends: cannot write its file: File too large");
	limit_files(RLIM_INFINITY);
	recorder_put(recorder, &message);
	recorder_stop(recorder);
	expect_said("0 requests recorded, 2 missed");
}

/* Whole records, all of which were read. Returns how many. */
static unsigned read_back(void)
{
	static _Alignas(8) uint8_t bytes[8192];
	struct recording_reader reader;
	struct recording_record record;
	FILE *file = fopen(path, "re");
	unsigned count = 0;
	int r;

	cr_assert_not_null(file);
	cr_assert_eq(recording_open(&reader, bytes, fread(bytes, 1, sizeof(bytes), file)), 0);
	fclose(file);
	while ((r = recording_next(&reader, &record)) > 0)
		count++;
	cr_assert_eq(r, 0, "half a record behind %u", count);
	return count;
}

/* It can be played again: half a record could not. */
Test(recorder, what_a_full_disk_has_taken_is_whole)
{
	struct wire_message message = {.request = {.request_type = DM_ULOG_FLUSH}};
	struct recorder *recorder = start_limited(
		RECORDING_HEADER_BYTES + 5 * (RECORDING_HEADER_BYTES + RECORDING_DATA_MIN) / 2);

	for (unsigned i = 0; i < 4; i++)
		recorder_put(recorder, &message);
	expect_said("recording ends: cannot write its file: File too large");
	limit_files(RLIM_INFINITY);
	recorder_stop(recorder);
	expect_said("2 requests recorded, 2 missed");
	cr_assert_eq(read_back(), 2);
}

/* More than the ring holds, which goes round: in pieces that no record fits into evenly. */
Test(recorder, all_is_recorded_and_counted_round_the_ring)
{
	struct wire_message message = {.request = {.request_type = DM_ULOG_FLUSH}};
	const unsigned count = 300000, at_a_time = 30000;
	struct recorder *recorder = NULL;
	struct stat st;

	cr_assert_eq(pipe2(log_pipe, O_NONBLOCK), 0);
	dup2(log_pipe[1], STDERR_FILENO);
	diag_open(DIAG_INFO, false);
	unlink(path);
	cr_assert_eq(recorder_start(&recorder, path), 0);
	for (unsigned i = 0; i < count; i++) {
		recorder_put(recorder, &message);
		if (i % at_a_time == 0)
			usleep(200000); /* it is written meanwhile */
	}
	recorder_stop(recorder);
	expect_said("300000 requests recorded, 0 missed");
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq((size_t)st.st_size,
		     RECORDING_HEADER_BYTES +
			     count * (size_t)(RECORDING_HEADER_BYTES + RECORDING_DATA_MIN));
}
