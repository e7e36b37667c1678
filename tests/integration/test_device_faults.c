/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log devices that are unfit, fail or are slow, and an image that is not ours to write. */
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(device_faults, .init = set_up, .fini = tear_down, .timeout = 60);

/* --- refused --- */

/* Returns the error of the CTR; the log has to say why. */
static int ctr_fails(const char *device, unsigned regions, const char *reason)
{
	int error = ctr("%u disk %s 8", regions * 8, device).message.request.error;

	cr_assert_lt(error, 0, "%s was taken", device);
	expect_said(device, reason);
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
	return error;
}

Test(device_faults, a_device_too_small_is_refused)
{
	struct loop_device loop = make_loop(2048, 512);

	start();
	cr_assert_eq(ctr_fails(loop.path, 1000000, "2048 bytes"), -ENOSPC);
	make_log(&loop, 8192, " nosync");
	cr_assert_eq(sync_count(), 8192);
	become(2, "LVM-two");
	cr_assert_eq(ctr_fails(loop.path, 8193, "8193 regions need 2560"), -ENOSPC);
}

Test(device_faults, a_missing_device_is_refused)
{
	start();
	cr_assert_eq(ctr_fails("/dev/no-such-device", REGIONS, "No such file"), -ENOENT);
	ctr_fails("no-path-at-all", REGIONS, "");
	ctr_fails("4000:4000", REGIONS, "");
}

Test(device_faults, a_file_is_no_log_device)
{
	char path[] = "/tmp/test_device_faults.XXXXXX";
	int fd = mkstemp(path);

	cr_assert_eq(ftruncate(fd, DEVICE_BYTES), 0);
	start();
	ctr_fails("/dev/zero", REGIONS, "");
	ctr_fails("/tmp", REGIONS, "");
	cr_expect_lt(ctr_fails(path, REGIONS, "not a block device"), 0);
	unlink(path);
}

/* A log of a kernel that is not born yet is left alone. */
Test(device_faults, a_header_of_version_3_is_never_written)
{
	static const uint8_t bits[3] = {0xFF, 0xFF, 0xFF};
	static uint8_t before[DEVICE_BYTES], after[DEVICE_BYTES];
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	char text[64];
	uint64_t region = 3;

	fill_loop(&loop, 3, REGIONS, bits, sizeof(bits));
	cr_assert_eq(pread(loop.file, before, sizeof(before), 0), (ssize_t)sizeof(before));
	start();
	ctr_ok("%u disk %s 8 nosync", REGIONS * 8, loop.path);
	cr_assert_lt(ask_error(DM_ULOG_RESUME, NULL, 0), 0);
	cr_assert_eq(sync_count(), 0);
	cr_assert_eq(in_sync(3), 0);
	snprintf(text, sizeof(text), "3 disk %s D", loop.number);
	expect_text(DM_ULOG_STATUS_INFO, text);
	expect_said("version 3", loop.number);
	cr_assert_eq(set_region_sync(3, 1), 0);
	clear(3);
	cr_assert_lt(ask_error(DM_ULOG_MARK_REGION, &region, sizeof(region)), 0);
	cr_assert_lt(ask_error(DM_ULOG_FLUSH, &region, sizeof(region)), 0);
	clear(3);
	ask(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
	cr_assert_eq(WEXITSTATUS(end_daemon(SIGTERM)), 0);
	cr_assert_eq(pread(loop.file, after, sizeof(after), 0), (ssize_t)sizeof(after));
	cr_assert_eq(memcmp(before, after, sizeof(before)), 0, "it was written");
}

/* --- failing --- */

Test(device_faults, a_device_that_fails_for_a_moment_is_not_heard_of)
{
	struct loop_device loop = make_full_loop();
	struct wire_message request;

	start();
	make_log(&loop, FULL_REGIONS, "");
	request = begin_failing_write();
	expect_silence(500); /* it waits */
	expect_said("failed", "trying again");
	make_room();
	await_success(&request);
	cr_assert(clean_on_disk(&loop, IN_A_HOLE));
	end_full_loop();
}

/* The kernel holds the mirror's writes from the first error on, and status must not deny it. */
Test(device_faults, a_log_that_has_failed_stays_failed_though_its_device_works_again)
{
	struct loop_device loop = make_full_loop();
	struct wire_message request;
	char text[64];

	bench.io_retry = "0.3";
	start();
	make_log(&loop, FULL_REGIONS, "");
	request = begin_failing_write();
	cr_assert_lt(await_answer(&request).message.request.error, 0);
	snprintf(text, sizeof(text), "3 disk %s D", loop.number);
	expect_text(DM_ULOG_STATUS_INFO, text);
	cr_assert_lt(ask_error(DM_ULOG_FLUSH, NULL, 0), 0);
	cr_assert_eq(in_sync(IN_A_HOLE), 1, "questions are answered all the same");
	make_room();
	flush();
	cr_assert(clean_on_disk(&loop, IN_A_HOLE));
	expect_text(DM_ULOG_STATUS_INFO, text);
	resume();
	expect_text(DM_ULOG_STATUS_INFO, text);
	ask_ok(DM_ULOG_DTR, NULL, 0);
	make_log(&loop, FULL_REGIONS, "");
	snprintf(text, sizeof(text), "3 disk %s A", loop.number);
	expect_text(DM_ULOG_STATUS_INFO, text);
	end_full_loop();
}

/* --- dead, and all regions hot --- */

static const uint64_t hot = 3;

static struct {
	char path[40];
} mortal = {"/tmp/test_device_faults.XXXXXX"};

/* In a file system with room, so far. */
static struct loop_device make_mortal_loop(void)
{
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_not_null(mkdtemp(mortal.path));
	cr_assert_eq(mount("none", mortal.path, "tmpfs", 0, "size=1m"), 0);
	return make_loop_in(mortal.path, DEVICE_BYTES, 512);
}

/* From now on no block of it can be written: all are holes, and the one page is taken. */
static void kill_loop(const struct loop_device *loop)
{
	static const uint8_t page[4096];
	char path[64];
	int fd;

	cr_assert_eq(
		fallocate(loop->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, DEVICE_BYTES),
		0);
	cr_assert_eq(mount("none", mortal.path, "tmpfs", MS_REMOUNT, "size=4k"), 0);
	snprintf(path, sizeof(path), "%s/filler", mortal.path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	cr_assert_eq(write(fd, page, sizeof(page)), (ssize_t)sizeof(page));
	close(fd);
}

static void end_mortal_loop(void)
{
	umount2(mortal.path, MNT_DETACH);
	rmdir(mortal.path);
}

static struct loop_device start_hot(const char *probe)
{
	struct loop_device loop = make_mortal_loop();

	bench.probe = probe;
	bench.io_retry = "0.3";
	start();
	make_log(&loop, REGIONS, " nosync");
	mark(hot);
	return loop;
}

static bool status_is(const struct loop_device *loop, char health)
{
	struct answer answer = ask(DM_ULOG_STATUS_INFO, NULL, 0);
	char text[64];

	snprintf(text, sizeof(text), "3 disk %s %c", loop->number, health);
	return strcmp((const char *)answer.message.payload, text) == 0;
}

static void use_for(unsigned msec)
{
	for (int64_t end_msec = now_msec() + msec; now_msec() < end_msec; sleep_msec(10))
		mark(hot);
}

/* A loop device cannot read behind the end of its file. */
Test(device_faults, an_image_that_cannot_be_read_says_nothing)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	uint8_t clean[FULL_REGIONS / 8];

	memset(clean, 0xff, sizeof(clean));
	fill_loop(&loop, 2, FULL_REGIONS, clean, sizeof(clean));
	cr_assert_eq(ftruncate(loop.file, 4096), 0);
	bench.io_retry = "0.3";
	start();
	cr_assert_eq(ctr("%u disk %s 8", FULL_REGIONS * 8, loop.path).message.request.error, 0);
	ask_error(DM_ULOG_RESUME, NULL, 0);
	cr_assert_eq(sync_count(), 0, "regions are in sync that could not be read");
	cr_assert(status_is(&loop, 'D'), "nobody is told");
}

/* What nobody waits for is not tried without end: each try is a line of the kernel's, for each mirror. */
Test(device_faults, a_log_that_has_failed_is_not_written_for_nobody)
{
	struct loop_device loop = make_full_loop();
	struct wire_message request;
	unsigned long before;

	bench.io_retry = "0.3";
	start_with("any", "auto", "0");
	make_log(&loop, FULL_REGIONS, "");
	request = begin_failing_write();
	cr_assert_lt(await_answer(&request).message.request.error, 0);
	cr_assert_lt(ask_error(DM_ULOG_RESUME, NULL, 0), 0);
	cr_assert(status_is(&loop, 'D'));
	before = stat_of("write_errors");
	cr_assert_eq(set_region_sync(IN_A_HOLE + 1, 1), 0);
	clear(IN_A_HOLE + 1);
	EXPECT_SOON(stat_of("write_errors") > before, "it is not tried at all");
	sleep_msec(200);
	before = stat_of("write_errors");
	sleep_msec(1500);
	cr_assert_eq(stat_of("write_errors"), before);
	end_full_loop();
}

/* The last mark is answered before the probe that it leads to. */
Test(device_faults, a_device_that_dies_while_all_regions_are_hot_is_noticed)
{
	struct loop_device loop = start_hot("0.4");
	struct wire_message request;

	kill_loop(&loop);
	mark(hot);
	EXPECT_SOON(status_is(&loop, 'D'), "status is not D:\n%s", output());
	expect_said("write to log device", loop.number);
	expect_said("has failed", loop.number);
	cr_assert_lt(ask_error(DM_ULOG_FLUSH, NULL, 0), 0);
	request = send_request(DM_ULOG_MARK_REGION, &hot, sizeof(hot));
	cr_assert_lt(await_answer(&request).message.request.error, 0);
	end_mortal_loop();
}

Test(device_faults, marks_during_a_probe_that_fails_wait_for_it)
{
	struct loop_device loop = start_hot("0.2");
	struct wire_message request;

	bench.io_retry = NULL;
	kill_loop(&loop);
	mark(hot);
	expect_said("write to log device", "trying again");
	request = send_request(DM_ULOG_MARK_REGION, &hot, sizeof(hot));
	cr_assert_eq(in_sync(hot), 1);
	cr_assert_lt(await_answer(&request).message.request.error, 0);
	cr_assert(status_is(&loop, 'D'));
	end_mortal_loop();
}

Test(device_faults, a_log_that_is_used_is_written_now_and_then)
{
	struct loop_device loop = start_hot("0.2");

	use_for(1500);
	cr_assert_geq(stat_of("probes"), 3);
	cr_assert_leq(stat_of("probes"), 7);
	cr_assert(status_is(&loop, 'A'));
	cr_assert_not(clean_on_disk(&loop, hot));
	cr_assert(clean_on_disk(&loop, hot + 1));
	end_mortal_loop();
}

Test(device_faults, a_log_that_nobody_uses_is_not_probed)
{
	struct loop_device loop = start_hot("0.1");

	kill_loop(&loop);
	for (unsigned i = 0; i < 20; i++) {
		cr_assert_eq(in_sync(hot), 1);
		flush(); /* of nothing */
		sleep_msec(20);
	}
	cr_assert_eq(stat_of("probes"), 0);
	cr_assert(status_is(&loop, 'A'));
	end_mortal_loop();
}

Test(device_faults, a_log_that_nobody_has_used_since_its_last_write_is_not_probed)
{
	struct loop_device loop = start_hot("0.3");

	mark(hot);
	mark(hot + 1);
	kill_loop(&loop);
	sleep_msec(900);
	cr_assert_eq(stat_of("probes"), 0);
	cr_assert(status_is(&loop, 'A'));
	end_mortal_loop();
}

Test(device_faults, a_suspended_log_is_not_probed)
{
	struct loop_device loop = start_hot("0.3");

	mark(hot);
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	kill_loop(&loop);
	sleep_msec(900);
	cr_assert_eq(stat_of("probes"), 0);
	cr_assert(status_is(&loop, 'A'));
	end_mortal_loop();
}

Test(device_faults, no_log_is_probed_if_told_so)
{
	struct loop_device loop = start_hot("0");

	kill_loop(&loop);
	use_for(500);
	cr_assert_eq(stat_of("probes"), 0);
	cr_assert(status_is(&loop, 'A'));
	end_mortal_loop();
}

/* A write shows as much as a probe does. */
Test(device_faults, a_log_that_is_written_is_not_probed)
{
	start_hot("0.6");

	for (unsigned region = hot + 1; region < REGIONS; region++) {
		mark(region);
		mark(hot);
		sleep_msec(100);
	}
	cr_assert_eq(stat_of("probes"), 0);
	end_mortal_loop();
}

Test(device_faults, a_device_that_hangs_has_one_probe_in_flight)
{
	struct loop_device cold = make_cold_loop();
	struct wire_message request;

	bench.probe = "0.1";
	start();
	make_log(&cold, REGIONS, " nosync");
	mark(hot);
	mark(hot);
	set_frozen(true);
	EXPECT_SOON(stat_of("probes") == 1, "no probe");
	request = send_request(DM_ULOG_MARK_REGION, &hot, sizeof(hot));
	expect_silence(500); /* it waits, as for any write */
	cr_assert_eq(in_sync(hot), 1);
	cr_assert_eq(stat_of("probes"), 1);
	cr_assert(status_is(&cold, 'A'));
	set_frozen(false);
	await_success(&request);
}

Test(device_faults, a_successor_knows_what_a_probe_has_found)
{
	struct loop_device loop = make_mortal_loop();

	bench.supervised = true;
	bench.probe = "0.2";
	bench.io_retry = "0.3";
	start();
	make_log(&loop, REGIONS, " nosync");
	mark(hot);
	kill_loop(&loop);
	mark(hot);
	EXPECT_SOON(status_is(&loop, 'D'), "status is not D:\n%s", output());
	cr_assert_eq(kill((pid_t)stat_of("server_pid"), SIGKILL), 0);
	cr_assert(status_is(&loop, 'D'));
	cr_assert_lt(ask_error(DM_ULOG_FLUSH, NULL, 0), 0);
	end_mortal_loop();
}

/* Its successor goes on with the block that was on its way. */
Test(device_faults, a_server_that_dies_in_a_probe_leaves_it_to_the_next)
{
	struct loop_device loop = make_mortal_loop();

	bench.supervised = true;
	bench.probe = "0.2";
	setenv("DIRTYLOGD_KILL_AT", "probe:0", 1);
	start();
	unsetenv("DIRTYLOGD_KILL_AT");
	make_log(&loop, REGIONS, " nosync");
	mark(hot);
	mark(hot);
	EXPECT_SOON(stat_of("server") == 2, "it was not killed:\n%s", output());
	mark(hot);
	cr_assert(status_is(&loop, 'A'));
	cr_assert_not(clean_on_disk(&loop, hot));
	/* The first mark may have waited for the block that the successor wrote: that was no use of a hot region. */
	mark(hot);
	EXPECT_SOON(stat_of("probes") == 1, "the successor does not probe");
	end_mortal_loop();
}

/* --- slow --- */

/* So many that each worker has one of them. */
#define OTHERS 16u

static void become_other(unsigned number)
{
	char uuid[16];

	snprintf(uuid, sizeof(uuid), "other-%u", number);
	become(2 + number, uuid);
}

static void hold_nobody_up(const char *engine)
{
	struct loop_device cold = make_cold_loop(), others[OTHERS];
	const uint64_t region = 3;
	struct wire_message request;

	start_with("any", engine, NEVER);
	make_log(&cold, REGIONS, " nosync");
	for (unsigned i = 0; i < OTHERS; i++) {
		others[i] = make_loop(DEVICE_BYTES, 512);
		become_other(i);
		make_log(&others[i], REGIONS, " nosync");
	}
	become(1, "LVM-one");
	set_frozen(true);
	request = send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	expect_silence(300); /* it waits */
	cr_assert_eq(in_sync(3), 1);
	cr_assert_eq(is_clean(3), 0);
	for (unsigned i = 0; i < OTHERS; i++) {
		become_other(i);
		mark(5);
		flush();
		cr_assert_not(clean_on_disk(&others[i], 5));
	}
	set_frozen(false);
	become(1, "LVM-one");
	await_success(&request);
	cr_assert_not(clean_on_disk(&cold, 3));
}

/* The receiver writes the log itself, and yet blocks for nothing. */
Test(device_faults, a_slow_log_device_holds_nobody_else_up)
{
	hold_nobody_up("auto");
}

Test(device_faults, a_slow_log_device_holds_nobody_else_up_without_io_uring)
{
	hold_nobody_up("sync");
}

/* More than a thread that writes has buffers. Logs of one uuid have one worker. */
#define HUNG 230u

Test(device_faults, many_devices_that_hang_hold_nobody_else_up)
{
	static struct loop_device hung[HUNG];
	struct loop_device other = make_loop(DEVICE_BYTES, 512);
	const uint64_t region = 3;

	start();
	for (unsigned i = 0; i < HUNG; i++) {
		hung[i] = make_another_cold_loop();
		become(10 + i, "LVM-one");
		make_log(&hung[i], REGIONS, " nosync");
	}
	become(2, "LVM-one");
	make_log(&other, REGIONS, " nosync");
	set_frozen(true);
	for (unsigned i = 0; i < HUNG; i++) {
		become(10 + i, "LVM-one");
		send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	}
	expect_silence(300);
	become(2, "LVM-one");
	mark(5);
	cr_assert_not(clean_on_disk(&other, 5));
	set_frozen(false);
	for (unsigned i = 0; i < HUNG; i++) {
		struct answer answer = asker_receive(&bench.asker, WAIT_MSEC);

		cr_assert_gt(answer.got, 0);
		cr_assert_eq(answer.message.request.error, 0);
	}
}

/* The worker's write goes on while the receiver executes the log for a moment. */
Test(device_faults, a_log_that_its_worker_writes_is_answered)
{
	struct loop_device cold = make_cold_loop();
	struct wire_message request;

	start();
	ctr_ok("%u disk %s 8 nosync", REGIONS * 8, cold.path);
	set_frozen(true);
	request = send_request(DM_ULOG_RESUME, NULL, 0);
	expect_silence(300); /* it waits for the image to be written */
	cr_assert_eq(in_sync(3), 1);
	cr_assert_eq(sync_count(), REGIONS);
	set_frozen(false);
	await_success(&request);
}

/* The kernel tells of a suspension, and sends the last writes behind that. */
Test(device_faults, a_suspension_waits_for_no_device_whose_writes_come_behind_it)
{
	struct loop_device cold = make_cold_loop();
	const uint64_t region = 3;
	struct answer answer;

	bench.io_retry = "0.3";
	start();
	make_log(&cold, REGIONS, " nosync");
	set_frozen(true);
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	answer = asker_receive(&bench.asker, WAIT_MSEC);
	cr_assert_gt(answer.got, 0);
	cr_assert_eq(answer.message.request.error, -EIO);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	set_frozen(false);
}

/* Nor does its successor, which has not been told of it. */
Test(device_faults, a_suspension_waits_for_no_device_when_its_server_is_killed)
{
	struct loop_device cold = make_cold_loop();
	const uint64_t region = 3;
	struct answer answer;

	bench.io_retry = "0.3";
	bench.supervised = true;
	start();
	make_log(&cold, REGIONS, " nosync");
	set_frozen(true);
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	sleep_msec(QUIET_MSEC);
	cr_assert_eq(kill((pid_t)stat_of("server_pid"), SIGKILL), 0);
	answer = asker_receive(&bench.asker, WAIT_MSEC);
	cr_assert_gt(answer.got, 0, "nobody is told:\n%s", output());
	cr_assert_eq(answer.message.request.error, -EIO);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	set_frozen(false);
}

static unsigned waiting(void)
{
	char text[4096];
	const char *at;

	control_ask("status\n", text, sizeof(text));
	at = strstr(text, "\"waiting\":");
	cr_assert_not_null(at, "%s", text);
	return (unsigned)strtoul(at + strlen("\"waiting\":"), NULL, 10);
}

/* The kernel sends each anew every 15 s, to a log that has clears to write. */
Test(device_faults, what_is_sent_again_takes_no_place_for_ever)
{
	struct loop_device cold = make_cold_loop();
	const uint64_t region = 3;

	start_with("any", "auto", "0.7");
	make_log(&cold, REGIONS, " nosync");
	mark(5);
	clear(5);
	set_frozen(true);
	send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	expect_silence(2500);
	send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	expect_silence(14000);
	send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	expect_silence(2500);
	send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	expect_silence(300);
	cr_assert_eq(waiting(), 2);
	set_frozen(false);
}

/* --- opens that hang --- */

#define NEIGHBOURS 6u /* some of them with the same worker */

static void make_neighbours(struct loop_device neighbours[NEIGHBOURS])
{
	char uuid[32];

	for (unsigned i = 0; i < NEIGHBOURS; i++) {
		neighbours[i] = make_loop(DEVICE_BYTES, 512);
		snprintf(uuid, sizeof(uuid), "LVM-neighbour-%u", i);
		become(10 + i, uuid);
		make_log(&neighbours[i], REGIONS, " nosync");
	}
}

static void expect_neighbours_served(const struct loop_device neighbours[NEIGHBOURS])
{
	char uuid[32];

	for (unsigned i = 0; i < NEIGHBOURS; i++) {
		snprintf(uuid, sizeof(uuid), "LVM-neighbour-%u", i);
		become(10 + i, uuid);
		/* None is resumed twice by a kernel, but this has a worker read the image. */
		resume();
		mark(5);
		cr_assert_not(clean_on_disk(&neighbours[i], 5));
	}
	become(1, "LVM-one");
}

static void send_ctr_of(const char *path)
{
	char text[128];

	snprintf(text, sizeof(text), "%u disk %s 8", REGIONS * 8, path);
	send_request(DM_ULOG_CTR, text, (uint32_t)strlen(text));
}

Test(device_faults, a_device_that_hangs_when_it_is_opened_is_refused)
{
	struct loop_device neighbours[NEIGHBOURS], good = make_loop(DEVICE_BYTES, 512);
	const char *path = make_hanging_path();

	start();
	make_neighbours(neighbours);
	become(1, "LVM-one");
	send_ctr_of(path);
	expect_neighbours_served(neighbours);
	cr_assert_eq(asker_receive(&bench.asker, 2 * WAIT_MSEC).message.request.error, -ETIMEDOUT);
	expect_said(path, "it hangs");
	/* It is not tried again as long as the first try has not ended. */
	cr_assert_eq(ctr_fails(path, REGIONS, "an earlier try"), -EBUSY);
	let_opens_fail();
	EXPECT_SOON(ctr("%u disk %s 8", REGIONS * 8, path).message.request.error == -ENOTCONN,
		    "the earlier try never ends");
	make_log(&good, REGIONS, " nosync");
}

/* More of them than threads that open devices when all is well. */
Test(device_faults, many_devices_that_hang_when_they_are_opened_hold_up_no_other)
{
	struct loop_device good = make_loop(DEVICE_BYTES, 512);
	const char *path = make_hanging_path();
	char name[64];

	start();
	for (unsigned i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "LVM-hung-%u", i);
		become(20 + i, name);
		snprintf(name, sizeof(name), "%s-%u", path, i);
		send_ctr_of(name);
	}
	become(1, "LVM-one");
	make_log(&good, REGIONS, " nosync");
	mark(5);
	cr_assert_not(clean_on_disk(&good, 5));
	let_opens_fail();
}
