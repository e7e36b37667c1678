/* SPDX-License-Identifier: GPL-2.0-or-later */
/* troubled-mirror (perf/soak): what it asks of dirtylogd is so, and what is not it tells. */
#include "tests/lib/daemon.h"
#include "tests/lib/requests.h"
#include "tests/lib/shell.h"

#include <stdio.h>
#include <string.h>

static char said[1024];

TestSuite(trouble, .init = set_up, .fini = tear_down, .timeout = 60);

/* Its exit status. Once is enough for it, whatever it takes. */
static int meet(const char *trouble)
{
	char command[256];

	snprintf(command, sizeof(command), "%s %s 0.1 /tmp 2>&1", TROUBLED_MIRROR, trouble);
	return shell_says(command, said, sizeof(said));
}

static void expect_met(const char *trouble, const char *count)
{
	cr_expect_eq(meet(trouble), 0, "%s: %s", trouble, said);
	cr_expect_str_eq(said, count);
	cr_expect_eq(ask_error(DM_ULOG_DTR, NULL, 0), 0, "%s", output());
}

Test(trouble, a_device_that_fails_is_met)
{
	bench.io_retry = "0.3";
	start();
	expect_met("eio", "eio 1\n");
	expect_said("Input/output error", "has failed");
}

Test(trouble, a_device_that_is_full_is_met)
{
	bench.io_retry = "0.3";
	start();
	expect_met("full", "full 1\n");
	expect_said("No space left on device", "has failed");
}

Test(trouble, a_device_that_hangs_is_met)
{
	start();
	expect_met("hang", "hang 1\n");
}

Test(trouble, a_log_that_nobody_forgets_is_not_forgotten)
{
	start();
	expect_met("forgotten", "forgotten 0\n");
}

/* dirtylogd retries for longer than the mirror waits to be told. */
Test(trouble, a_mirror_that_is_not_told_of_a_failure_tells_so)
{
	bench.io_retry = "100";
	start();
	cr_expect_eq(meet("full"), 1);
	cr_expect(strstr(said, "is not told that its log device fails"), "%s", said);
}

Test(trouble, a_mirror_that_nobody_answers_tells_so)
{
	cr_expect_eq(meet("full"), 1);
	cr_expect(strstr(said, "no answer to ctr"), "%s", said);
}
