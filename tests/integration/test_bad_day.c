/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bad day: two logs of what should be one, a name that has moved, an image of something else, a device
 * that is gone, a log of several hosts. Nothing is taken for in sync that nobody has recovered, and
 * nothing is written that is not ours. */
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOKED_MSEC 5000 /* more than the second WAIT of server/work/second_look.c */
#define REWRITTEN_MSEC 3000 /* more than PAUSE_NS of server/work/rewrite.c */

TestSuite(bad_day, .init = set_up, .fini = tear_down, .timeout = 60);

static void expect_health(const struct loop_device *loop, char health)
{
	char text[64];

	snprintf(text, sizeof(text), "3 disk %s %c", loop->number, health);
	expect_text(DM_ULOG_STATUS_INFO, text);
}

/* A write to any region of it would be held by the mirror, as with the kernel's own log. */
static void expect_writes_nothing(void)
{
	const uint64_t region = 3;

	cr_assert_eq(in_sync(3), 0);
	cr_assert_eq(set_region_sync(3, 1), 0);
	clear(3);
	cr_assert_lt(ask_error(DM_ULOG_MARK_REGION, &region, sizeof(region)), 0);
	cr_assert_lt(ask_error(DM_ULOG_FLUSH, &region, sizeof(region)), 0);
}

static void suspend(void)
{
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
}

/* --- two of what should be one --- */

Test(bad_day, the_log_device_of_an_active_mirror_is_no_other_ones)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	become(2, "LVM-two");
	ctr_ok("%u disk %s 8 nosync", REGIONS * 8, loop.path);
	cr_assert_eq(ask_error(DM_ULOG_RESUME, NULL, 0), -EBUSY);
	expect_said("LVM-two", "LVM-one");
	expect_health(&loop, 'D');
	cr_assert_eq(sync_count(), 0);
	expect_writes_nothing();
	suspend();
	become(1, "LVM-one");
	expect_health(&loop, 'A');
	mark(7);
	cr_assert_not(clean_on_disk(&loop, 5));
	cr_assert_not(clean_on_disk(&loop, 7));
	cr_assert(clean_on_disk(&loop, 3));
}

Test(bad_day, a_device_is_free_when_its_mirror_is_suspended_or_gone)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	suspend();
	become(2, "LVM-two");
	make_log(&loop, REGIONS, "");
	expect_health(&loop, 'A');
	become(1, "LVM-one");
	cr_assert_eq(ask_error(DM_ULOG_RESUME, NULL, 0), -EBUSY);
	become(2, "LVM-two");
	ask_ok(DM_ULOG_DTR, NULL, 0);
	become(1, "LVM-one");
	resume();
	/* It ran meanwhile, and marked nothing. */
	cr_assert_eq(sync_count(), 0);
}

/* The kernel resumes the new table's log behind the old one's POSTSUSPEND; that of another server's time may
 * have been lost. */
Test(bad_day, the_tables_of_one_mirror_follow_one_another)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	become(2, "LVM-one");
	make_log(&loop, REGIONS, "");
	expect_health(&loop, 'A');
	cr_assert_eq(in_sync(5), 0);
	cr_assert_eq(sync_count(), REGIONS - 1);
}

static void read_header(const struct loop_device *loop, uint8_t header[LOG_IMAGE_HEADER_BYTES])
{
	cr_assert_eq(pread(loop->file, header, LOG_IMAGE_HEADER_BYTES, 0), LOG_IMAGE_HEADER_BYTES);
}

static bool has_header(const struct loop_device *loop, const uint8_t header[LOG_IMAGE_HEADER_BYTES])
{
	uint8_t now[LOG_IMAGE_HEADER_BYTES];

	read_header(loop, now);
	return memcmp(now, header, sizeof(now)) == 0;
}

/* The kernel's `disk` log may write its bits once more when its table has been replaced by ours already. */
Test(bad_day, what_a_former_owner_writes_late_is_written_over)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	uint8_t bits[REGIONS / 8 + 1], header[LOG_IMAGE_HEADER_BYTES];

	memset(bits, 0xff, sizeof(bits));
	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	start();
	make_log(&loop, REGIONS, "");
	mark(5);
	cr_assert_not(clean_on_disk(&loop, 5));
	read_header(&loop, header);
	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	EXPECT_SOON(!clean_on_disk(&loop, 5), "it stays clean");
	cr_assert(clean_on_disk(&loop, 6));
	EXPECT_SOON(has_header(&loop, header), "the size of a region is lost");
}

static void expect_ordered(const char *order, const char *answer)
{
	char said[64];

	control_ask(order, said, sizeof(said));
	cr_assert_str_eq(said, answer);
}

static void call_all_clean(const struct loop_device *loop)
{
	uint8_t bits[REGIONS / 8 + 1];

	memset(bits, 0xff, sizeof(bits));
	fill_loop(loop, 2, REGIONS, bits, sizeof(bits));
}

/* By whoever knows that it has written for the last time, however late. */
Test(bad_day, what_a_former_owner_has_written_is_written_over_when_it_is_ordered)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	/* Nobody's before: it is not written again by itself. */
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	call_all_clean(&loop);
	expect_ordered("rewrite LVM-one 1\n", "done\n");
	EXPECT_SOON(!clean_on_disk(&loop, 5), "it stays clean");
	cr_assert(clean_on_disk(&loop, 6));
	expect_ordered("rewrite LVM-two 1\n", "error: there is no such log\n");
}

Test(bad_day, an_order_to_write_again_writes_no_suspended_log)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	suspend();
	call_all_clean(&loop);
	expect_ordered("rewrite LVM-one 1\n", "done\n");
	sleep_msec(QUIET_MSEC);
	cr_assert(clean_on_disk(&loop, 5), "it was written");
}

/* What was to be written meanwhile is written when it may be. */
Test(bad_day, what_a_former_owner_writes_late_is_written_over_behind_a_suspend)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	uint8_t bits[REGIONS / 8 + 1];

	memset(bits, 0xff, sizeof(bits));
	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	start();
	make_log(&loop, REGIONS, "");
	mark(5);
	suspend();
	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	sleep_msec(2500);
	cr_assert(clean_on_disk(&loop, 5), "written while it is suspended");
	resume();
	EXPECT_SOON(!clean_on_disk(&loop, 5), "it stays clean");
}

/* A mirror that is suspended may be on its way to another log, on the same device. */
Test(bad_day, what_is_written_to_the_device_of_a_suspended_log_stands)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	uint8_t bits[REGIONS / 8];

	memset(bits, 0xff, sizeof(bits));
	start();
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	sleep_msec(REWRITTEN_MSEC);
	cr_assert(clean_on_disk(&loop, 5), "it was written");
}

/* Memory is not to be believed when another table of the mirror has written the device meanwhile. */
Test(bad_day, resume_reads_what_another_table_has_written)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	suspend();
	become(2, "LVM-one");
	make_log(&loop, REGIONS, "");
	mark(5);
	suspend();
	become(1, "LVM-one");
	resume();
	cr_assert_eq(in_sync(5), 0, "that it was in sync is what this log remembers");
	cr_assert_eq(sync_count(), REGIONS - 1);
}

/* A log that is in sync, and is made again after its server has forgotten it. */
static void start_and_reconnect(const struct loop_device *loop)
{
	start();
	make_log(loop, REGIONS, " nosync");
	suspend();
	ask_ok(DM_ULOG_DTR, NULL, 0);
	reconnect(loop, REGIONS);
}

/* A reconnect's CTR has read the image, which is another table's before its RESUME. */
Test(bad_day, a_reconnect_reads_what_another_table_has_written_meanwhile)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start_and_reconnect(&loop);
	cr_assert_eq(in_sync(5), 1);
	become(2, "LVM-one");
	make_log(&loop, REGIONS, "");
	mark(5);
	suspend();
	become(1, "LVM-one");
	resume();
	cr_assert_eq(in_sync(5), 0, "that it was in sync is what its CTR has read");
	cr_assert_eq(sync_count(), REGIONS - 1);
}

/* --- regions of another size --- */

Test(bad_day, bits_of_regions_of_another_size_tell_nothing)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	ask_ok(DM_ULOG_DTR, NULL, 0);
	ctr_ok("%u disk %s 16", REGIONS * 8, loop.path);
	resume();
	cr_assert_eq(sync_count(), 0);
	expect_said("regions of 8 sectors", "of 16");
	ask_ok(DM_ULOG_DTR, NULL, 0);
	ctr_ok("%u disk %s 8", REGIONS * 8, loop.path);
	resume();
	cr_assert_eq(sync_count(), 0);
}

Test(bad_day, nosync_says_nothing_of_regions_of_another_size)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, "");
	ask_ok(DM_ULOG_DTR, NULL, 0);
	ctr_ok("%u disk %s 16 nosync", REGIONS * 8, loop.path);
	resume();
	cr_assert_eq(sync_count(), 0);
}

Test(bad_day, a_live_log_knows_the_size_of_its_regions)
{
	static const uint8_t bits[3] = {0xFF, 0xFF, 0xFF};
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	static const uint8_t nothing[24];

	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	start();
	make_log(&loop, REGIONS, "");
	cr_assert_eq(sync_count(), REGIONS);
	/* As if it had never been noted. */
	cr_assert_eq(pwrite(loop.fd, nothing, sizeof(nothing), 64), (ssize_t)sizeof(nothing));
	cr_assert_eq(fsync(loop.fd), 0);
	become(2, "LVM-one");
	ctr_ok("%u disk %s 4096", REGIONS * 8, loop.path);
	resume();
	cr_assert_eq(sync_count(), 0);
}

/* What the kernel's own log or LVM has written counts as before, and a doubt is said. */
Test(bad_day, an_image_without_a_size_is_taken_and_its_doubt_said)
{
	static const uint8_t bits[3] = {0xFF, 0xFF, 0xFF};
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	fill_loop(&loop, 2, REGIONS / 2, bits, sizeof(bits));
	start();
	make_log(&loop, REGIONS, "");
	cr_assert_eq(sync_count(), REGIONS / 2);
	expect_said("10 regions that does not tell their size", "20");
}

/* --- reconnects --- */

Test(bad_day, nosync_means_nothing_to_a_mirror_that_runs)
{
	static const uint8_t bits[3] = {0xFF, 0xFF, 0xFF};
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	fill_loop(&loop, 2, REGIONS / 2, bits, sizeof(bits));
	start();
	cr_assert_eq(reconnect_error("%u disk %s 8 nosync", REGIONS * 8, loop.path), 0);
	cr_assert_eq(sync_count(), REGIONS / 2);
	cr_assert_eq(in_sync(REGIONS - 1), 0);
}

/* A volume that has got the name of the log device. */
Test(bad_day, a_reconnect_writes_no_device_without_a_log_on_it)
{
	static uint8_t before[DEVICE_BYTES], after[DEVICE_BYTES];
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	memset(before, 0x5A, sizeof(before));
	cr_assert_eq(pwrite(loop.file, before, sizeof(before), 0), (ssize_t)sizeof(before));
	start();
	cr_assert_eq(reconnect_error("%u disk %s 8 nosync", REGIONS * 8, loop.path), 0);
	expect_said("there is no log on it", loop.number);
	expect_health(&loop, 'D');
	cr_assert_eq(sync_count(), 0);
	resume(); /* the kernel's, behind its CTR */
	expect_writes_nothing();
	suspend();
	ask(DM_ULOG_RESUME, NULL, 0);
	expect_writes_nothing();
	suspend();
	ask_ok(DM_ULOG_DTR, NULL, 0);
	end_daemon(SIGTERM);
	cr_assert_eq(pread(loop.file, after, sizeof(after), 0), (ssize_t)sizeof(after));
	cr_assert_eq(memcmp(before, after, sizeof(before)), 0, "it was written");
}

/* What could not be read may be anybody's. */
static void expect_untouched(const struct loop_device *loop, const uint8_t *before)
{
	static uint8_t after[DEVICE_BYTES];

	cr_assert_eq(pread(loop->file, after, sizeof(after), 0), (ssize_t)sizeof(after));
	cr_assert_eq(memcmp(before, after, sizeof(after)), 0, "it was written");
}

/* Reads of the device fail while its file is empty. */
static void cut(const struct loop_device *loop)
{
	cr_assert_eq(ftruncate(loop->file, 0), 0);
}

static void restore(const struct loop_device *loop, const uint8_t *bytes)
{
	cr_assert_eq(pwrite(loop->file, bytes, DEVICE_BYTES, 0), DEVICE_BYTES);
}

Test(bad_day, a_reconnect_writes_no_device_that_it_could_not_read)
{
	static uint8_t before[DEVICE_BYTES];
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	memset(before, 0x5A, sizeof(before));
	bench.io_retry = "0.1";
	start();
	cut(&loop);
	cr_assert_eq(reconnect_error("%u disk %s 8", REGIONS * 8, loop.path), 0);
	expect_said("cannot be read", loop.number);
	restore(&loop, before);
	resume(); /* the kernel's, behind its CTR */
	expect_said("no log of ours on it", loop.number);
	expect_writes_nothing();
	suspend();
	expect_untouched(&loop, before);
}

Test(bad_day, a_device_without_a_log_is_not_written_when_it_cannot_be_read_again)
{
	static uint8_t before[DEVICE_BYTES];
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	memset(before, 0x5A, sizeof(before));
	restore(&loop, before);
	bench.io_retry = "0.1";
	start();
	cr_assert_eq(reconnect_error("%u disk %s 8", REGIONS * 8, loop.path), 0);
	suspend();
	cut(&loop);
	ask(DM_ULOG_RESUME, NULL, 0);
	expect_said("cannot be read", loop.number);
	restore(&loop, before);
	expect_writes_nothing();
	suspend();
	expect_untouched(&loop, before);
}

/* Its mirror has written one leg alone since, and marked nothing: what was clean then is not any more. */
Test(bad_day, a_device_that_can_be_read_again_tells_nothing_of_its_mirror)
{
	static uint8_t clean[DEVICE_BYTES];
	uint8_t bits[REGIONS / 8 + 1];
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	memset(bits, 0xff, sizeof(bits));
	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	cr_assert_eq(pread(loop.file, clean, sizeof(clean), 0), (ssize_t)sizeof(clean));
	bench.io_retry = "0.1";
	start();
	cut(&loop);
	cr_assert_eq(reconnect_error("%u disk %s 8", REGIONS * 8, loop.path), 0);
	resume();
	cr_assert_eq(sync_count(), 0);
	restore(&loop, clean);
	suspend();
	ask(DM_ULOG_RESUME, NULL, 0);
	cr_assert_eq(sync_count(), 0);
	expect_health(&loop, 'D');
	cr_assert_not(clean_on_disk(&loop, 3));
}

/* A log of which all is in sync and clean, on a device that cannot be read. */
static struct loop_device make_cut_log(uint8_t image[DEVICE_BYTES])
{
	uint8_t bits[REGIONS / 8 + 1];
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	memset(bits, 0xff, sizeof(bits));
	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	cr_assert_eq(pread(loop.file, image, DEVICE_BYTES, 0), DEVICE_BYTES);
	cut(&loop);
	return loop;
}

static struct wire_message send_ctr(const struct loop_device *loop, bool reconnects)
{
	char text[128];
	int length = snprintf(text, sizeof(text), "%u disk %s 8", REGIONS * 8, loop->path);

	return send_request(DM_ULOG_CTR, text, (uint32_t)length + reconnects);
}

/* One leg alone would be written from then on. */
Test(bad_day, a_reconnect_reads_again_what_could_not_be_read)
{
	static uint8_t image[DEVICE_BYTES];
	struct loop_device loop = make_cut_log(image);
	struct wire_message request;

	start();
	request = send_ctr(&loop, true);
	expect_said("read of log device", "trying again");
	expect_silence(QUIET_MSEC);
	restore(&loop, image);
	await_success(&request);
	resume();
	cr_assert_eq(sync_count(), REGIONS);
	expect_health(&loop, 'A');
}

Test(bad_day, a_resume_reads_again_what_could_not_be_read)
{
	static uint8_t image[DEVICE_BYTES];
	struct loop_device loop = make_cut_log(image);
	struct wire_message request;

	start();
	ctr_ok("%u disk %s 8", REGIONS * 8, loop.path);
	request = send_request(DM_ULOG_RESUME, NULL, 0);
	expect_said("read of log device", "trying again");
	expect_silence(QUIET_MSEC);
	restore(&loop, image);
	await_success(&request);
	cr_assert_eq(sync_count(), REGIONS);
	expect_health(&loop, 'A');
}

/* Its mirror writes one leg alone, and the next boot would believe what stands on the device. */
static void make_blind_mirror(const struct loop_device *loop)
{
	bench.io_retry = "0.1";
	start();
	cr_assert_eq(reconnect_error("%u disk %s 8", REGIONS * 8, loop->path), 0);
	resume();
	cr_assert_eq(sync_count(), 0);
	expect_health(loop, 'D');
}

static void expect_written_as_out_of_sync(const struct loop_device *loop)
{
	expect_said("can be read again", loop->number);
	EXPECT_SOON(!clean_on_disk(loop, 0) && !clean_on_disk(loop, 3) &&
			    !clean_on_disk(loop, REGIONS - 1),
		    "it stays clean");
	cr_assert_eq(sync_count(), 0);
	expect_health(loop, 'D');
}

Test(bad_day, a_device_that_can_be_read_again_is_written_as_out_of_sync)
{
	static uint8_t image[DEVICE_BYTES];
	struct loop_device loop = make_cut_log(image);

	make_blind_mirror(&loop);
	restore(&loop, image);
	expect_written_as_out_of_sync(&loop);
}

Test(bad_day, a_successor_looks_again_at_a_device_that_could_not_be_read)
{
	static uint8_t image[DEVICE_BYTES];
	struct loop_device loop = make_cut_log(image);

	bench.supervised = true;
	make_blind_mirror(&loop);
	cr_assert_eq(kill((pid_t)stat_of("server_pid"), SIGKILL), 0);
	restore(&loop, image);
	expect_written_as_out_of_sync(&loop);
}

/* Whoever has the mirror next reads the device at once. */
Test(bad_day, a_suspension_has_what_can_be_read_again_written)
{
	static uint8_t image[DEVICE_BYTES];
	struct loop_device loop = make_cut_log(image);

	make_blind_mirror(&loop);
	restore(&loop, image);
	suspend();
	cr_assert_not(clean_on_disk(&loop, 3));
}

static void take_another_table(const char *sync)
{
	static uint8_t image[DEVICE_BYTES];
	struct loop_device loop = make_cut_log(image);

	make_blind_mirror(&loop);
	suspend();
	become(2, "LVM-one");
	ctr_ok("%u disk %s 8%s", REGIONS * 8, loop.path, sync);
	restore(&loop, image);
	resume();
	cr_assert_eq(sync_count(), 0);
	EXPECT_SOON(!clean_on_disk(&loop, 3), "it stays clean");
	expect_health(&loop, 'A');
}

Test(bad_day, the_next_table_does_not_believe_what_could_not_be_read)
{
	take_another_table("");
}

/* As LVM's tables say for ever of a mirror that was made so. */
Test(bad_day, the_next_table_does_not_believe_it_with_nosync)
{
	take_another_table(" nosync");
}

/* By an administrator's error; its log is not ours to write. */
Test(bad_day, a_device_that_could_not_be_read_is_not_written_under_another_mirror)
{
	static uint8_t image[DEVICE_BYTES];
	struct loop_device loop = make_cut_log(image);

	make_blind_mirror(&loop);
	suspend();
	restore(&loop, image);
	become(2, "LVM-two");
	make_log(&loop, REGIONS, "");
	cr_assert_eq(set_region_sync(3, 1), 0);
	clear(3);
	suspend(); /* has its clears written */
	resume();
	cr_assert(clean_on_disk(&loop, 3));
	become(1, "LVM-one");
	cr_assert_eq(ask_error(DM_ULOG_RESUME, NULL, 0), -EBUSY);
	sleep_msec(LOOKED_MSEC);
	/* The other one writes again what is dirty, and would have hidden it. */
	cr_assert_not(strstr(output(), "can be read again"), "it was written");
	cr_assert(clean_on_disk(&loop, 3));
}

/* An error would be asked again every two seconds, for ever, and the mirror could not be suspended. */
Test(bad_day, a_reconnect_without_its_device_makes_a_failed_log)
{
	start();
	cr_assert_eq(reconnect_error("%u disk /dev/no-such-device 8", REGIONS * 8), 0);
	expect_said("/dev/no-such-device", "No such file");
	expect_text(DM_ULOG_STATUS_INFO, "3 disk 0:0 D");
	resume();
	cr_assert_eq(sync_count(), 0);
	expect_work(REGIONS - 1);
	expect_writes_nothing();
	suspend();
	ask_ok(DM_ULOG_DTR, NULL, 0);
	cr_assert_lt(ctr("%u disk /dev/no-such-device 8", REGIONS * 8).message.request.error, 0,
		     "a table that is new can be refused");
}

Test(bad_day, two_mirrors_that_reconnect_to_one_device_do_not_share_it)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start_and_reconnect(&loop);
	cr_assert_eq(sync_count(), REGIONS);
	become(2, "LVM-two");
	reconnect(&loop, REGIONS);
	expect_health(&loop, 'D');
	expect_writes_nothing();
	cr_assert(clean_on_disk(&loop, 3));
}

/* A table of several mirrors whose logs have one uuid, as pvmove's is. */
Test(bad_day, many_logs_of_one_uuid_wait_to_be_resumed)
{
	start();
	for (uint64_t luid = 1; luid <= 40; luid++) {
		become(luid, "LVM-one");
		ctr_ok("%u core 8 nosync", REGIONS * 8);
	}
	for (uint64_t luid = 1; luid <= 40; luid++) {
		become(luid, "LVM-one");
		resume();
		cr_assert_eq(sync_count(), REGIONS);
	}
	cr_assert_eq(stat_of("logs"), 40);
}

/* --- several hosts --- */

Test(bad_day, logs_of_several_hosts_are_refused)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	static uint8_t nothing[4096], first[4096];

	start();
	cr_assert_eq(ctr("%u clustered-disk %s 8", REGIONS * 8, loop.path).message.request.error,
		     -EOPNOTSUPP);
	expect_said("clustered-disk", "--clustered-as-single-host");
	cr_assert_eq(ctr("%u clustered-core 8", REGIONS * 8).message.request.error, -EOPNOTSUPP);
	cr_assert_eq(pread(loop.file, first, sizeof(first), 0), (ssize_t)sizeof(first));
	cr_assert_eq(memcmp(first, nothing, sizeof(first)), 0);
}

/* --- writes on their way --- */

/* Nothing has changed any more when it comes, and yet the block is not durable. */
Test(bad_day, a_flush_waits_for_a_write_that_is_on_its_way)
{
	struct loop_device cold = make_cold_loop();
	struct wire_message first, second;
	const uint64_t region = 3;

	start();
	make_log(&cold, REGIONS, " nosync");
	set_frozen(true);
	first = send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	expect_silence(QUIET_MSEC);
	second = send_request(DM_ULOG_FLUSH, NULL, 0);
	expect_silence(QUIET_MSEC);
	set_frozen(false);
	await_success(&first);
	await_success(&second);
	cr_assert_not(clean_on_disk(&cold, 3));
}

/* --- a log device that hangs --- */

/* What POSTSUSPEND waits for is clears; what is on its way lands behind nothing that comes after it. */
Test(bad_day, a_mirror_is_suspended_though_its_log_device_hangs)
{
	struct loop_device cold = make_cold_loop();
	struct wire_message request;

	start();
	make_log(&cold, REGIONS, " nosync");
	mark(3);
	flush();
	clear(3);
	set_frozen(true);
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
	expect_said("does not answer", "LVM-one");
	become(2, "LVM-one");
	ctr_ok("%u disk %s 8", REGIONS * 8, cold.path);
	request = send_request(DM_ULOG_RESUME, NULL, 0);
	expect_silence(QUIET_MSEC);
	set_frozen(false);
	await_success(&request);
	cr_assert_eq(sync_count(), REGIONS, "what was on its way has been read");
}

/* The receiver lets go of the dead when it comes by. */
static bool no_log_is_left(void)
{
	uint64_t region = 0;

	become(99, "another");
	return ask_error(DM_ULOG_IN_SYNC, &region, sizeof(region)) == -ESRCH &&
	       stat_of("logs") == 0;
}

/* Its log device hangs, and it waits. */
static struct wire_message hang_a_mark(void)
{
	const uint64_t region = 3;
	struct wire_message request;

	set_frozen(true);
	request = send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	expect_silence(QUIET_MSEC);
	return request;
}

static void fail_while_suspended(const char *engine)
{
	struct loop_device cold = make_cold_loop();
	struct wire_message request;

	bench.io_retry = "1";
	start_with("any", engine, NEVER);
	make_log(&cold, REGIONS, " nosync");
	request = hang_a_mark();
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	cr_assert_eq(await_answer(&request).message.request.error, -EIO);
	expect_health(&cold, 'D');
	cr_assert_eq(ask_error(DM_ULOG_FLUSH, NULL, 0), -EIO);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
	EXPECT_SOON(no_log_is_left(), "it is still there");
	set_frozen(false);
	expect_said("nobody waited for any more has ended", "");
}

/* The kernel waits for its writes before it is suspended, and those wait for a mark. */
Test(bad_day, a_write_that_hangs_fails_when_its_mirror_is_suspended)
{
	fail_while_suspended("auto");
}

Test(bad_day, a_write_of_a_thread_that_hangs_fails_when_its_mirror_is_suspended)
{
	fail_while_suspended("sync");
}

/* Its RESUME has not come yet, and requests have. */
Test(bad_day, a_write_of_a_mirror_that_reconnects_fails_when_it_is_suspended)
{
	struct loop_device cold = make_cold_loop();
	struct wire_message request;

	bench.io_retry = "1";
	start();
	make_log(&cold, REGIONS, " nosync");
	suspend();
	ask_ok(DM_ULOG_DTR, NULL, 0);
	reconnect(&cold, REGIONS);
	request = hang_a_mark();
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	cr_assert_eq(await_answer(&request).message.request.error, -EIO);
	set_frozen(false);
}

/* It is to be resumed soon: a device that is only slow costs nothing, whatever becomes of one that fails. */
static void survive_a_suspend(const char *io_retry)
{
	struct loop_device cold = make_cold_loop();
	struct wire_message request;

	bench.io_retry = io_retry;
	start();
	make_log(&cold, REGIONS, " nosync");
	request = hang_a_mark();
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	expect_silence(QUIET_MSEC);
	set_frozen(false);
	await_success(&request);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	cr_assert_not(clean_on_disk(&cold, 3));
	expect_health(&cold, 'A');
}

Test(bad_day, a_slow_write_survives_a_suspend)
{
	survive_a_suspend("10");
}

Test(bad_day, a_slow_write_survives_a_suspend_though_errors_are_told_at_once)
{
	survive_a_suspend("0");
}

Test(bad_day, a_log_is_removed_though_its_device_hangs)
{
	struct loop_device cold = make_cold_loop();
	struct wire_message request;

	start();
	make_log(&cold, REGIONS, " nosync");
	hang_a_mark();
	request = send_request(DM_ULOG_DTR, NULL, 0);
	cr_assert_eq(asker_receive(&bench.asker, WAIT_MSEC).message.request.error,
		     -EIO); /* the MARK */
	await_success(&request);
	EXPECT_SOON(no_log_is_left(), "it is still there");
	set_frozen(false);
	expect_said("nobody waited for any more has ended", "");
}

/* The kernel makes the log again, and asks again. */
Test(bad_day, who_waits_for_a_log_is_told_when_its_address_is_another_ones)
{
	struct loop_device cold = make_cold_loop();
	static const char text[] = "160 core 8 nosync";
	struct wire_message marks;
	int errors[2] = {0, 0}; /* of the two that wait; in any order */

	start();
	make_log(&cold, REGIONS, " nosync");
	marks = hang_a_mark();
	become(1, "LVM-another");
	send_request(DM_ULOG_CTR, text, sizeof(text) - 1);
	for (unsigned i = 0; i < 2; i++) {
		struct answer answer = asker_receive(&bench.asker, WAIT_MSEC);

		cr_assert_gt(answer.got, 0, "%u answers", i);
		errors[answer_is_foreign(&answer, &marks)] = answer.message.request.error;
	}
	cr_assert_eq(errors[0], -ESRCH);
	cr_assert_eq(errors[1], 0);
	set_frozen(false);
}

/* Whoever asks for the status of a mirror would hang with it, and so would lvs. */
Test(bad_day, a_log_tells_its_status_though_its_device_hangs)
{
	struct loop_device cold = make_cold_loop();
	struct wire_message request;

	start_with("any", "auto", "0.3");
	make_log(&cold, REGIONS, " nosync");
	mark(5);
	clear(5);
	request = hang_a_mark();
	/* Meanwhile the clear is due, which is the worker's. */
	sleep_msec(600);
	expect_health(&cold, 'A');
	cr_assert_eq(sync_count(), REGIONS);
	cr_assert_eq(in_sync(4), 1);
	cr_assert_eq(is_clean(3), 0);
	set_frozen(false);
	await_success(&request);
}
