/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How it is started: by whom, in the background, with options and a recording that it cannot take. */
#include "tests/lib/daemon.h"
#include "tests/lib/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static char config[64], recording[64];

static void set_up_files(void)
{
	set_up();
	snprintf(config, sizeof(config), "%s/conf", bench.run_dir);
	snprintf(recording, sizeof(recording), "%s/recording", bench.run_dir);
}

static void tear_down_files(void)
{
	char second[80];

	snprintf(second, sizeof(second), "%s.2", recording);
	unlink(config);
	unlink(recording);
	unlink(second);
	tear_down();
}

TestSuite(start, .init = set_up_files, .fini = tear_down_files, .timeout = 60);

/* Its exit status. */
static int run(char *const *args)
{
	int status;

	waitpid(spawn(args), &status, 0);
	cr_assert(WIFEXITED(status), "status %#x", (unsigned)status);
	return WEXITSTATUS(status);
}

static void write_config(const char *format, const char *value)
{
	FILE *file = fopen(config, "we");

	cr_assert(file);
	fprintf(file, format, value);
	fclose(file);
	bench.config = config;
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size > 0;
}

static void become_nobody(void)
{
	if (setresuid(NOBODY, NOBODY, NOBODY) != 0)
		_exit(9);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* which that has reset */
}

/* It would keep the place from one that can. */
Test(start, who_cannot_serve_is_refused)
{
	char *args[] = {"dirtylogd", "--foreground", NULL};

	bench.in_child = become_nobody;
	cr_assert_eq(run(args), 1);
	expect_said("must run as root", "CAP_NET_ADMIN");
	bench.in_child = NULL;
	start();
}

/* Whoever has started it goes on when it is there. */
Test(start, it_goes_to_the_background)
{
	char *args[] = {"dirtylogd", "--config", "/dev/null", "--supervise", "no", NULL};
	pid_t pid;

	cr_assert_eq(run(args), 0);
	EXPECT_SOON(control_answers(), "it does not serve:\n%s", output());
	pid = (pid_t)stat_of("server_pid");
	cr_assert_gt(pid, 0);
	cr_assert_neq(getsid(pid), getsid(0));
	cr_assert_eq(kill(pid, SIGTERM), 0);
	EXPECT_SOON(!control_answers(), "it does not end");
}

static void close_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		close(fd);
}

/* Its lock and its sockets would be in their place, and be closed for /dev/null. */
Test(start, it_goes_to_the_background_though_standard_descriptors_are_closed)
{
	char *args[] = {"dirtylogd", "--config", "/dev/null", "--supervise", "no", NULL};
	pid_t pid;

	bench.in_child = close_standard_fds;
	cr_assert_eq(run(args), 0);
	EXPECT_SOON(control_answers(), "it does not serve");
	cr_assert_eq(run(args), 1, "there are two");
	pid = (pid_t)stat_of("server_pid");
	cr_assert_eq(kill(pid, SIGTERM), 0);
	EXPECT_SOON(!control_answers(), "it does not end");
}

Test(start, check_tells_what_is_wrong_and_starts_nothing)
{
	char *args[] = {"dirtylogd", "--check", "--config", config, NULL};

	write_config("max-lazy = %s\n", "many");
	cr_assert_eq(run(args), 1);
	expect_said("conf:1: max-lazy = many", "");
	write_config("max-lazy = %s\n", "5");
	cr_assert_eq(run(args), 0);
	cr_assert_not(control_answers());
}

static void write_to_a_full_disk(void)
{
	dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
}

Test(start, an_output_that_is_lost_is_a_failure)
{
	const char *words[] = {"--help", "--version", "--print-config"};

	bench.in_child = write_to_a_full_disk;
	for (unsigned i = 0; i < 3; i++) {
		char *args[] = {"dirtylogd", (char *)words[i], NULL};

		cr_assert_eq(run(args), 1, "%s", words[i]);
	}
	expect_said("dirtylogd: cannot write to stdout", "No space left on device");
	bench.in_child = NULL;
}

/* As without a /proc, which a sanitizer could not do without either. */
static void find_no_program(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(readlink), 0) != 0 ||
	    seccomp_load(filter) != 0)
		_exit(9);
}

Test(start, who_does_not_find_its_program_says_so)
{
	char *args[] = {"dirtylogd", "--foreground", NULL};

	bench.in_child = find_no_program;
	cr_assert_eq(run(args), 1);
	expect_said("cannot start: No such file or directory", "is /proc mounted?");
	bench.in_child = NULL;
}

Test(start, a_recording_that_cannot_be_made_keeps_it_from_nothing)
{
	write_config("record = %s\n", "/tmp/nothing/is/there");
	start();
	expect_said("cannot record to /tmp/nothing/is/there", "nothing is recorded");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
}

/* It must not go on in one that breaks off anywhere. */
Test(start, a_successor_records_to_a_file_of_its_own)
{
	char second[80];

	snprintf(second, sizeof(second), "%s.2", recording);
	write_config("record = %s\n", recording);
	bench.supervised = true;
	start();
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	EXPECT_SOON(is_file(recording), "nothing is recorded");
	cr_assert_not(is_file(second));
	kill((pid_t)stat_of("server_pid"), SIGKILL);
	resume();
	EXPECT_SOON(is_file(second), "the successor records nothing");
}
