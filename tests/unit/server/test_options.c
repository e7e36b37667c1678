/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of dirtylogd: what each option sets, and what is said to a wrong one. */
#include "server/options.h"
#include "tests/lib/command_line.h"

#include <unistd.h>

static struct options options;

static int parse(int argc, char **argv)
{
	return options_parse(&options, argc, argv);
}

static int run(const char *line)
{
	return command_line_run(parse, "dirtylogd", line);
}

static void take(const char *line)
{
	cr_assert_eq(run(line), -1, "%s: %s", line, said);
	cr_assert_str_empty(said);
}

static void refuse(const char *line, const char *message)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "dirtylogd: %s\nTry 'dirtylogd --help'.\n", message);
	cr_assert_eq(run(line), 2, "%s", line);
	cr_assert_str_eq(said, whole);
}

Test(options, defaults)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	take("");
	cr_assert_not(options.foreground);
	cr_assert_eq(options.workers, cores > 4 ? 4 : cores);
	cr_assert_eq(options.log_level, DIAG_INFO);
	cr_assert_eq(options.log.clear_delay_ns, 5000000000);
	cr_assert_eq(options.log.max_lazy, 4096);
	cr_assert_eq(options.log.retry_limit_ns, 10000000000);
	cr_assert_eq(options.rcvbuf, 64 << 20);
	cr_assert_eq(options.busy_poll_ns, 0);
	cr_assert(options.follow);
	cr_assert_eq(options.placement.count, 0);
	cr_assert_eq(options.io_engine, FLUSH_ENGINE_AUTO);
	cr_assert_not(options.accept_any);
	cr_assert(options.supervise);
	cr_assert_null(options.record);
	cr_assert_null(options.query_device);
	cr_assert_null(options.cycle_device);
}

Test(options, each_sets_its_field)
{
	take("--foreground --workers 64 --log-level debug --clear-delay 0.5");
	cr_assert(options.foreground);
	cr_assert_eq(options.workers, 64);
	cr_assert_eq(options.log_level, DIAG_DEBUG);
	cr_assert_eq(options.log.clear_delay_ns, 500000000);
	take("--max-lazy 0 --io-retry 86400 --rcvbuf 65536 --busy-poll 1000000");
	cr_assert_eq(options.log.max_lazy, 0);
	cr_assert_eq(options.log.retry_limit_ns, INT64_C(86400000000000));
	cr_assert_eq(options.rcvbuf, 65536);
	cr_assert_eq(options.busy_poll_ns, 1000000000);
	take("--follow no --cpus 0 --accept-from any --supervise no");
	cr_assert_not(options.follow);
	cr_assert_eq(options.placement.count, 1);
	cr_assert(options.accept_any);
	cr_assert_not(options.supervise);
	take("--record /tmp/r --query-device a --cycle-device=b");
	cr_assert_str_eq(options.record, "/tmp/r");
	cr_assert_str_eq(options.query_device, "a");
	cr_assert_str_eq(options.cycle_device, "b");
}

Test(options, letters_are_the_same_options)
{
	take("-f -w 3 -lerror -c 0");
	cr_assert(options.foreground);
	cr_assert_eq(options.workers, 3);
	cr_assert_eq(options.log_level, DIAG_ERROR);
	cr_assert_eq(options.log.clear_delay_ns, 0);
	take("-m 7 -R 1 -r 1M -p 2");
	cr_assert_eq(options.log.max_lazy, 7);
	cr_assert_eq(options.log.retry_limit_ns, 1000000000);
	cr_assert_eq(options.rcvbuf, 1 << 20);
	cr_assert_eq(options.busy_poll_ns, 2000);
	take("-F no -u 0 -e sync -a any");
	cr_assert_not(options.follow);
	cr_assert_eq(options.placement.count, 1);
	cr_assert_eq(options.io_engine, FLUSH_ENGINE_SYNC);
	cr_assert(options.accept_any);
	take("-o r -s no");
	cr_assert_str_eq(options.record, "r");
	cr_assert_not(options.supervise);
}

Test(options, words_are_the_enums)
{
	take("-e auto -l warning");
	cr_assert_eq(options.io_engine, FLUSH_ENGINE_AUTO);
	cr_assert_eq(options.log_level, DIAG_WARNING);
	take("-e uring -l info");
	cr_assert_eq(options.io_engine, FLUSH_ENGINE_URING);
	cr_assert_eq(options.log_level, DIAG_INFO);
	take("-s yes -F yes -a kernel");
	cr_assert(options.supervise);
	cr_assert(options.follow);
	cr_assert_not(options.accept_any);
}

Test(options, the_last_one_counts)
{
	take("--follow no --workers 2 --workers 5 --follow yes");
	cr_assert(options.follow);
	cr_assert_eq(options.workers, 5);
}

Test(options, a_beginning_is_enough)
{
	take("--work 9 --su=no");
	cr_assert_eq(options.workers, 9);
	cr_assert_not(options.supervise);
}

Test(options, wrong_numbers_are_told_their_range)
{
	refuse("--workers 0", "--workers 0: expected a number from 1 to 64");
	refuse("-w 65", "--workers 65: expected a number from 1 to 64");
	refuse("--workers=", "--workers : expected a number from 1 to 64");
	refuse("--workers 1x", "--workers 1x: expected a number from 1 to 64");
	refuse("--workers -1", "--workers -1: expected a number from 1 to 64");
	refuse("--workers 18446744073709551617",
	       "--workers 18446744073709551617: expected a number from 1 to 64");
	refuse("--clear-delay -1", "--clear-delay -1: expected seconds from 0 to 86400");
	refuse("--clear-delay nan", "--clear-delay nan: expected seconds from 0 to 86400");
	refuse("--io-retry 86401", "--io-retry 86401: expected seconds from 0 to 86400");
	refuse("--io-retry 1s", "--io-retry 1s: expected seconds from 0 to 86400");
	refuse("--max-lazy -1", "--max-lazy -1: expected a number of regions");
	refuse("--max-lazy many", "--max-lazy many: expected a number of regions");
	refuse("--rcvbuf 65535", "--rcvbuf 65535: expected bytes from 65536 to 1073741824");
	refuse("--rcvbuf 1025M", "--rcvbuf 1025M: expected bytes from 65536 to 1073741824");
	refuse("--rcvbuf 17179869184G",
	       "--rcvbuf 17179869184G: expected bytes from 65536 to 1073741824");
	refuse("--busy-poll 1000001",
	       "--busy-poll 1000001: expected microseconds from 0 to 1000000");
}

Test(options, wrong_words_are_told_the_right_ones)
{
	refuse("-l loud", "--log-level loud: expected error, warning, info or debug");
	refuse("--io-engine aut", "--io-engine aut: expected auto, uring or sync");
	refuse("--io-engine auto|uring", "--io-engine auto|uring: expected auto, uring or sync");
	refuse("--follow 1", "--follow 1: expected yes or no");
	refuse("--supervise=", "--supervise : expected yes or no");
	refuse("--accept-from all", "--accept-from all: expected kernel or any");
	refuse("--cpus x", "--cpus x: expected processors that may be used, as 0-3,8");
}

Test(options, what_is_no_option_is_refused)
{
	refuse("--bogus", "unrecognized option '--bogus'");
	refuse("-Z", "invalid option -- 'Z'");
	refuse("--usage", "unrecognized option '--usage'");
	refuse("--workers", "option '--workers' requires an argument");
	refuse("--foreground=1", "option '--foreground' doesn't allow an argument");
	refuse("-f stray", "stray: no arguments are expected");
	refuse("-- -f", "-f: no arguments are expected");
}

Test(options, version)
{
	cr_assert_eq(run("--version"), 0);
	cr_assert_str_eq(said, "dirtylogd " DIRTYLOG_VERSION "\n");
	cr_assert_eq(run("-f -V --bogus"), 0);
}

Test(options, help_fits_and_hides_what_is_for_children)
{
	setenv("ARGP_HELP_FMT", "rmargin=200", 1);
	cr_assert_eq(run("-h"), 0);
	expect_lines_within(said, 80);
	cr_assert(strstr(said, "--workers=N"));
	cr_assert(strstr(said, "(default 4096)"));
	cr_assert(strstr(said, "SIGHUP"));
	cr_assert_not(strstr(said, "query-device"));
	cr_assert_not(strstr(said, "cycle-device"));
}
