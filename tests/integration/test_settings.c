/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is changed while the daemon runs: settings, and how fast mirrors are resynced. */
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

TestSuite(settings, .init = set_up, .fini = tear_down, .timeout = 60);

static const char *told(const char *line)
{
	static char text[512];
	char whole[64];

	snprintf(whole, sizeof(whole), "%s\n", line);
	control_ask(whole, text, sizeof(text));
	return text;
}

static void expect_told(const char *line, const char *wanted)
{
	const char *text = told(line);

	cr_assert(strstr(text, wanted), "%s: no \"%s\" in: %s", line, wanted, text);
}

/* Another server, with the same estate. */
static void kill_server(void)
{
	unsigned long before = stat_of("server_pid");

	kill((pid_t)before, SIGKILL);
	EXPECT_SOON(control_answers() && stat_of("server_pid") != before, "in time");
}

static bool is_clean_on_disk(const struct loop_device *loop, uint64_t region)
{
	return clean_on_disk(loop, region);
}

Test(settings, what_holds_is_told_and_survives_a_server)
{
	bench.supervised = true;
	start();
	expect_told("set", "clear-delay " NEVER
			   "\nmax-lazy 4096\nmark-ahead 0\nresync-rate 0\nlog-level ");
	expect_told("set clear-delay 0.5", "clear-delay 0.5\n");
	expect_told("set max-lazy 2K", "max-lazy 2048\n");
	expect_told("set resync-rate 10M", "resync-rate 10485760\n");
	expect_told("set log-level debug", "log-level debug\n");
	kill_server();
	expect_told("set", "clear-delay 0.5\nmax-lazy 2048\nmark-ahead 0\nresync-rate "
			   "10485760\nlog-level debug\n");
}

Test(settings, a_value_that_cannot_be_is_refused)
{
	start();
	expect_told("set clear-delay -1", "error: clear-delay: expected ");
	expect_told("set clear-delay", "error: clear-delay: expected ");
	expect_told("set log-level loud", "error, warning, info or debug");
	expect_told("set workers 3", "what can be set is clear-delay, max-lazy");
	expect_told("set", "clear-delay " NEVER "\nmax-lazy 4096\n");
}

Test(settings, the_options_hold_again_after_a_reload)
{
	bench.supervised = true;
	start();
	expect_told("set max-lazy 7", "max-lazy 7\n");
	kill(bench.daemon, SIGHUP);
	EXPECT_SOON(control_answers() && strstr(told("set"), "max-lazy 4096\n"), "in time");
}

Test(settings, a_reload_is_told_for_programs_too)
{
	bench.supervised = true;
	start();
	cr_assert_eq(system(DIRTYLOGCTL
			    " reload --json | jq -e '.server > 0 and .supervisor > 0 and "
			    "(.program | endswith(\"/dirtylogd\"))' >/dev/null"),
		     0);
}

Test(settings, a_shorter_delay_counts_for_what_is_lazy_already)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	mark(3);
	flush();
	clear(3);
	sleep_msec(QUIET_MSEC);
	cr_assert_not(clean_on_disk(&loop, 3));
	expect_told("set clear-delay 0.1", "clear-delay 0.1\n");
	EXPECT_SOON(is_clean_on_disk(&loop, 3), "in time");
}

Test(settings, fewer_lazy_regions_count_at_once)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	for (uint64_t region = 0; region < 4; region++) {
		mark(region);
		flush();
		clear(region);
	}
	sleep_msec(QUIET_MSEC);
	cr_assert_not(clean_on_disk(&loop, 0));
	expect_told("set max-lazy 0", "max-lazy 0\n");
	EXPECT_SOON(is_clean_on_disk(&loop, 0) && is_clean_on_disk(&loop, 3), "in time");
}

static int ctl(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "%s %s >/dev/null 2>&1", DIRTYLOGCTL, arguments);
	return WEXITSTATUS(system(command));
}

Test(settings, who_is_refused_is_told_so_by_the_exit_status)
{
	start();
	ctr_ok("160 core 8 sync");
	cr_assert_eq(ctl("set max-lazy 7"), 0);
	cr_assert_eq(ctl("set max-lazy many"), 1);
	cr_assert_eq(ctl("set max-lazy"), 2);
	cr_assert_eq(ctl("set max-lazy '5\nanything'"), 2);
	cr_assert_eq(ctl("pause LVM-one"), 0);
	cr_assert_eq(ctl("pause --json LVM-one"), 0);
	cr_assert_eq(ctl("set --json"), 0);
	cr_assert_eq(ctl("pause LVM-two"), 1);
	cr_assert_eq(ctl("pause --all LVM-one"), 2);
	expect_told("set", "max-lazy 7\n");
	end_daemon(SIGKILL);
	cr_assert_eq(ctl("set max-lazy 7"), 3);
}

/* --- how fast mirrors are resynced --- */

static bool has_work(void)
{
	struct answer answer = ask(DM_ULOG_GET_RESYNC_WORK, NULL, 0);
	int64_t work;

	memcpy(&work, answer.message.payload, sizeof(work));
	return work != 0;
}

static bool is_paused(void)
{
	static char text[4096];

	control_ask("status\n", text, sizeof(text));
	return strstr(text, "\"paused\":true");
}

Test(settings, a_paused_mirror_gets_no_work)
{
	start();
	ctr_ok("160 core 8 sync");
	resume();
	expect_work(19); /* the last one first: docs/protocol.md, trap 2 */
	expect_told("pause LVM-one 1", "done");
	EXPECT_SOON(is_paused(), "in time");
	expect_work(19); /* it is out already */
	set_region_sync(19, 1);
	expect_no_work();
	expect_told("continue LVM-one 1", "done");
	EXPECT_SOON(!is_paused(), "in time");
	expect_work(0);
}

/* Writes to the last region would pass four times in a second. */
static void expect_only_last(void)
{
	expect_work(19);
	cr_assert_eq(set_region_sync(19, 1), 0);
	expect_no_work();
}

Test(settings, a_pause_survives_a_server_and_another_table)
{
	bench.supervised = true;
	start();
	ctr_ok("160 core 8 sync");
	resume();
	expect_told("pause LVM-one 1", "done");
	kill_server();
	expect_only_last();
	become(2, "LVM-one");
	ctr_ok("160 core 8 sync");
	resume();
	expect_only_last();
	become(3, "LVM-two");
	ctr_ok("160 core 8 sync");
	resume();
	expect_work(19);
	cr_assert_eq(set_region_sync(19, 1), 0);
	expect_work(0);
}

Test(settings, who_is_not_there_cannot_be_paused)
{
	start();
	expect_told("pause LVM-one 1", "error: there is no such log");
	expect_told("pause LVM-one", "error: there is no such log");
	expect_told("continue ", "error: there is no such log");
}

/* How many regions are handed out in so long. */
static unsigned recovered_in(int64_t nanoseconds)
{
	int64_t until_ns = clock_now() + nanoseconds;
	unsigned count = 0;

	while (clock_now() < until_ns) {
		struct answer answer = ask(DM_ULOG_GET_RESYNC_WORK, NULL, 0);
		uint64_t pair[2];

		memcpy(pair, answer.message.payload, sizeof(pair));
		if (pair[0] == 0) {
			sleep_msec(1);
			continue;
		}
		set_region_sync(pair[1], 1);
		count++;
	}
	return count;
}

Test(settings, a_rate_bounds_what_is_handed_out)
{
	unsigned regions;

	start();
	ctr_ok("800000 core 8 sync"); /* 100,000 regions of 4 KiB */
	resume();
	expect_told("set resync-rate 400K", "resync-rate 409600\n"); /* 100 of them */
	regions = recovered_in(2 * NSEC_PER_SEC);
	/* And what a step saves up. */
	cr_assert_leq(regions, 200 + 100 + 10);
	cr_assert_geq(regions, 20); /* asked for seldom, on a busy machine */
	expect_told("set resync-rate 0", "resync-rate 0\n");
	cr_assert_geq(recovered_in(NSEC_PER_SEC), regions);
	cr_assert(has_work());
}

/* A log of REGIONS whose first region costs more than any test takes. */
static void hold_back(void)
{
	start();
	ctr_ok("160 core 8 sync");
	resume();
	expect_told("set resync-rate 1", "resync-rate 1\n");
	expect_work(19);
	cr_assert_eq(set_region_sync(19, 1), 0);
	expect_no_work();
}

Test(settings, a_mirror_that_is_held_back_is_read_when_the_rate_allows_it)
{
	hold_back();
	expect_told("set resync-rate 100K", "resync-rate 102400\n");
	EXPECT_SOON(stat_of("resync_wakes") > 0, "not read");
	expect_work(0);
}

Test(settings, a_mirror_in_sync_is_not_read)
{
	start();
	ctr_ok("160 core 8 nosync");
	resume();
	expect_told("set resync-rate 1", "resync-rate 1\n");
	expect_no_work();
	expect_told("continue LVM-one 1", "done");
	expect_told("set resync-rate 0", "resync-rate 0\n");
	sleep_msec(1000);
	cr_assert_eq(stat_of("resync_wakes"), 0);
}

/* The kernel asks once more behind the last region. */
Test(settings, a_resync_that_has_ended_is_not_gone_on_with)
{
	start();
	ctr_ok("8 core 8 sync");
	resume();
	expect_told("set resync-rate 2K", "resync-rate 2048\n");
	expect_work(0);
	cr_assert_eq(set_region_sync(0, 1), 0);
	expect_no_work();
	sleep_msec(2500);
	cr_assert_eq(stat_of("resync_wakes"), 0);
}

Test(settings, a_successor_knows_what_was_held_back)
{
	bench.supervised = true;
	setenv("DIRTYLOGD_KILL_AT", "held-back", 1);
	start();
	ctr_ok("160 core 8 sync");
	resume();
	expect_told("set resync-rate 40K", "resync-rate 40960\n"); /* 0.1 s each */
	for (unsigned i = 0; i < 15; i++) {
		struct answer answer = ask(DM_ULOG_GET_RESYNC_WORK, NULL, 0);
		uint64_t pair[2];

		memcpy(pair, answer.message.payload, sizeof(pair));
		if (pair[0] == 0)
			break;
		cr_assert_eq(set_region_sync(pair[1], 1), 0);
	}
	EXPECT_SOON(stat_of("server") == 2, "no kill");
	EXPECT_SOON(stat_of("resync_wakes") > 0, "forgotten");
}

/* What the rate before has cost does not count. */
Test(settings, another_rate_counts_at_once)
{
	start();
	ctr_ok("160 core 8 sync");
	resume();
	expect_told("set resync-rate 1", "resync-rate 1\n");
	expect_work(19);
	expect_told("set resync-rate 100M", "resync-rate 104857600\n"); /* while it is out */
	cr_assert_eq(set_region_sync(19, 1), 0);
	expect_work(0);
}
