/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of dirtylogd: what each option sets, and what is said to a wrong one. */
#include "server/options.h"
#include "tests/lib/command_line.h"

#include <sys/stat.h>
#include <unistd.h>

static struct options options;

static int parse(int argc, char **argv)
{
	return options_parse(&options, argc, argv);
}

static int run(const char *line)
{
	free(options.config_faults);
	options.config_faults = NULL;
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
	cr_assert_eq(options.clear_delay_ns, 5000000000);
	cr_assert_eq(options.max_lazy, 4096);
	cr_assert_eq(options.mark_ahead, 64);
	cr_assert_eq(options.resync_rate, 0);
	cr_assert_eq(options.log.retry_limit_ns, 10000000000);
	cr_assert_eq(options.rcvbuf, 64 << 20);
	cr_assert_eq(options.busy_poll_ns, 0);
	cr_assert(options.follow);
	cr_assert_eq(options.placement.count, 0);
	cr_assert_eq(options.io_engine, FLUSH_ENGINE_AUTO);
	cr_assert_not(options.accept_any);
	cr_assert(options.supervise);
	cr_assert_null(options.record);
	cr_assert_eq(options.metrics_listen.length, 0);
	cr_assert_null(options.query_device);
	cr_assert_null(options.cycle_device);
}

Test(options, metrics_are_told_on_this_host_alone)
{
	static const char wanted[] =
		"an address of this host alone and a port, as 127.0.0.1:9733 or "
		"[::1]:9733";
	static const char *const wrong[] = {"0.0.0.0:9733", "10.0.0.1:1",    "[::]:9733",
					    "127.0.0.1",    "127.0.0.1:0",   "127.0.0.1:65536",
					    "localhost:80", "127.0.0.1:80x", "[::1]9733"};
	char line[64], message[160];

	take("--metrics-listen 127.0.0.1:9733");
	cr_assert_eq(options.metrics_listen.ip4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	cr_assert_eq(options.metrics_listen.ip4.sin_port, htons(9733));
	take("--metrics-listen 127.1.2.3:1");
	take("--metrics-listen [::1]:9733");
	cr_assert_eq(options.metrics_listen.any.sa_family, AF_INET6);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(line, sizeof(line), "--metrics-listen %s", wrong[i]);
		snprintf(message, sizeof(message), "--metrics-listen %s: expected %s", wrong[i],
			 wanted);
		refuse(line, message);
	}
}

Test(options, each_sets_its_field)
{
	take("--foreground --workers 64 --log-level debug --clear-delay 0.5");
	cr_assert(options.foreground);
	cr_assert_eq(options.workers, 64);
	cr_assert_eq(options.log_level, DIAG_DEBUG);
	cr_assert_eq(options.clear_delay_ns, 500000000);
	take("--max-lazy 0 --io-retry 86400");
	cr_assert_eq(options.max_lazy, 0);
	cr_assert_eq(options.log.retry_limit_ns, INT64_C(86400000000000));
	take("--probe 0.5");
	cr_assert_eq(options.log.probe_ns, 500000000);
	take("--rcvbuf 65536 --busy-poll 1000000");
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
	cr_assert_eq(options.clear_delay_ns, 0);
	take("-m 7 -R 1 -r 1M -p 2");
	cr_assert_eq(options.max_lazy, 7);
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

/* --- the file of options --- */

/* With what stands in the file, and the line behind it. */
static void take_file(const char *text, const char *line)
{
	char path[] = "/tmp/dirtylogd-options.XXXXXX", whole[256];
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(whole, sizeof(whole), "--config %s %s", path, line);
	take(whole);
	unlink(path);
}

/* One fault, on that line. */
static void expect_fault(unsigned line, const char *fault)
{
	char *colon = options.config_faults ? strchr(options.config_faults, ':') : NULL;
	char whole[256];

	snprintf(whole, sizeof(whole), ":%u: %s\n", line, fault);
	cr_assert(colon, "no fault");
	cr_assert_str_eq(colon, whole);
}

Test(options_file, sets_what_the_command_line_sets)
{
	take_file(
		"# a comment\nclear-delay = 0.5\n  max-lazy=7 ; another\n\nfollow = no\r\n"
		"record = /tmp/r\nclustered-as-single-host = yes\nlog-level: debug\nrcvbuf = 1M\n",
		"");
	cr_assert_null(options.config_faults, "%s", options.config_faults);
	cr_assert_eq(options.clear_delay_ns, 500000000);
	cr_assert_eq(options.max_lazy, 7);
	cr_assert_not(options.follow);
	cr_assert_str_eq(options.record, "/tmp/r");
	free((char *)options.record);
	cr_assert(options.clustered_as_single_host);
	cr_assert_eq(options.log_level, DIAG_DEBUG);
	cr_assert_eq(options.rcvbuf, 1 << 20);
	cr_assert_eq(options.log.retry_limit_ns, 10000000000,
		     "the default of what it does not say");
}

Test(options_file, the_command_line_goes_before)
{
	take_file("clear-delay = 9\nmax-lazy = 9\n", "--clear-delay 3");
	cr_assert_eq(options.clear_delay_ns, 3000000000);
	cr_assert_eq(options.max_lazy, 9);
}

Test(options_file, a_wrong_line_is_named_and_passed_over)
{
	take_file("max-lazy = 9\n\nworkers = many\nclear-delay = 3\n", "");
	expect_fault(3, "workers = many: expected a number from 1 to 64");
	cr_assert_eq(options.max_lazy, 9);
	cr_assert_eq(options.clear_delay_ns, 3000000000);
	cr_assert_geq(options.workers, 1);
	take_file("io-engine = sync\nio-engine = fast\n", "");
	expect_fault(2, "io-engine = fast: expected auto, uring or sync");
	cr_assert_eq(options.io_engine, FLUSH_ENGINE_SYNC, "what was set before stands");
	take_file("max-lazy = 7\nmax-lazy = 99999999999G\n", "");
	cr_assert_eq(options.max_lazy, 7);
	take_file("follow = no\nfollow = perhaps\n", "");
	expect_fault(2, "follow = perhaps: expected yes or no");
	cr_assert_not(options.follow);
	take_file("cpus = 0\ncpus = 4095\n", "");
	cr_assert_eq(options.placement.count, 1);
	cr_assert(CPU_ISSET(0, &options.placement.cpus));
}

Test(options_file, what_is_no_option_is_named)
{
	take_file("[threads]\n", "");
	expect_fault(1, "there are no sections");
	take_file("workers\n", "");
	expect_fault(1, "expected `name = value`");
	take_file("wrkers = 3\n", "");
	expect_fault(1, "wrkers = 3: no such option");
	/* Of the command line alone. */
	take_file("foreground = yes\n", "");
	expect_fault(1, "foreground = yes: no such option");
	take_file("cycle-device = 1:1\n", "");
	expect_fault(1, "cycle-device = 1:1: no such option");
}

Test(options_file, one_that_is_named_must_be_there)
{
	take("--config /nonexistent/file");
	cr_assert_str_eq(options.config_faults, "/nonexistent/file: No such file or directory\n");
	take("--config /tmp");
	cr_assert_str_eq(options.config_faults, "/tmp: Is a directory\n");
}

/* libinih takes what follows the 199th character for a line of its own. */
Test(options_file, a_long_line_is_one_line)
{
	char text[600], long_comment[300];

	memset(long_comment, 'a', sizeof(long_comment));
	long_comment[sizeof(long_comment) - 1] = '\0';
	snprintf(text, sizeof(text), "# %.197smax-lazy = 7\n", long_comment);
	take_file(text, "");
	cr_assert_null(options.config_faults, "%s", options.config_faults);
	cr_assert_eq(options.max_lazy, 4096, "a comment sets nothing");
	snprintf(text, sizeof(text), "max-lazy = 7 ; %s\n", long_comment);
	take_file(text, "");
	cr_assert_null(options.config_faults, "%s", options.config_faults);
	cr_assert_eq(options.max_lazy, 7);
	snprintf(text, sizeof(text), "\nrecord = /%s\n", long_comment);
	take_file(text, "");
	expect_fault(2, "it is too long");
	cr_assert_null(options.record, "no part of it is taken");
	snprintf(text, sizeof(text), "record = %.190s\r\n", long_comment);
	take_file(text, "");
	cr_assert_null(options.config_faults, "%s", options.config_faults);
	cr_assert_eq(strlen(options.record), 190);
	free((char *)options.record);
}

Test(options_file, a_character_0_is_told)
{
	static const char text[] = "max-lazy = 7\0junk\nclear-delay = 3\n";
	char path[] = "/tmp/dirtylogd-options.XXXXXX", line[64];
	int fd = mkstemp(path);

	cr_assert_eq(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(fd);
	snprintf(line, sizeof(line), "--config %s", path);
	take(line);
	unlink(path);
	expect_fault(1, "there is a character 0");
	cr_assert_eq(options.max_lazy, 4096);
	cr_assert_eq(options.clear_delay_ns, 3000000000);
}

/* A start waits for nobody: neither for who would write a pipe, nor for the end of a device. */
Test(options_file, what_may_never_end_is_not_read, .timeout = 20)
{
	char path[] = "/tmp/dirtylogd-options.XXXXXX", line[64], fault[96];

	take("--config /dev/null");
	cr_assert_null(options.config_faults, "%s", options.config_faults);
	cr_assert(mkdtemp(path));
	rmdir(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	snprintf(line, sizeof(line), "--config %s", path);
	take(line);
	unlink(path);
	snprintf(fault, sizeof(fault), "%s: Invalid argument\n", path);
	cr_assert_str_eq(options.config_faults, fault);
	take("--config /dev/zero");
	cr_assert_str_eq(options.config_faults, "/dev/zero: Invalid argument\n");
}

Test(options_file, the_shipped_one_has_every_option_and_changes_none)
{
	char *text = NULL, *at;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	options_print_config(out);
	fclose(out);
	for (const char *const *name =
		     (const char *const[]){"workers", "cpus", "rcvbuf", "busy-poll", "follow",
					   "accept-from", "clustered-as-single-host", "record",
					   "clear-delay", "max-lazy", "io-retry", "probe",
					   "io-engine", "log-level", "supervise", "metrics-listen",
					   NULL};
	     *name; name++) {
		char line[64];

		snprintf(line, sizeof(line), "\n#%s = ", *name);
		cr_assert(strstr(text, line), "no %s", *name);
	}
	/* With its defaults in place. */
	for (at = text; (at = strstr(at, "\n#")); at++)
		if (at[2] != ' ')
			at[1] = ' ';
	at = strstr(text, " cpus = ");
	at[0] = '#';
	at = strstr(text, " record = ");
	at[0] = '#';
	at = strstr(text, " metrics-listen = ");
	at[0] = '#';
	at = strstr(text, " workers = ");
	at[0] = '#';
	take_file(text, "");
	cr_assert_null(options.config_faults, "%s", options.config_faults);
	cr_assert_eq(options.clear_delay_ns, 5000000000);
	free(text);
}
