/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylogctl check, on a host of which things are wrong that a test can bring about; the rest is for guests. */
#include "server/netlink/transport.h"
#include "tests/lib/daemon.h"
#include "tests/lib/shell.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(check, .init = set_up, .fini = tear_down, .timeout = 60);

static char found[16384];

/* In a host without systemd something is wrong always. */
static void check(const char *options)
{
	char command[256];
	int status;

	snprintf(command, sizeof(command), "%s check %s 2>&1", DIRTYLOGCTL, options);
	status = shell_says(command, found, sizeof(found));
	cr_assert_eq(status, strstr(found, "bad  ") != NULL, "status %d: %s", status, found);
}

static void expect_found(const char *line, bool is)
{
	cr_assert_eq(strstr(found, line) != NULL, is, "\"%s\": %s", line, found);
}

Test(check, that_nobody_answers_is_bad)
{
	check("");
	expect_found("bad   no dirtylogd answers", true);
	start();
	check("");
	expect_found("bad   no dirtylogd answers", false);
	expect_found("ok    dirtylogd answers", true);
}

Test(check, that_another_listens_is_bad)
{
	struct transport other;

	start();
	check("");
	expect_found("ok    nobody else listens to the kernel's requests", true);
	cr_assert_eq(transport_open(&other, 1 << 20), 0);
	transport_join(&other);
	check("");
	expect_found("bad   2 sockets listen to the kernel's requests", true);
}

Test(check, a_module_that_is_missing_is_bad)
{
	pretend_module(false);
	check("");
	expect_found("bad   dm_log_userspace: the kernel's module is not loaded", true);
	pretend_module(true);
	check("");
	expect_found("ok    dm_log_userspace", true);
	expect_found("bad   dm_mirror: the kernel's module is not loaded", true);
}

/* Whether there is one thing of this name that is so. */
static bool is_told(const char *what, const char *ok)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "%s check --json | jq -e 'map(select(.what | startswith(\"%s\"))) | length == 1 "
		 "and .[0].ok == %s' >/dev/null",
		 DIRTYLOGCTL, what, ok);
	return system(command) == 0;
}

Test(check, programs_are_told_the_same)
{
	start();
	cr_assert(is_told("dirtylogd answers", "true"));
	end_daemon(SIGKILL);
	cr_assert(is_told("no dirtylogd answers", "false"));
}
