/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which regions are in sync when a log begins, by its options and by the image that it finds. */
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(resync, .init = set_up, .fini = tear_down, .timeout = 60);

Test(resync, not_all_is_in_sync_before_the_first_resume)
{
	start();
	ctr("160 core 8 nosync");
	cr_assert_leq(sync_count(), 19);
	resume();
	cr_assert_eq(sync_count(), 20);
}

Test(resync, sync_counts_at_the_first_resume_only)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	char text[64];
	int bytes = snprintf(text, sizeof(text), "%u disk %s 8 sync", REGIONS * 8, loop.path);

	start();
	make_log(&loop, REGIONS, " nosync");
	destroy_log();
	make_log(&loop, REGIONS, " sync");
	cr_assert_eq(sync_count(), 0);
	cr_assert_not(clean_on_disk(&loop, 1));
	for (unsigned r = 0; r < REGIONS; r++) {
		cr_assert_eq(set_region_sync(r, 1), 0);
		clear(r);
	}
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	resume();
	cr_assert_eq(sync_count(), REGIONS, "a resume of the same luid keeps memory");
	end_daemon(SIGKILL);
	start();
	ask_ok(DM_ULOG_CTR, text, (uint32_t)bytes + 1);
	cr_assert_eq(sync_count(), REGIONS, "a reconnect reads the image");
}

/* --- images --- */

Test(resync, a_grown_log_has_its_new_regions_out_of_sync)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, 20, " nosync");
	destroy_log();
	become(2, "LVM-one");
	make_log(&loop, 5000, "");
	cr_assert_eq(regions_on_disk(&loop), 5000);
	cr_assert_eq(sync_count(), 20);
	cr_assert_eq(in_sync(19), 1);
	cr_assert_eq(in_sync(20), 0);
}

Test(resync, a_shrunk_log_keeps_its_part)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, 5000, " nosync");
	mark(3);
	flush();
	destroy_log();
	become(2, "LVM-one");
	make_log(&loop, 20, "");
	cr_assert_eq(regions_on_disk(&loop), 20);
	cr_assert_eq(sync_count(), 19);
	cr_assert_eq(in_sync(3), 0);
	destroy_log();
	become(3, "LVM-one");
	make_log(&loop, 5000, "");
	cr_assert_eq(sync_count(), 19, "what was cut off is not believed when it comes again");
}

/* As LVM leaves a log that it has wiped. */
Test(resync, a_header_of_all_regions_counts_bits_as_they_stand)
{
	static const uint8_t bits[3] = {0xFF, 0xF7, 0xFF};
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	fill_loop(&loop, 2, LOG_IMAGE_ALL_REGIONS, bits, sizeof(bits));
	start();
	make_log(&loop, REGIONS, "");
	cr_assert_eq(sync_count(), REGIONS - 1);
	cr_assert_eq(in_sync(11), 0);
	cr_assert_eq(regions_on_disk(&loop), REGIONS);
}

Test(resync, a_new_device_has_nothing_in_sync)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	uint8_t rubbish[4096];

	memset(rubbish, 0xFF, sizeof(rubbish));
	cr_assert_eq(pwrite(loop.file, rubbish, sizeof(rubbish), 0), (ssize_t)sizeof(rubbish));
	start();
	make_log(&loop, REGIONS, "");
	cr_assert_eq(sync_count(), 0);
	cr_assert_not(clean_on_disk(&loop, 0));
}
