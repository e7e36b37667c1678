/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a clear is written: late, and yet before the log or the daemon ends. */
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <signal.h>
#include <sys/wait.h>

TestSuite(clears, .init = set_up, .fini = tear_down, .timeout = 60);

static void clears_wait(const char *engine)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	int64_t cleared, written;

	start_with("any", engine, "0.7");
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	flush();
	cleared = now_msec();
	clear(5);
	flush();
	cr_assert_not(clean_on_disk(&loop, 5));
	expect_clean_on_disk(&loop, 5);
	written = now_msec();
	cr_assert_geq(written - cleared, 700, "after %ld ms", written - cleared);
}

Test(clears, clears_wait_for_their_delay)
{
	clears_wait("auto");
}

Test(clears, clears_wait_for_their_delay_without_io_uring)
{
	clears_wait("sync");
}

/* The clear of another region is not an early train. */
Test(clears, each_clear_waits_for_its_own_delay)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	int64_t first, second;

	start_with("any", "auto", "0.7");
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	mark(6);
	flush();
	first = now_msec();
	clear(5);
	while (now_msec() < first + 1000)
		sleep_msec(10);
	second = now_msec();
	clear(6);
	expect_clean_on_disk(&loop, 6);
	cr_assert_geq(now_msec() - second, 700, "after %ld ms", (long)(now_msec() - second));
	cr_assert(clean_on_disk(&loop, 5));
}

Test(clears, too_many_clears_do_not_wait)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	bench.max_lazy = "4";
	start();
	make_log(&loop, REGIONS, " nosync");
	for (unsigned r = 0; r < 6; r++)
		mark(r);
	flush();
	for (unsigned r = 0; r < 4; r++)
		clear(r);
	sleep_msec(QUIET_MSEC);
	cr_assert_not(clean_on_disk(&loop, 0), "4 are not too many");
	clear(4);
	expect_clean_on_disk(&loop, 0);
	cr_assert_not(clean_on_disk(&loop, 5));
}

/* --- ends --- */

/* 5 and 6 are dirty on the device, and 5 is cleared since: that is not to be written soon. */
static struct loop_device make_lazy_log(void)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	mark(6);
	flush();
	clear(5);
	cr_assert_not(clean_on_disk(&loop, 5));
	return loop;
}

Test(clears, postsuspend_writes_clears)
{
	struct loop_device loop = make_lazy_log();

	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	cr_assert(clean_on_disk(&loop, 5));
	cr_assert_not(clean_on_disk(&loop, 6));
	cr_assert_eq(in_sync(5), 1, "requests still come after it");
}

Test(clears, sigterm_writes_clears_and_ends_well)
{
	struct loop_device loop = make_lazy_log();
	int status = end_daemon(SIGTERM);

	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x:\n%s",
		  (unsigned)status, output());
	cr_assert(clean_on_disk(&loop, 5));
	cr_assert_not(clean_on_disk(&loop, 6));
}

/* The next table's log has the device from then on. */
Test(clears, a_suspended_log_writes_no_clears)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start_with("any", "auto", "0.3");
	make_log(&loop, REGIONS, " nosync");
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	mark(5);
	flush();
	clear(5);
	sleep_msec(1500);
	cr_assert_not(clean_on_disk(&loop, 5));
	resume();
	sleep_msec(1500);
	cr_assert(clean_on_disk(&loop, 5));
}
