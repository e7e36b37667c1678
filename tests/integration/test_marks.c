/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is on the device before a mark, a flush or a failed leg is answered. */
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

TestSuite(marks, .init = set_up, .fini = tear_down, .timeout = 60);

Test(marks, marks_are_on_the_device_after_flush)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	uint64_t regions[32];

	start();
	make_log(&loop, 20000, " nosync");
	for (unsigned i = 0; i < 32; i++)
		regions[i] = i * 601;
	ask_ok(DM_ULOG_MARK_REGION, regions, sizeof(regions));
	flush();
	for (unsigned i = 0; i < 32; i++)
		cr_assert_not(clean_on_disk(&loop, i * 601));
	cr_assert(clean_on_disk(&loop, 1));
	for (unsigned i = 0; i < 32; i++)
		regions[i]++;
	ask_ok(DM_ULOG_FLUSH, regions, sizeof(regions)); /* integrated */
	for (unsigned i = 0; i < 32; i++)
		cr_assert_not(clean_on_disk(&loop, i * 601 + 1));
}

Test(marks, a_log_on_blocks_of_4096_bytes_lives)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 4096);

	start();
	make_log(&loop, 40000, " nosync");
	cr_assert_eq(sync_count(), 40000);
	mark(39999);
	mark(7);
	flush();
	cr_assert_not(clean_on_disk(&loop, 39999));
	cr_assert_not(clean_on_disk(&loop, 7));
	cr_assert(clean_on_disk(&loop, 39998));
}

Test(marks, a_failed_leg_is_on_the_device_before_the_answer)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	cr_assert(clean_on_disk(&loop, 4));
	cr_assert_eq(set_region_sync(4, 0), 0);
	cr_assert_not(clean_on_disk(&loop, 4));
	cr_assert_eq(in_sync(4), 0);
	expect_hint(REGIONS - 1);
}

Test(marks, a_region_marked_again_stays_dirty)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start_with("any", "auto", "0.3");
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	flush();
	clear(5);
	mark(5);
	flush();
	sleep_msec(1500);
	cr_assert_not(clean_on_disk(&loop, 5));
	cr_assert_eq(is_clean(5), 0);
}
