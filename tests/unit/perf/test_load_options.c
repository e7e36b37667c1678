/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of dirtylog-load: what each option sets, and what is said to a wrong one. */
#include "perf/generator/load_options.h"
#include "tests/lib/command_line.h"

static struct load_options options;

static int parse(int argc, char **argv)
{
	return load_options_parse(&options, argc, argv);
}

static int run(const char *line)
{
	return command_line_run(parse, "dirtylog-load", line);
}

static void take(const char *line)
{
	cr_assert_eq(run(line), -1, "%s: %s", line, said);
	cr_assert_str_empty(said);
}

static void refuse(const char *line, const char *message)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "dirtylog-load: %s\nTry 'dirtylog-load --help'.\n", message);
	cr_assert_eq(run(line), 2, "%s", line);
	cr_assert_str_eq(said, whole);
}

Test(load_options, defaults)
{
	take("");
	cr_assert_eq(options.script.workload, mirror_script_workload("kernel"));
	cr_assert_eq(options.script.writers, 1);
	cr_assert_eq(options.script.reads_percent, 0);
	cr_assert_eq(options.script.pattern, MIRROR_SCRIPT_UNIFORM);
	cr_assert_eq(options.logs, 1);
	cr_assert_eq(options.regions, 8192);
	cr_assert_eq(options.region_size, 1024);
	cr_assert_not(options.disk);
	cr_assert_str_eq(options.loop_dir, "/var/tmp");
	cr_assert_eq(load_options_depth(&options), 1);
	cr_assert_float_eq(options.seconds, 5, 0);
	cr_assert_float_eq(options.warmup, 0.2, 0);
	cr_assert_float_eq(options.lost_after, 5, 0);
	cr_assert_eq(options.count, UINT64_MAX);
	cr_assert_eq(options.seed, 1);
	cr_assert_eq(options.generator_cpu, -1);
	cr_assert_eq(options.server_cpu, -1);
	cr_assert_float_eq(options.replay_speed, 1, 0);
	cr_assert_eq(options.sweep, LOAD_SWEEP_NONE);
	cr_assert_not(options.spawn);
}

Test(load_options, spawn_has_its_command_in_the_same_word_or_the_next)
{
	take("--spawn");
	cr_assert(options.spawn);
	cr_assert_null(options.spawn_command);
	take("--spawn=dirtylogd");
	cr_assert_str_eq(options.spawn_command, "dirtylogd");
	take("--spawn dirtylogd --quiet");
	cr_assert_str_eq(options.spawn_command, "dirtylogd");
	cr_assert(options.quiet);
	take("--spawn --quiet");
	cr_assert_null(options.spawn_command);
	cr_assert(options.quiet);
}

Test(load_options, servers)
{
	take("--spawn --unicast --echo --busy-poll --cpus 0,1");
	cr_assert(options.unicast);
	cr_assert(options.echo);
	cr_assert_not(options.echo_poll);
	cr_assert(options.busy_poll);
	cr_assert_eq(options.generator_cpu, 0);
	cr_assert_eq(options.server_cpu, 1);
	take("--echo-poll --cpus -1,-1");
	cr_assert(options.echo);
	cr_assert(options.echo_poll);
}

Test(load_options, logs)
{
	take("--logs 100 --regions 4G --region-size 8 --type disk");
	cr_assert_eq(options.logs, 100);
	cr_assert_eq(options.regions, UINT64_C(4) << 30);
	cr_assert_eq(options.region_size, 8);
	cr_assert(options.disk);
	take("--slow-device 2000 --lost-after 9 --region-size 1G");
	cr_assert_eq(options.slow_msec, 2000);
	cr_assert_float_eq(options.lost_after, 9, 0);
	cr_assert_eq(options.region_size, 1u << 30);
}

Test(load_options, a_place_for_disk_logs_makes_them)
{
	take("--loop-dir /mnt");
	cr_assert(options.disk);
	cr_assert_str_eq(options.loop_dir, "/mnt");
	take("--device /dev/a --logs 2 --device /dev/b");
	cr_assert(options.disk);
	cr_assert_eq(options.ndevices, 2);
	cr_assert_str_eq(options.devices[1], "/dev/b");
}

Test(load_options, requests)
{
	take("--workload ctr --reads 100 --integrated-flush --resync");
	cr_assert_eq(options.script.workload, mirror_script_workload("ctr"));
	cr_assert_eq(options.script.reads_percent, 100);
	cr_assert(options.script.integrated_flush);
	cr_assert(options.script.resync);
	take("--writers 32 --pattern hot:16 --depth 512K --seed 18446744073709551615");
	cr_assert_eq(options.script.writers, 32);
	cr_assert_eq(options.script.hot, 16);
	cr_assert_eq(options.depth, 512 << 10);
	cr_assert_eq(options.seed, UINT64_MAX);
	take("--pattern sequential --rate 0.5");
	cr_assert_eq(options.script.pattern, MIRROR_SCRIPT_SEQUENTIAL);
	cr_assert_float_eq(options.rate, 0.5, 0);
	take("--burst 7");
	cr_assert_eq(load_options_depth(&options), 7);
}

Test(load_options, a_replay_goes_to_the_end)
{
	take("--replay r --speed 2.5");
	cr_assert_str_eq(options.replay, "r");
	cr_assert_float_eq(options.replay_speed, 2.5, 0);
	cr_assert_gt(options.seconds, 1e5);
	take("--replay r --speed max --seconds 3");
	cr_assert_float_eq(options.replay_speed, 0, 0);
	cr_assert_float_eq(options.seconds, 3, 0);
}

Test(load_options, runs)
{
	take("--spawn --seconds 0.01 --warmup 1.5 --idle 2 --count 1K");
	cr_assert_float_eq(options.seconds, 0.01, 0);
	cr_assert_float_eq(options.warmup, 1.5, 0);
	cr_assert_float_eq(options.idle, 2, 0);
	cr_assert_eq(options.count, 1024);
	take("--count 10");
	cr_assert_float_eq(options.warmup, 0, 0);
	take("--spawn --kill 3");
	cr_assert_eq(options.kills, 3);
	cr_assert_gt(options.seconds, 1e5);
}

Test(load_options, sweeps)
{
	take("--sweep depth=1,8,1K");
	cr_assert_eq(options.sweep, LOAD_SWEEP_DEPTH);
	cr_assert_eq(options.npoints, 3);
	cr_assert_eq(options.points[2], 1024);
	take("--sweep=logs=5");
	cr_assert_eq(options.sweep, LOAD_SWEEP_LOGS);
	cr_assert_eq(options.npoints, 1);
	cr_assert_eq(options.points[0], 5);
}

Test(load_options, output)
{
	take("--json - --plot p.png --quiet");
	cr_assert_str_eq(options.json, "-");
	cr_assert_str_eq(options.plot, "p.png");
	cr_assert(options.quiet);
}

Test(load_options, wrong_values_are_told_what_is_expected)
{
	refuse("--logs 0", "--logs 0: expected a number from 1 to 100000");
	refuse("--regions 1025G", "--regions 1025G: expected a number from 1 to 1099511627776");
	refuse("--region-size 24",
	       "--region-size 24: expected a power of two from 8 to 1073741824");
	refuse("--type tape", "--type tape: expected core or disk");
	refuse("--slow-device 2001", "--slow-device 2001: expected milliseconds from 1 to 2000");
	refuse("--workload x", "--workload x: expected one of the workloads that --help names");
	refuse("--reads 101", "--reads 101: expected a percentage from 0 to 100");
	refuse("--writers 33", "--writers 33: expected a number from 1 to 32");
	refuse("--pattern hot:0", "--pattern hot:0: expected uniform, sequential or hot:N");
	refuse("--depth 1000001", "--depth 1000001: expected a number from 1 to 1000000");
	refuse("--rate 0", "--rate 0: expected requests a second from 0.001 to 1000000000");
	refuse("--speed 0", "--speed 0: expected a factor, or max");
	refuse("--seed -1", "--seed -1: expected a number");
	refuse("--seconds 0", "--seconds 0: expected seconds from 0.01 to 1000000");
	refuse("--count 0", "--count 0: expected a number of at least 1");
	refuse("--cpus 0", "--cpus 0: expected two processors, of which -1 is any");
	refuse("--cpus 0,1024", "--cpus 0,1024: expected two processors, of which -1 is any");
}

Test(load_options, wrong_sweeps_are_refused)
{
	static const char *const bad[] = {
		"x", "depth", "depth=", "depth=0", "depth=1,x", "logs=100001"};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[64], message[128];

		snprintf(line, sizeof(line), "--sweep %s", bad[i]);
		snprintf(message, sizeof(message), "%s: expected depth=A,... or logs=A,...", line);
		refuse(line, message);
	}
}

Test(load_options, contradictions_are_refused)
{
	refuse("--burst 2 --rate 3", "--burst and --rate exclude each other");
	refuse("--device a --loop-dir b", "--device and --loop-dir exclude each other");
	refuse("--device a --logs 2", "each log needs a --device of its own");
	refuse("--replay r --echo", "--replay excludes --echo");
	refuse("--kill 1", "--kill needs --spawn, and excludes --echo and --replay");
	refuse("--slow-device 2000 --lost-after 3",
	       "--lost-after is too short for this --slow-device");
	refuse("--regions 1024G --region-size 1G",
	       "--regions times --region-size is more than a mirror can have");
}

Test(load_options, what_is_no_option_is_refused)
{
	refuse("--bogus", "unrecognized option '--bogus'");
	refuse("--depth", "option '--depth' requires an argument");
	refuse("--quiet=1", "option '--quiet' doesn't allow an argument");
	refuse("stray", "stray: no arguments are expected");
}

Test(load_options, version)
{
	cr_assert_eq(run("--version"), 0);
	cr_assert_str_eq(said, "dirtylog-load " DIRTYLOG_VERSION "\n");
}

Test(load_options, help_fits)
{
	setenv("ARGP_HELP_FMT", "rmargin=200", 1);
	cr_assert_eq(run("--help"), 0);
	expect_lines_within(said, 80);
	cr_assert(strstr(said, "--spawn[=COMMAND]"));
	cr_assert(strstr(said, "Exit status"));
}
