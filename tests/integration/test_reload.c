/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dirtylogctl reload: another server of the program that is installed now, or a reason why not, and the same one. */
#include "tests/lib/daemon.h"
#include "tests/lib/requests.h"
#include "tests/lib/shell.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/dirtylogd-reload.XXXXXX";
static const char *built; /* the program under test */
static char program[PATH_MAX], config[PATH_MAX];

/* A copy of the program, which can be removed and replaced. */
static void install(void)
{
	char command[3 * PATH_MAX];

	unlink(program);
	snprintf(command, sizeof(command), "cp '%s' '%s'", built, program);
	cr_assert_eq(system(command), 0);
}

static void set_up_program(void)
{
	set_up();
	built = daemon_path();
	cr_assert(mkdtemp(directory));
	snprintf(program, sizeof(program), "%s/dirtylogd", directory);
	snprintf(config, sizeof(config), "%s/dirtylogd.conf", directory);
	install();
}

static void tear_down_program(void)
{
	tear_down();
	unlink(program);
	unlink(config);
	rmdir(directory);
}

TestSuite(reload, .init = set_up_program, .fini = tear_down_program, .timeout = 60);

static void write_config(const char *line)
{
	FILE *file = fopen(config, "we");

	cr_assert(file);
	fprintf(file, "%s\n", line);
	fclose(file);
}

static void start_installed(void)
{
	write_config("max-lazy = 5");
	bench.supervised = true;
	bench.config = config;
	setenv("DIRTYLOGD", program, 1);
	start();
}

/* Its exit status; what it says has the text. */
static int reload(const char *options, const char *text)
{
	char command[PATH_MAX + 64], said[4096];
	int status;

	snprintf(command, sizeof(command), "%s reload %s 2>&1", DIRTYLOGCTL, options);
	status = shell_says(command, said, sizeof(said));
	cr_assert(strstr(said, text), "no \"%s\" in: %s", text, said);
	return status;
}

static void expect_reloads(const char *options, bool another)
{
	unsigned long before = stat_of("server_pid");

	cr_assert_eq(reload(options, "goes on as"), 0);
	cr_assert_eq(stat_of("server_pid") != before, another);
}

/* ThreadSanitizer maps a file that it has removed. */
static void needs_files_of_its_own(void)
{
	if (getenv("TSAN_OPTIONS"))
		cr_skip_test("ThreadSanitizer\n");
}

static void expect_refused(const char *why)
{
	unsigned long before = stat_of("server_pid");

	cr_assert_eq(reload("", why), 1);
	cr_assert_eq(stat_of("server_pid"), before);
}

Test(reload, another_server_goes_on_with_the_logs)
{
	start_installed();
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	mark(3);
	expect_reloads("", true);
	cr_assert_eq(is_clean(3), 0);
}

Test(reload, where_nobody_serves_that_is_told)
{
	cr_assert_eq(reload("", "dirtylogd"), 3);
}

Test(reload, one_without_a_supervisor_is_not)
{
	start();
	expect_refused("without a supervisor");
}

Test(reload, wrong_options_change_nothing)
{
	start_installed();
	write_config("max-lazy = many");
	expect_refused("goes on as it is");
}

Test(reload, a_program_that_cannot_be_run_changes_nothing)
{
	start_installed();
	unlink(program);
	expect_refused("cannot be run");
}

Test(reload, a_program_that_is_still_there_can_stay)
{
	needs_files_of_its_own();
	start_installed();
	expect_reloads("--if-removed", false);
}

/* As by an upgrade. */
Test(reload, a_program_that_was_removed_is_the_one_that_is_there_now)
{
	needs_files_of_its_own();
	start_installed();
	install();
	expect_reloads("--if-removed", true);
	expect_reloads("--if-removed", false);
}
