/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylog-load: what it says, and its exit status, where it cannot do as it was told. */
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"
#include "tests/lib/shell.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHORT " --logs 1 --warmup 0 --seconds 0.3 --lost-after 20"

static char said[8192]; /* by the last load, on stderr */

TestSuite(load, .init = set_up, .fini = tear_down, .timeout = 60);

/* Its exit status. words: with a redirection of stdout behind them. */
static int load(const char *words)
{
	char command[512];

	snprintf(command, sizeof(command), "%s 2>&1 %s", DIRTYLOG_LOAD, words);
	return shell_says(command, said, sizeof(said));
}

static void expect_told(const char *words)
{
	cr_expect(strstr(said, words), "no \"%s\" in: %s", words, said);
}

Test(load, an_output_that_is_lost_is_a_failure)
{
	const char *words[] = {"--help", "--version", "--spawn" SHORT, "--spawn --json=-" SHORT};
	char line[256];

	for (unsigned i = 0; i < 4; i++) {
		snprintf(line, sizeof(line), "%s >/dev/full", words[i]);
		cr_expect_eq(load(line), 1, "%s: %s", words[i], said);
		expect_told("dirtylog-load: cannot write to stdout");
	}
}

Test(load, servers_that_were_not_killed_are_a_failure)
{
	cr_expect_eq(load("--spawn --kill 1000" SHORT " >/dev/null"), 1, "%s", said);
	expect_told("of 1000 servers were killed in the time");
	cr_expect_eq(load("--spawn --kill 1 --logs 1 --warmup 0 --lost-after 20 >/dev/null"), 0,
		     "%s", said);
}

/* The log of the run before is not to be believed. */
Test(load, a_device_is_overwritten)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	char line[256];

	snprintf(line, sizeof(line), "--spawn --type disk --device %s" SHORT " >/dev/null",
		 loop.path);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(load(line), 0, "run %u: %s", i, said);
}

Test(load, a_device_that_is_in_use_is_not_overwritten)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	char line[256];
	int claim;

	snprintf(line, sizeof(line), "--spawn --type disk --device %s" SHORT " >/dev/null",
		 loop.path);
	start();
	make_log(&loop, REGIONS, " nosync");
	cr_expect_eq(load(line), 1, "%s", said);
	expect_told("is in use");
	cr_expect_eq(regions_on_disk(&loop), REGIONS);
	end_daemon(SIGTERM);
	claim = open(loop.path, O_RDWR | O_EXCL);
	cr_assert_geq(claim, 0);
	cr_expect_eq(load(line), 1, "%s", said);
	expect_told("is in use");
	cr_expect_eq(regions_on_disk(&loop), REGIONS);
	close(claim);
}

Test(load, a_processor_that_cannot_be_had_is_told)
{
	cr_expect_eq(load("--spawn --cpus 1023,-1" SHORT " >/dev/null"), 1);
	expect_told("--cpus: processor 1023: Invalid argument");
	cr_expect_eq(load("--spawn --cpus -1,1022" SHORT " >/dev/null"), 1);
	expect_told("--cpus: processor 1022: Invalid argument");
	cr_expect_eq(load("--spawn --cpus 0,0" SHORT " >/dev/null"), 0, "%s", said);
}

Test(load, a_program_that_ends_well_at_once_is_told)
{
	cr_expect_eq(load("--spawn=/bin/true" SHORT " >/dev/null"), 1);
	expect_told("the daemon ended at once, with status 0");
}
