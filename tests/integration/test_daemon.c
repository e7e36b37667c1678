/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon over netlink and loop devices: what each request does, and what goes wrong. */
#include "tests/lib/daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

TestSuite(daemon, .init = set_up, .fini = tear_down, .timeout = 60);

/* --- lives --- */

static void recover_all(unsigned regions)
{
	expect_work(regions - 1);
	cr_assert_eq(set_region_sync(regions - 1, 1), 0);
	for (unsigned r = 0; r < regions - 1; r++) {
		expect_hint(regions - 1);
		expect_work(r);
		cr_assert_eq(sync_count(), r + 1);
		cr_assert_eq(set_region_sync(r, 1), 0);
	}
	expect_no_work();
	cr_assert_eq(sync_count(), regions);
	expect_hint(regions);
}

static void write_round(const struct loop *loop)
{
	mark(3);
	flush();
	if (loop)
		cr_assert_not(clean_on_disk(loop, 3));
	cr_assert_eq(is_clean(3), 0);
	cr_assert_eq(in_sync(3), 1);
	clear(3);
	cr_assert_eq(is_clean(3), 1);
	flush();
}

static void live(const char *type, const struct loop *loop)
{
	char text[64];

	cr_assert_eq(ask_u64(DM_ULOG_GET_REGION_SIZE, NULL, 0), 8);
	cr_assert_eq(sync_count(), 0);
	cr_assert_eq(in_sync(0), 0);
	resume();
	recover_all(N);
	for (unsigned r = 0; r < N; r++)
		clear(r);
	write_round(loop);
	snprintf(text, sizeof(text), loop ? "3 %s %s A" : "1 %s", type, loop ? loop->number : "");
	expect_text(DM_ULOG_STATUS_INFO, text);
	destroy_log();
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
}

static void live_on_disk(const char *type)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);
	char text[96];

	cr_assert_eq(ctr("%u %s %s 8", N * 8, type, loop.name).message.request.error, 0);
	snprintf(text, sizeof(text), "%s %s 8", type, loop.name);
	expect_text(DM_ULOG_STATUS_TABLE, text);
	live(type, &loop);
	for (unsigned r = 0; r < N; r++)
		cr_assert(clean_on_disk(&loop, r), "POSTSUSPEND left region %u dirty", r);
	cr_assert_eq(regions_on_disk(&loop), N);
}

Test(daemon, a_disk_log_lives)
{
	start();
	live_on_disk("disk");
}

Test(daemon, a_clustered_disk_log_lives)
{
	start();
	live_on_disk("clustered-disk");
}

Test(daemon, a_disk_log_lives_without_io_uring)
{
	start_with("any", "sync", NEVER);
	live_on_disk("disk");
}

Test(daemon, a_core_log_lives)
{
	start();
	cr_assert_eq(ctr("%u core 8", N * 8).message.request.error, 0);
	live("core", NULL);
}

Test(daemon, a_clustered_core_log_lives)
{
	start();
	cr_assert_eq(ctr("%u clustered-core 8 block_on_error", N * 8).message.request.error, 0);
	expect_text(DM_ULOG_STATUS_TABLE, "clustered-core 8 block_on_error");
	live("clustered-core", NULL);
}

Test(daemon, a_log_on_blocks_of_4096_bytes_lives)
{
	struct loop loop = make_loop(DEVICE_BYTES, 4096);

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

/* --- CTR, DTR, who is known --- */

Test(daemon, the_first_ctr_is_answered_with_the_device)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);
	struct answer answer;

	start();
	for (uint32_t version = 1; version <= 3; version++) {
		become(version, "LVM-versions");
		bench.client.version = version;
		answer = ctr("160 disk %s 8", loop.name);
		cr_assert_eq(answer.message.request.error, 0);
		if (version == 1) {
			cr_assert_eq(answer.message.request.data_size, 0);
			continue;
		}
		cr_assert_eq(answer.message.request.data_size, strlen(loop.number) + 1);
		cr_assert_str_eq((const char *)answer.message.payload, loop.number);
	}
}

Test(daemon, a_device_may_be_named_by_its_number)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);

	start();
	cr_assert_eq(ctr("160 disk %s 8", loop.number).message.request.error, 0, "%s", output());
	resume();
}

Test(daemon, a_ctr_sent_again_keeps_the_state)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, N, " nosync");
	mark(3);
	cr_assert_eq(ctr("%u disk %s 8 nosync", N * 8, loop.name).message.request.error, 0);
	cr_assert_eq(is_clean(3), 0);
	resume();
	cr_assert_eq(is_clean(3), 0);
	cr_assert_eq(in_sync(3), 1);
}

/* PROTOCOL: the kernel retries with the size of the error, trap 1. */
Test(daemon, an_unknown_log_leaves_room_for_the_answer)
{
	uint64_t payload[2] = {0, 0};

	start();
	for (unsigned type = DM_ULOG_DTR; type < WIRE_TYPES; type++) {
		uint32_t size = type == DM_ULOG_SET_REGION_SYNC ? 16 : 8;
		struct answer answer = ask(type, payload, size);

		if (type == DM_ULOG_DTR) {
			cr_assert_eq(answer.message.request.error, 0);
			continue;
		}
		cr_assert_eq(answer.message.request.error, -ESRCH);
		cr_assert_eq(answer.message.request.data_size, wire_opcodes[type].reply_bytes);
	}
}

Test(daemon, logs_differ_by_luid_and_by_uuid)
{
	start();
	ctr("160 core 8 nosync");
	resume();
	become(2, "LVM-one");
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
	ctr("80 core 8 nosync");
	resume();
	cr_assert_eq(sync_count(), 10);
	become(1, "LVM-one");
	cr_assert_eq(sync_count(), 20);
	become(1, "LVM-other");
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
}

Test(daemon, not_all_is_in_sync_before_the_first_resume)
{
	start();
	ctr("160 core 8 nosync");
	cr_assert_leq(sync_count(), 19);
	resume();
	cr_assert_eq(sync_count(), 20);
}

/* Returns the error of the CTR; the log has to say why. */
static int ctr_fails(const char *device, unsigned regions, const char *reason)
{
	int error = ctr("%u disk %s 8", regions * 8, device).message.request.error;

	cr_assert_lt(error, 0, "%s was taken", device);
	expect_said(device, reason);
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
	return error;
}

Test(daemon, a_device_too_small_is_refused)
{
	struct loop loop = make_loop(2048, 512);

	start();
	cr_assert_eq(ctr_fails(loop.name, 1000000, "2048 bytes"), -ENOSPC);
	make_log(&loop, 8192, " nosync");
	cr_assert_eq(sync_count(), 8192);
	become(2, "LVM-two");
	cr_assert_eq(ctr_fails(loop.name, 8193, "8193 regions need 2560"), -ENOSPC);
}

Test(daemon, a_missing_device_is_refused)
{
	start();
	cr_assert_eq(ctr_fails("/dev/no-such-device", N, "No such file"), -ENOENT);
	ctr_fails("no-path-at-all", N, "");
	ctr_fails("4000:4000", N, "");
}

Test(daemon, a_file_is_no_log_device)
{
	char path[] = "/tmp/test_daemon.XXXXXX";
	int fd = mkstemp(path);

	cr_assert_eq(ftruncate(fd, DEVICE_BYTES), 0);
	start();
	ctr_fails("/dev/zero", N, "");
	ctr_fails("/tmp", N, "");
	cr_expect_lt(ctr_fails(path, N, "not a block device"), 0);
	unlink(path);
}

/* --- what is on the device, and when --- */

Test(daemon, marks_are_on_the_device_after_flush)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);
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

Test(daemon, a_failed_leg_is_on_the_device_before_the_answer)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, N, " nosync");
	cr_assert(clean_on_disk(&loop, 4));
	cr_assert_eq(set_region_sync(4, 0), 0);
	cr_assert_not(clean_on_disk(&loop, 4));
	cr_assert_eq(in_sync(4), 0);
	expect_hint(N - 1);
}

static void clears_wait(const char *engine)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);
	int64_t cleared, written;

	start_with("any", engine, "0.7");
	make_log(&loop, N, " nosync");
	mark(5);
	flush();
	cleared = now_msec();
	clear(5);
	flush();
	cr_assert_not(clean_on_disk(&loop, 5));
	while (!clean_on_disk(&loop, 5)) {
		cr_assert_lt(now_msec(), cleared + WAIT_MSEC, "never written clean");
		sleep_msec(5);
	}
	written = now_msec();
	cr_assert_geq(written - cleared, 700, "after %ld ms", written - cleared);
}

Test(daemon, clears_wait_for_their_delay)
{
	clears_wait("auto");
}

Test(daemon, clears_wait_for_their_delay_without_io_uring)
{
	clears_wait("sync");
}

/* The clear of another region is not an early train. */
Test(daemon, each_clear_waits_for_its_own_delay)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);
	int64_t first, second;

	start_with("any", "auto", "0.7");
	make_log(&loop, N, " nosync");
	mark(5);
	mark(6);
	flush();
	first = now_msec();
	clear(5);
	while (now_msec() < first + 1000)
		sleep_msec(10);
	second = now_msec();
	clear(6);
	while (!clean_on_disk(&loop, 6)) {
		cr_assert_lt(now_msec(), second + WAIT_MSEC, "never written clean");
		sleep_msec(5);
	}
	cr_assert_geq(now_msec() - second, 700, "after %ld ms", (long)(now_msec() - second));
	cr_assert(clean_on_disk(&loop, 5));
}

Test(daemon, a_region_marked_again_stays_dirty)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);

	start_with("any", "auto", "0.3");
	make_log(&loop, N, " nosync");
	mark(5);
	flush();
	clear(5);
	mark(5);
	flush();
	sleep_msec(1500);
	cr_assert_not(clean_on_disk(&loop, 5));
	cr_assert_eq(is_clean(5), 0);
}

Test(daemon, postsuspend_writes_clears)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, N, " nosync");
	mark(5);
	mark(6);
	flush();
	clear(5);
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	cr_assert(clean_on_disk(&loop, 5));
	cr_assert_not(clean_on_disk(&loop, 6));
	cr_assert_eq(in_sync(5), 1, "requests still come after it");
}

Test(daemon, sigterm_writes_clears_and_ends_well)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);
	int status;

	start();
	make_log(&loop, N, " nosync");
	mark(5);
	mark(6);
	flush();
	clear(5);
	cr_assert_not(clean_on_disk(&loop, 5));
	status = end_daemon(SIGTERM);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x:\n%s",
		  (unsigned)status, output());
	cr_assert(clean_on_disk(&loop, 5));
	cr_assert_not(clean_on_disk(&loop, 6));
}

/* --- restarts --- */

static void restart_keeps(const char *engine)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);

	start_with("any", engine, NEVER);
	make_log(&loop, N, " nosync");
	destroy_log();
	make_log(&loop, N, "");
	mark(3);
	flush();
	mark(4); /* the kernel repeats the FLUSH behind it, not the MARK */
	end_daemon(SIGKILL);
	start_with("any", engine, NEVER);
	cr_assert_eq(ask_error(DM_ULOG_FLUSH, NULL, 0), -ESRCH);
	reconnect(&loop, N);
	cr_assert_eq(in_sync(3), 0);
	for (unsigned r = 0; r < N; r++)
		cr_assert_eq(in_sync(r), r != 3 && r != 4, "region %u", r);
	cr_assert_eq(sync_count(), N - 2);
	resume();
	cr_assert_eq(in_sync(3), 0);
	cr_assert_eq(sync_count(), N - 2);
	expect_work(4);
	cr_assert_eq(set_region_sync(4, 1), 0);
	expect_work(3);
	cr_assert_eq(set_region_sync(3, 1), 0);
	expect_no_work();
}

Test(daemon, a_restart_keeps_what_is_dirty)
{
	restart_keeps("auto");
}

Test(daemon, a_restart_keeps_what_is_dirty_without_io_uring)
{
	restart_keeps("sync");
}

/* Dirty by the crash of a server, then by that of another: it is never forgotten. */
Test(daemon, a_second_restart_finds_the_same)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, N, " nosync");
	mark(3);
	flush();
	for (unsigned i = 0; i < 2; i++) {
		end_daemon(SIGKILL);
		start();
		reconnect(&loop, N);
		resume();
		cr_assert_eq(in_sync(3), 0);
		cr_assert_eq(sync_count(), N - 1);
	}
}

/* kmirrord and an ioctl meet the restart at once: each sends CTR and RESUME. */
Test(daemon, two_threads_that_reconnect_lose_no_mark)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, N, " nosync");
	end_daemon(SIGKILL);
	start();
	reconnect(&loop, N);
	reconnect(&loop, N);
	mark(3); /* of a third, that never met it */
	resume();
	resume();
	cr_assert_eq(is_clean(3), 0);
	flush();
	cr_assert_not(clean_on_disk(&loop, 3));
}

/* The next table's log has the device from then on. */
Test(daemon, a_suspended_log_writes_no_clears)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);

	start_with("any", "auto", "0.3");
	make_log(&loop, N, " nosync");
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

Test(daemon, a_core_log_has_nothing_in_sync_after_a_restart)
{
	static const char text[] = "160 core 8 nosync";

	start();
	ask_ok(DM_ULOG_CTR, text, sizeof(text) - 1);
	resume();
	cr_assert_eq(sync_count(), N);
	end_daemon(SIGKILL);
	start();
	ask_ok(DM_ULOG_CTR, text, sizeof(text));
	cr_assert_eq(sync_count(), 0);
	resume();
	cr_assert_eq(sync_count(), 0);
}

Test(daemon, sync_counts_at_the_first_resume_only)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);
	char text[64];
	int bytes = snprintf(text, sizeof(text), "%u disk %s 8 sync", N * 8, loop.name);

	start();
	make_log(&loop, N, " nosync");
	destroy_log();
	make_log(&loop, N, " sync");
	cr_assert_eq(sync_count(), 0);
	cr_assert_not(clean_on_disk(&loop, 1));
	for (unsigned r = 0; r < N; r++) {
		cr_assert_eq(set_region_sync(r, 1), 0);
		clear(r);
	}
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	resume();
	cr_assert_eq(sync_count(), N, "a resume of the same luid keeps memory");
	end_daemon(SIGKILL);
	start();
	ask_ok(DM_ULOG_CTR, text, (uint32_t)bytes + 1);
	cr_assert_eq(sync_count(), N, "a reconnect reads the image");
}

Test(daemon, the_second_daemon_names_the_first)
{
	char *args[] = {"dirtylogd", "--foreground", NULL};
	char pid[32];
	int status;

	start();
	snprintf(pid, sizeof(pid), "process %d", (int)bench.daemon);
	waitpid(spawn(args), &status, 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %#x", (unsigned)status);
	expect_said("another dirtylogd", pid);
	cr_assert(control_answers());
}

Test(daemon, messages_of_others_than_the_kernel_are_dropped)
{
	struct wire_message request;
	struct answer answer;

	start_with("kernel", "auto", NEVER);
	request = client_request(&bench.client, DM_ULOG_CTR, "160 core 8", 10);
	cr_assert_eq(client_send(&bench.client, &request, wire_length(&request)), 0);
	answer = client_receive(&bench.client, QUIET_MSEC);
	cr_assert_eq(answer.got, -EAGAIN);
	expect_said("not the kernel", "dropped");
}

/* --- images --- */

Test(daemon, a_grown_log_has_its_new_regions_out_of_sync)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);

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

Test(daemon, a_shrunk_log_keeps_its_part)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);

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
Test(daemon, a_header_of_all_regions_counts_bits_as_they_stand)
{
	static const uint8_t bits[3] = {0xFF, 0xF7, 0xFF};
	struct loop loop = make_loop(DEVICE_BYTES, 512);

	fill_loop(&loop, 2, LOG_IMAGE_ALL_REGIONS, bits, sizeof(bits));
	start();
	make_log(&loop, N, "");
	cr_assert_eq(sync_count(), N - 1);
	cr_assert_eq(in_sync(11), 0);
	cr_assert_eq(regions_on_disk(&loop), N);
}

Test(daemon, a_new_device_has_nothing_in_sync)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);
	uint8_t rubbish[4096];

	memset(rubbish, 0xFF, sizeof(rubbish));
	cr_assert_eq(pwrite(loop.file, rubbish, sizeof(rubbish), 0), (ssize_t)sizeof(rubbish));
	start();
	make_log(&loop, N, "");
	cr_assert_eq(sync_count(), 0);
	cr_assert_not(clean_on_disk(&loop, 0));
}

/* A log of a kernel that is not born yet is left alone. */
Test(daemon, a_header_of_version_3_is_never_written)
{
	static const uint8_t bits[3] = {0xFF, 0xFF, 0xFF};
	static uint8_t before[DEVICE_BYTES], after[DEVICE_BYTES];
	struct loop loop = make_loop(DEVICE_BYTES, 512);
	char text[64];
	uint64_t region = 3;

	fill_loop(&loop, 3, N, bits, sizeof(bits));
	cr_assert_eq(pread(loop.file, before, sizeof(before), 0), (ssize_t)sizeof(before));
	start();
	cr_assert_eq(ctr("%u disk %s 8 nosync", N * 8, loop.name).message.request.error, 0);
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

/* --- many clears, and devices that fail --- */

Test(daemon, too_many_clears_do_not_wait)
{
	struct loop loop = make_loop(DEVICE_BYTES, 512);
	int64_t end;

	bench.max_lazy = "4";
	start();
	make_log(&loop, N, " nosync");
	for (unsigned r = 0; r < 6; r++)
		mark(r);
	flush();
	for (unsigned r = 0; r < 4; r++)
		clear(r);
	sleep_msec(QUIET_MSEC);
	cr_assert_not(clean_on_disk(&loop, 0), "4 are not too many");
	clear(4);
	end = now_msec() + WAIT_MSEC;
	while (!clean_on_disk(&loop, 0)) {
		cr_assert_lt(now_msec(), end, "5 lazy regions are not written");
		sleep_msec(5);
	}
	cr_assert_not(clean_on_disk(&loop, 5));
}

#define FULL_REGIONS 100000u /* four pages of image */
#define IN_A_HOLE 30000u /* in the second */

/* A file system of two pages, full. */
static struct {
	char path[32];
} full = {"/tmp/test_daemon.XXXXXX"};

/* A log device that can write the first and the last page of its image, and nothing between. */
static struct loop make_full_loop(void)
{
	static const uint8_t bits[1] = {0};
	struct loop loop;

	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_not_null(mkdtemp(full.path));
	cr_assert_eq(mount("none", full.path, "tmpfs", 0, "size=8k"), 0);
	loop = make_loop_in(full.path, DEVICE_BYTES, 512);
	cr_assert_eq(pwrite(loop.file, bits, 1, 3 * 4096), 1);
	fill_loop(&loop, 2, FULL_REGIONS, bits, sizeof(bits));
	return loop;
}

static void make_room(void)
{
	cr_assert_eq(mount("none", full.path, "tmpfs", MS_REMOUNT, "size=1m"), 0);
}

/* Now its block has to be written, and cannot be. */
static struct wire_message begin_failing_write(void)
{
	struct wire_message request;

	cr_assert_eq(set_region_sync(IN_A_HOLE, 1), 0);
	clear(IN_A_HOLE);
	request = client_request(&bench.client, DM_ULOG_POSTSUSPEND, NULL, 0);
	cr_assert_eq(client_send(&bench.client, &request, wire_length(&request)), 0);
	return request;
}

static void end_full_loop(void)
{
	umount2(full.path, MNT_DETACH);
	rmdir(full.path);
}

Test(daemon, a_device_that_fails_for_a_moment_is_not_heard_of)
{
	struct loop loop = make_full_loop();
	struct wire_message request;
	struct answer answer;

	start();
	make_log(&loop, FULL_REGIONS, "");
	request = begin_failing_write();
	cr_assert_eq(client_receive(&bench.client, 500).got, -EAGAIN, "it waits");
	expect_said("failed", "trying again");
	make_room();
	answer = client_receive(&bench.client, WAIT_MSEC);
	cr_assert_not(answer_is_foreign(&answer, &request));
	cr_assert_eq(answer.message.request.error, 0);
	cr_assert(clean_on_disk(&loop, IN_A_HOLE));
	end_full_loop();
}

Test(daemon, a_device_that_fails_for_long_is_an_error_until_it_works)
{
	struct loop loop = make_full_loop();
	struct wire_message request;
	struct answer answer;
	char text[64];

	bench.io_retry = "0.3";
	start();
	make_log(&loop, FULL_REGIONS, "");
	request = begin_failing_write();
	answer = client_receive(&bench.client, WAIT_MSEC);
	cr_assert_not(answer_is_foreign(&answer, &request));
	cr_assert_lt(answer.message.request.error, 0);
	snprintf(text, sizeof(text), "3 disk %s D", loop.number);
	expect_text(DM_ULOG_STATUS_INFO, text);
	cr_assert_lt(ask_error(DM_ULOG_FLUSH, NULL, 0), 0);
	cr_assert_eq(in_sync(IN_A_HOLE), 1, "questions are answered all the same");
	make_room();
	flush();
	snprintf(text, sizeof(text), "3 disk %s A", loop.number);
	expect_text(DM_ULOG_STATUS_INFO, text);
	cr_assert(clean_on_disk(&loop, IN_A_HOLE));
	end_full_loop();
}

/* The receiver writes the log itself, and yet blocks for nothing. */
Test(daemon, a_slow_log_device_holds_nobody_else_up)
{
	struct loop cold = make_cold_loop();
	struct loop other = make_loop(DEVICE_BYTES, 512);
	const uint64_t region = 3;
	struct wire_message request;
	struct answer answer;

	start();
	make_log(&cold, N, " nosync");
	become(2, "other");
	make_log(&other, N, " nosync");
	become(1, "LVM-one");
	set_frozen(true);
	request = client_request(&bench.client, DM_ULOG_MARK_REGION, &region, sizeof(region));
	cr_assert_eq(client_send(&bench.client, &request, wire_length(&request)), 0);
	cr_assert_eq(client_receive(&bench.client, 300).got, -EAGAIN, "it waits");
	cr_assert_eq(in_sync(3), 1);
	cr_assert_eq(is_clean(3), 0);
	become(2, "other");
	mark(5);
	flush();
	cr_assert_not(clean_on_disk(&other, 5));
	set_frozen(false);
	answer = client_receive(&bench.client, WAIT_MSEC);
	cr_assert_not(answer_is_foreign(&answer, &request));
	cr_assert_eq(answer.message.request.error, 0);
	cr_assert_not(clean_on_disk(&cold, 3));
	close(cold.fd);
	end_cold_loop();
}

/* --- threads --- */

static bool runs_on(pid_t thread, unsigned cpu)
{
	cpu_set_t set;

	return sched_getaffinity(thread, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1 &&
	       CPU_ISSET(cpu, &set);
}

static pid_t thread_named(const char *wanted)
{
	char path[300], name[32] = "";
	struct dirent *entry;
	DIR *tasks;
	pid_t found = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", bench.daemon);
	tasks = opendir(path);
	while (!found && (entry = readdir(tasks))) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", bench.daemon, entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fscanf(file, "%31s", name) == 1 && strcmp(name, wanted) == 0)
			found = atoi(entry->d_name);
		fclose(file);
	}
	closedir(tasks);
	return found;
}

/* Workers begin with the second; needs two processors. */
Test(daemon, workers_run_where_they_are_told)
{
	bench.cpus = "0,1";
	start();
	cr_assert(runs_on(thread_named("worker-0"), 1));
	cr_assert(runs_on(thread_named("worker-1"), 0));
	cr_assert_not(runs_on(thread_named("control"), 0));
	cr_assert_not(runs_on(thread_named("control"), 1));
}

/* --- bad input --- */

enum expected { ERROR, DROPPED, ANSWER };

/* A whole message and how many bytes of it are sent. */
struct spoiled {
	struct wire_message message;
	size_t length;
};

struct spoiler {
	const char *name;
	void (*spoil)(struct spoiled *bad);
	enum expected expected;
	int error;
};

static void other_idx(struct spoiled *bad)
{
	bad->message.cn.id.idx++;
}

static void other_val(struct spoiled *bad)
{
	bad->message.cn.id.val = 0;
}

static void cn_len_short(struct spoiled *bad)
{
	bad->message.cn.len = sizeof(bad->message.request) - 1;
}

static void cn_len_0(struct spoiled *bad)
{
	bad->message.cn.len = 0;
}

static void cn_len_max(struct spoiled *bad)
{
	bad->message.cn.len = UINT16_MAX;
}

static void nl_len_over(struct spoiled *bad)
{
	bad->message.nl.nlmsg_len++;
}

static void nl_len_0(struct spoiled *bad)
{
	bad->message.nl.nlmsg_len = 0;
}

static void nl_len_max(struct spoiled *bad)
{
	bad->message.nl.nlmsg_len = UINT32_MAX;
}

static void one_byte_short(struct spoiled *bad)
{
	bad->length--;
}

static void only_headers(struct spoiled *bad)
{
	bad->length = sizeof(struct nlmsghdr) + sizeof(struct cn_msg);
}

static void one_byte(struct spoiled *bad)
{
	bad->length = 1;
}

static void longest(struct spoiled *bad)
{
	bad->length = WIRE_DATAGRAM_MAX;
}

static void version_0(struct spoiled *bad)
{
	bad->message.request.version = 0;
}

static void version_4(struct spoiled *bad)
{
	bad->message.request.version = 4;
}

static void version_max(struct spoiled *bad)
{
	bad->message.request.version = UINT32_MAX;
}

static void type_0(struct spoiled *bad)
{
	bad->message.request.request_type = 0;
}

static void type_18(struct spoiled *bad)
{
	bad->message.request.request_type = 18;
}

static void type_255(struct spoiled *bad)
{
	bad->message.request.request_type = UINT32_MAX;
}

static void uuid_endless(struct spoiled *bad)
{
	memset(bad->message.request.uuid, 'x', sizeof(bad->message.request.uuid));
}

static void data_size_over(struct spoiled *bad)
{
	bad->message.request.data_size += 8;
}

static void data_size_max(struct spoiled *bad)
{
	bad->message.request.data_size = UINT32_MAX;
}

static void data_size_negative(struct spoiled *bad)
{
	bad->message.request.data_size = UINT32_MAX - 7;
}

/* What follows is none of the server's business: it must not mind. */
static void error_set(struct spoiled *bad)
{
	bad->message.request.error = -77;
}

static void headers_odd(struct spoiled *bad)
{
	bad->message.cn.ack = 99;
	bad->message.cn.flags = 0xFFFF;
	bad->message.cn.seq = 0;
	bad->message.nl.nlmsg_type = 0x7777;
	bad->message.nl.nlmsg_flags = 0xFFFF;
	bad->message.nl.nlmsg_seq = UINT32_MAX;
	bad->message.nl.nlmsg_pid = 12345;
}

static void flags_above_type(struct spoiled *bad)
{
	bad->message.request.request_type |= 0xABCDEF00;
}

static const struct spoiler spoilers[] = {
	{"another connector idx", other_idx, DROPPED, 0},
	{"another connector val", other_val, DROPPED, 0},
	{"cn.len under the request", cn_len_short, DROPPED, 0},
	{"cn.len 0", cn_len_0, DROPPED, 0},
	{"cn.len of 64 KiB", cn_len_max, DROPPED, 0},
	{"nlmsg_len over the datagram", nl_len_over, DROPPED, 0},
	{"nlmsg_len 0", nl_len_0, DROPPED, 0},
	{"nlmsg_len of 4 GiB", nl_len_max, DROPPED, 0},
	{"a byte missing", one_byte_short, DROPPED, 0},
	{"headers alone", only_headers, DROPPED, 0},
	{"one byte", one_byte, DROPPED, 0},
	{"version 0", version_0, ERROR, -EPROTO},
	{"version 4", version_4, ERROR, -EPROTO},
	{"version 2^32-1", version_max, ERROR, -EPROTO},
	{"type 0", type_0, ERROR, -EOPNOTSUPP},
	{"type 18", type_18, ERROR, -EOPNOTSUPP},
	{"type 255", type_255, ERROR, -EOPNOTSUPP},
	{"uuid without its end", uuid_endless, ERROR, -EINVAL},
	{"data_size over the message", data_size_over, ERROR, -EINVAL},
	{"data_size 2^32-1", data_size_max, ERROR, -EINVAL},
	{"data_size 2^32-8", data_size_negative, ERROR, -EINVAL},
	{"an error in the request", error_set, ANSWER, 0},
	{"odd headers", headers_odd, ANSWER, 0},
	{"flags above the type", flags_above_type, ANSWER, 0},
	{"a tail behind the message", longest, ANSWER, 0},
};

/* The log that must not change: 3 is dirty, 4 lazy, 5 out of sync. */
static struct {
	struct loop loop;
	uint8_t image[2048];
} victim;

static void make_victim(void)
{
	victim.loop = make_loop(DEVICE_BYTES, 512);
	start();
	make_log(&victim.loop, N, " nosync");
	mark(3);
	mark(4);
	flush();
	clear(4);
	cr_assert_eq(set_region_sync(5, 0), 0);
	cr_assert_eq(pread(victim.loop.file, victim.image, sizeof(victim.image), 0),
		     (ssize_t)sizeof(victim.image));
}

static void expect_victim_unchanged(const char *name)
{
	uint8_t image[sizeof(victim.image)];

	become(1, "LVM-one");
	cr_assert_eq(sync_count(), N - 1, "%s", name);
	for (uint64_t r = 0; r < N; r++) {
		cr_assert_eq(is_clean(r), r != 3 && r != 5, "%s: region %lu", name, r);
		cr_assert_eq(in_sync(r), r != 5, "%s: region %lu", name, r);
	}
	cr_assert_eq(pread(victim.loop.file, image, sizeof(image), 0), (ssize_t)sizeof(image));
	cr_assert_eq(memcmp(image, victim.image, sizeof(image)), 0, "%s: device changed", name);
}

static void expect_error(const char *name, const struct spoiled *bad, int error)
{
	struct answer answer = client_receive(&bench.client, WAIT_MSEC);
	unsigned type = wire_type(&bad->message);
	uint32_t size = type > 0 && type < WIRE_TYPES ? wire_opcodes[type].reply_bytes : 0;

	cr_assert_not(answer_is_foreign(&answer, &bad->message), "%s: not its answer", name);
	cr_assert_eq(answer.message.request.error, error, "%s: error %d", name,
		     answer.message.request.error);
	cr_assert_eq(answer.message.request.data_size, size, "%s: %u bytes", name,
		     answer.message.request.data_size);
}

static void expect_answer(const char *name, const struct spoiled *bad)
{
	struct answer answer = client_receive(&bench.client, WAIT_MSEC);

	cr_assert_not(answer_is_foreign(&answer, &bad->message), "%s: not its answer", name);
	cr_assert_eq(answer.message.request.error, 0, "%s: error %d", name,
		     answer.message.request.error);
}

/* A dropped message has no answer: the next one that comes belongs to a good request. */
static void expect_treated(const char *name, const struct spoiled *bad, enum expected expected,
			   int error)
{
	int r = client_send(&bench.client, &bad->message, bad->length);

	cr_assert_eq(r, 0, "%s: cannot be sent: %s", name, strerror(-r));
	if (expected == ERROR)
		expect_error(name, bad, error);
	else if (expected == ANSWER)
		expect_answer(name, bad);
	expect_victim_unchanged(name);
}

/* A request that changes nothing of the victim when it is good. */
static struct spoiled harmless(unsigned type)
{
	static const uint64_t region_sync[2] = {6, 1};
	struct spoiled bad;
	uint64_t region = type == DM_ULOG_CLEAR_REGION ? 6 : 3;

	switch (wire_opcodes[type].payload) {
	case WIRE_NOTHING:
		bad.message = client_request(&bench.client, type, NULL, 0);
		break;
	case WIRE_STRING:
		bad.message = client_request(&bench.client, type, "160 core 8", 10);
		break;
	case WIRE_REGION_SYNC:
		bad.message = client_request(&bench.client, type, region_sync, 16);
		break;
	default:
		bad.message = client_request(&bench.client, type, &region, 8);
	}
	if (type == DM_ULOG_CTR || type == DM_ULOG_DTR || type == DM_ULOG_POSTSUSPEND ||
	    type == DM_ULOG_RESUME)
		bad.message.request.luid = 100 + type; /* another log */
	bad.length = wire_length(&bad.message);
	return bad;
}

/* RESUME and POSTSUSPEND of another log, which is unknown. */
static bool answered_as_unknown(unsigned type)
{
	return type == DM_ULOG_RESUME || type == DM_ULOG_POSTSUSPEND;
}

static void spoil_all(unsigned type)
{
	for (size_t i = 0; i < sizeof(spoilers) / sizeof(spoilers[0]); i++) {
		const struct spoiler *spoiler = &spoilers[i];
		struct spoiled bad = harmless(type);
		char name[96];

		snprintf(name, sizeof(name), "%s, %s", wire_opcodes[type].name, spoiler->name);
		spoiler->spoil(&bad);
		if (spoiler->expected == ANSWER && answered_as_unknown(type))
			expect_treated(name, &bad, ERROR, -ESRCH);
		else
			expect_treated(name, &bad, spoiler->expected, spoiler->error);
	}
}

Test(daemon, bad_frames_change_nothing)
{
	make_victim();
	for (unsigned type = 1; type < WIRE_TYPES; type++)
		spoil_all(type);
}

struct bad_payload {
	unsigned type;
	uint32_t size;
	uint64_t words[4];
	enum expected expected;
	uint64_t answer; /* the last word of it */
};

#define MAX UINT64_MAX
#define SIGN (UINT64_C(1) << 63)

static const struct bad_payload bad_payloads[] = {
	{DM_ULOG_IN_SYNC, 8, {N}, ANSWER, 0},
	{DM_ULOG_IN_SYNC, 8, {SIGN}, ANSWER, 0},
	{DM_ULOG_IN_SYNC, 8, {MAX}, ANSWER, 0},
	{DM_ULOG_IN_SYNC, 0, {0}, ERROR, 0},
	{DM_ULOG_IN_SYNC, 7, {0}, ERROR, 0},
	{DM_ULOG_IN_SYNC, 16, {0}, ERROR, 0},
	{DM_ULOG_IS_CLEAN, 8, {N}, ANSWER, 0},
	{DM_ULOG_IS_CLEAN, 8, {SIGN}, ANSWER, 0},
	{DM_ULOG_IS_CLEAN, 8, {MAX}, ANSWER, 0},
	{DM_ULOG_IS_CLEAN, 4, {0}, ERROR, 0},
	{DM_ULOG_IS_REMOTE_RECOVERING, 8, {MAX}, ANSWER, N - 1},
	{DM_ULOG_IS_REMOTE_RECOVERING, 0, {0}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 8, {N}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 8, {MAX}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 16, {0, N}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 24, {0, 1, SIGN}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 0, {0}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 12, {0, 1}, ERROR, 0},
	{DM_ULOG_CLEAR_REGION, 8, {N}, ERROR, 0},
	{DM_ULOG_CLEAR_REGION, 16, {3, MAX}, ERROR, 0},
	{DM_ULOG_CLEAR_REGION, 0, {0}, ERROR, 0},
	{DM_ULOG_CLEAR_REGION, 9, {3, 3}, ERROR, 0},
	{DM_ULOG_FLUSH, 8, {N}, ERROR, 0},
	{DM_ULOG_FLUSH, 32, {0, 1, 2, MAX}, ERROR, 0},
	{DM_ULOG_FLUSH, 15, {0, 1}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 16, {N, 1}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 16, {N, 0}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 16, {MAX, 0}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 8, {5}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 24, {5, 1, 0}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 0, {0}, ERROR, 0},
};

Test(daemon, regions_out_of_range_change_nothing)
{
	make_victim();
	for (size_t i = 0; i < sizeof(bad_payloads) / sizeof(bad_payloads[0]); i++) {
		const struct bad_payload *row = &bad_payloads[i];
		const char *name = wire_opcodes[row->type].name;
		struct answer answer = ask(row->type, row->words, row->size);
		uint32_t bytes = wire_opcodes[row->type].reply_bytes;

		cr_assert_eq(answer.message.request.data_size, bytes, "%s, row %zu", name, i);
		if (row->expected == ERROR)
			cr_assert_eq(answer.message.request.error, -EINVAL, "%s, row %zu", name, i);
		else
			cr_assert_eq(answer.message.request.error, 0, "%s, row %zu", name, i);
		if (row->expected == ANSWER)
			cr_assert_eq(answer_u64(&answer, bytes / 8 - 1), row->answer, "%s, row %zu",
				     name, i);
		expect_victim_unchanged(name);
	}
}

/* length 0: as long as the text. */
static const struct {
	const char *text;
	uint32_t length;
} bad_ctrs[] = {
	{"", 1},
	{" ", 0},
	{"\0\0\0", 3},
	{"160 core 8\0\0", 12},
	{"160 core\0 8", 11},
	{"160", 0},
	{"160 core", 0},
	{"160 core 7", 0},
	{"160 core 4", 0},
	{"160 core 0", 0},
	{"160 core 99999999999999999999", 0},
	{"0 core 8", 0},
	{"-160 core 8", 0},
	{"0x160 core 8", 0},
	{"18446744073709551616 core 8", 0},
	{"9223372036854775808 core 8", 0},
	{"160 core 8 nosync sync", 0},
	{"160 core 8 %s%s%s%n", 0},
	{"160 nonsense 8", 0},
	{"160 disk 8", 0},
	{"160 disk ../../etc/passwd 8", 0},
	{"160 disk /dev/ 8", 0},
	{"160 disk /dev/null 8", 0},
	{"160 disk 4294967295:4294967295 8", 0},
	{"160 disk -1:-1 8", 0},
	{"160 disk 99999999999999999999:0 8", 0},
	{"\xFF\xFE\x80\x01\x1B[2J core 8", 0},
	{"9223372036854775807 core 8", 0}, /* 2^60 regions: no memory */
};

Test(daemon, absurd_constructor_strings_are_refused)
{
	make_victim();
	for (size_t i = 0; i < sizeof(bad_ctrs) / sizeof(bad_ctrs[0]); i++) {
		uint32_t length = bad_ctrs[i].length;

		become(1000 + i, "LVM-absurd");
		if (length == 0)
			length = (uint32_t)strlen(bad_ctrs[i].text);
		cr_assert_lt(ask_error(DM_ULOG_CTR, bad_ctrs[i].text, length), 0,
			     "\"%s\" was taken", bad_ctrs[i].text);
		cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH, "\"%s\"",
			     bad_ctrs[i].text);
		expect_victim_unchanged(bad_ctrs[i].text);
	}
}

/* In a process of its own: 0 when nobody is told off. */
static int ask_as_nobody(void)
{
	char text[64];

	if (setuid(65534) != 0)
		return 2;
	control_ask("logs\n", text, sizeof(text));
	return strncmp(text, "error: only root", 16) == 0 ? 0 : 1;
}

/* A luid is an address in the kernel. */
Test(daemon, tells_its_logs_to_root_alone)
{
	static const char text[] = "160 core 8 nosync";
	int status;
	pid_t pid;

	start();
	ask_ok(DM_ULOG_CTR, text, sizeof(text) - 1);
	pid = fork();
	if (pid == 0)
		_exit(ask_as_nobody());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 0);
}

static bool daemon_has_open(const char *name)
{
	char path[64], target[256];
	bool open = false;

	for (int fd = 0; fd < 256 && !open; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", bench.daemon, fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		open = strcmp(target, name) == 0;
	}
	return open;
}

/* The administrator removes the log device next. */
Test(daemon, dtr_lets_go_of_the_device_before_its_answer)
{
	struct loop loop = make_loop(1 << 20, 512);

	start();
	make_log(&loop, 160, " nosync");
	cr_assert(daemon_has_open(loop.name));
	destroy_log();
	cr_assert_not(daemon_has_open(loop.name));
}

Test(daemon, a_bad_constructor_string_ends_no_log)
{
	static const char good[] = "160 core 8 nosync";
	static const char bad[] = "160 nonsense 8";
	uint64_t luid = bench.client.luid;

	start();
	become(luid, "LVM-good");
	ask_ok(DM_ULOG_CTR, good, sizeof(good) - 1);
	resume();
	cr_assert_lt(ask_error(DM_ULOG_CTR, bad, sizeof(bad) - 1), 0);
	cr_assert_eq(sync_count(), 20);
	become(luid, "LVM-other");
	cr_assert_lt(ask_error(DM_ULOG_CTR, bad, sizeof(bad) - 1), 0);
	become(luid, "LVM-good");
	cr_assert_eq(sync_count(), 20);
}

Test(daemon, an_address_used_again_ends_the_log_that_had_it)
{
	static const char text[] = "160 core 8 nosync";
	uint64_t luid = bench.client.luid;

	start();
	become(luid, "LVM-orphan");
	ask_ok(DM_ULOG_CTR, text, sizeof(text) - 1);
	become(luid, "LVM-young");
	ask_ok(DM_ULOG_CTR, text, sizeof(text) - 1);
	resume();
	cr_assert_eq(sync_count(), 20);
	become(luid, "LVM-orphan");
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
}

Test(daemon, a_constructor_string_of_the_longest_size_is_read_whole)
{
	char text[WIRE_PAYLOAD_MAX];

	start();
	memset(text, ' ', sizeof(text));
	memcpy(text, "160 core 8", 10);
	memcpy(text + sizeof(text) - 6, "nosync", 6);
	ask_ok(DM_ULOG_CTR, text, sizeof(text));
	resume();
	cr_assert_eq(sync_count(), N);
	become(2, "LVM-two");
	memset(text, 'x', sizeof(text));
	cr_assert_eq(ask_error(DM_ULOG_CTR, text, sizeof(text)), -EINVAL);
}

/* Oversized datagrams: they have to be sent from memory that is so long. */
Test(daemon, datagrams_longer_than_any_request_are_dropped)
{
	static const size_t lengths[] = {WIRE_DATAGRAM_MAX + 1, 1024, 4096, 65536};
	struct wire_message *huge = calloc(1, 1 << 17);

	make_victim();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		*huge = client_request(&bench.client, DM_ULOG_IN_SYNC, "\3\0\0\0\0\0\0\0", 8);
		cr_assert_eq(client_send(&bench.client, huge, lengths[i]), 0);
		expect_victim_unchanged("small one with a long tail");
		*huge = client_request(&bench.client, DM_ULOG_IN_SYNC, "\3\0\0\0\0\0\0\0", 8);
		huge->nl.nlmsg_len = (uint32_t)lengths[i];
		huge->cn.len = 65000;
		huge->request.data_size = 64000;
		cr_assert_eq(client_send(&bench.client, huge, lengths[i]), 0);
		expect_victim_unchanged("a long one");
	}
	free(huge);
}

/* What is still on its way to the client is of no interest. */
static void forget_answers(void)
{
	uint32_t seq = bench.client.seq;

	client_close(&bench.client);
	cr_assert_eq(client_open(&bench.client, 1, "LVM-one"), 0);
	bench.client.seq = seq;
}

/* Good messages with up to 4 bytes changed, for another log than the victim. The same ones on
 * every run. */
Test(daemon, survives_random_bytes)
{
	uint64_t dice = 1;

	make_victim();
	for (unsigned i = 0; i < 4000; i++) {
		struct spoiled bad = harmless(1 + i % (WIRE_TYPES - 1));
		uint8_t *bytes = (uint8_t *)&bad.message.nl;

		bad.message.request.luid = 50;
		for (unsigned k = 0; k < 1 + i % 4; k++) {
			dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			bytes[(dice >> 33) % bad.length] = (uint8_t)(dice >> 25);
		}
		client_send(&bench.client, &bad.message, bad.length);
		if (i % 64 == 63) {
			forget_answers();
			expect_victim_unchanged("random bytes");
		}
	}
}
