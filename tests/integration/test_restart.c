/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server that is killed, and what its successor makes of it. */
#include "perf/generator/connector.h"
#include "server/control_socket.h"
#include "server/restart/estate.h"
#include "server/restart/place.h"
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void start_supervised(const char *kill_at)
{
	bench.supervised = true;
	if (kill_at)
		setenv("DIRTYLOGD_KILL_AT", kill_at, 1);
	start();
	unsetenv("DIRTYLOGD_KILL_AT");
}

/* Returns the killed one's pid. */
static pid_t kill_server(void)
{
	pid_t pid = (pid_t)stat_of("server_pid");

	cr_assert_gt(pid, 0);
	cr_assert_neq(pid, bench.daemon, "the supervisor serves");
	cr_assert_eq(kill(pid, SIGKILL), 0);
	return pid;
}

static void expect_serves(void)
{
	EXPECT_SOON(control_answers(), "no server:\n%s", output());
}

TestSuite(restart, .init = set_up, .fini = tear_down, .timeout = 120);

/* --- what is kept --- */

static void change_and_kill(const struct loop_device *loop)
{
	resume();
	mark(3);
	flush();
	mark(7);
	clear(7);
	cr_assert_eq(set_region_sync(9, 0), 0);
	kill_server();
	cr_assert_eq(in_sync(3), 1);
	cr_assert_eq(is_clean(3), 0);
	cr_assert_eq(is_clean(7), 1);
	cr_assert_eq(in_sync(9), 0);
	cr_assert_eq(sync_count(), REGIONS - 1);
	expect_hint(REGIONS - 1);
	expect_work(9);
	if (loop)
		cr_assert_not(clean_on_disk(loop, 3));
	clear(3);
	cr_assert_eq(is_clean(3), 1);
	expect_silence(QUIET_MSEC);
	cr_assert_eq(stat_of("server"), 2);
	cr_assert_eq(stat_of("unknown_log"), 0);
}

Test(restart, a_core_log_keeps_its_bits)
{
	start_supervised(NULL);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	change_and_kill(NULL);
}

Test(restart, a_disk_log_keeps_its_bits)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start_supervised(NULL);
	ctr_ok("%u disk %s 8 nosync", REGIONS * 8, loop.path);
	change_and_kill(&loop);
	destroy_log();
	for (unsigned r = 0; r < REGIONS; r++)
		cr_assert_eq(clean_on_disk(&loop, r), r != 9, "region %u", r);
}

Test(restart, recovery_goes_on_with_the_region_that_was_handed_out)
{
	start_supervised(NULL);
	ctr_ok("%u core 8 sync", REGIONS * 8);
	resume();
	expect_work(REGIONS - 1);
	cr_assert_eq(set_region_sync(REGIONS - 1, 1), 0);
	expect_work(0);
	kill_server();
	expect_work(0);
	cr_assert_eq(set_region_sync(0, 1), 0);
	expect_work(1);
}

Test(restart, a_suspended_log_stays_suspended)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	char text[512];

	start_supervised(NULL);
	make_log(&loop, REGIONS, " nosync");
	mark(2);
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	kill_server();
	cr_assert_eq(sync_count(), REGIONS);
	control_ask("logs\n", text, sizeof(text));
	cr_assert(strstr(text, "suspended"), "%s", text);
	resume();
	cr_assert_eq(is_clean(2), 0);
	cr_assert_eq(sync_count(), REGIONS);
}

Test(restart, a_log_that_is_gone_does_not_come_back)
{
	start_supervised(NULL);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	destroy_log();
	kill_server();
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
	expect_said("took over 0 logs", "");
}

/* Two logs of one mirror on one device; the second wrote it last, and the first is asked for first. */
Test(restart, a_log_knows_who_wrote_its_device_before_that_is_asked_for)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start_supervised(NULL);
	become(1, "LVM-one");
	make_log(&loop, REGIONS, " nosync");
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	become(2, "LVM-another");
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	become(1, "LVM-one");
	kill_server();
	resume();
	cr_assert_eq(in_sync(5), 0, "it takes its own memory for what is on the device");
}

#define MANY 400u

/* Each is taken up when it is asked for, and who asks for all gets all. */
Test(restart, all_logs_are_there_at_once)
{
	start_supervised(NULL);
	for (unsigned i = 1; i <= MANY; i++) {
		become(i, "LVM-one");
		ctr_ok("%u core 8 nosync", REGIONS * 8 + i * 8);
		resume();
	}
	for (unsigned kill = 0; kill < 3; kill++) {
		kill_server();
		become(MANY - kill, "LVM-one");
		cr_assert_eq(sync_count(), REGIONS + MANY - kill);
		cr_assert_eq(stat_of("logs"), MANY);
		become(1 + kill, "LVM-one");
		cr_assert_eq(sync_count(), REGIONS + 1 + kill);
	}
	become(MANY + 1, "LVM-one");
	kill_server();
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
}

/* Its log is none that the successor has looked at. */
Test(restart, a_ctr_that_waits_for_a_successor_finds_its_log)
{
	static const char text[] = "160 core 8 nosync";
	struct wire_message request;
	pid_t pid;

	start_supervised(NULL);
	ask_ok(DM_ULOG_CTR, text, sizeof(text) - 1);
	resume();
	mark(3);
	pid = (pid_t)stat_of("server_pid");
	cr_assert_eq(kill(pid, SIGSTOP), 0);
	request = send_request(DM_ULOG_CTR, text, sizeof(text) - 1);
	cr_assert_eq(kill(pid, SIGKILL), 0);
	await_success(&request);
	cr_assert_eq(stat_of("logs"), 1);
	cr_assert_eq(is_clean(3), 0);
	cr_assert_eq(in_sync(4), 1);
}

/* What is half read must not be taken for what is there. */
Test(restart, a_server_killed_while_it_reads_an_image_leaves_it_as_it_was)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	uint8_t bits[3] = {0xf7, 0xff, 0x0f}; /* 3 is dirty */

	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	start_supervised("read:0");
	make_log(&loop, REGIONS, "");
	cr_assert_eq(stat_of("server"), 2);
	cr_assert_eq(sync_count(), REGIONS - 1);
	for (unsigned r = 0; r < REGIONS; r++)
		cr_assert_eq(clean_on_disk(&loop, r), r != 3, "region %u", r);
}

/* The kernel makes a log again for a mirror that runs; killed anywhere in that, its bits are
 * known. */
static void try_reconnect(const char *kill_at)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	uint8_t bits[3] = {0xf7, 0xff, 0x0f}; /* 3 is dirty */

	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	start_supervised(kill_at);
	reconnect(&loop, REGIONS);
	cr_assert_eq(sync_count(), REGIONS - 1);
	cr_assert_eq(in_sync(3), 0);
	resume();
	expect_work(3);
	cr_assert_eq(set_region_sync(3, 1), 0);
	cr_assert_eq(sync_count(), REGIONS);
	expect_serves();
	cr_assert_eq(stat_of("server"), 2);
}

Test(restart, killed_before_a_reconnect_is_carried_out)
{
	try_reconnect("ctr:0");
}

Test(restart, killed_while_a_reconnect_reads_the_image)
{
	try_reconnect("read:0");
}

Test(restart, killed_before_a_reconnect_is_answered)
{
	try_reconnect("loaded:0");
}

/* Its name may come to mean another device, as after lvrename. */
Test(restart, a_log_device_is_found_again_by_its_number)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	struct loop_device other = make_loop(DEVICE_BYTES, 512);
	char link[64];

	snprintf(link, sizeof(link), "/tmp/dirtylogd-link.%d", getpid());
	cr_assert_eq(symlink(loop.path, link), 0);
	start_supervised(NULL);
	ctr_ok("%u disk %s 8 nosync", REGIONS * 8, link);
	resume();
	unlink(link);
	cr_assert_eq(symlink(other.path, link), 0);
	kill_server();
	mark(6);
	cr_assert_not(clean_on_disk(&loop, 6));
	cr_assert_eq(sync_count(), REGIONS);
	destroy_log();
	unlink(link);
}

/* --- killed at a given place --- */

/* A whole life of a log; every step must succeed, wherever a server is killed. */
static void live_once(const struct loop_device *loop)
{
	make_log(loop, REGIONS, " nosync");
	cr_assert_eq(sync_count(), REGIONS);
	mark(3);
	flush();
	cr_assert_not(clean_on_disk(loop, 3), "FLUSH was answered, and 3 is clean on the device");
	cr_assert_eq(in_sync(3), 1);
	cr_assert_eq(is_clean(3), 0);
	clear(3);
	cr_assert_eq(is_clean(3), 1);
	cr_assert_eq(set_region_sync(5, 0), 0);
	cr_assert_not(clean_on_disk(loop, 5));
	expect_work(5);
	cr_assert_eq(set_region_sync(5, 1), 0);
	cr_assert_eq(sync_count(), REGIONS);
	clear(5);
	destroy_log();
	for (unsigned r = 0; r < REGIONS; r++)
		cr_assert(clean_on_disk(loop, r), "region %u after POSTSUSPEND", r);
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
}

/* Killed at the first, second ... pass of the place, until a life has no more of them. */
static void try_place(const char *name, unsigned least)
{
	unsigned deaths = 0;

	for (unsigned pass = 0; pass < 40; pass++) {
		struct loop_device loop = make_loop(DEVICE_BYTES, 512);
		unsigned long servers;
		char at[48];

		snprintf(at, sizeof(at), "%s:%u", name, pass);
		start_supervised(at);
		live_once(&loop);
		expect_silence(20);
		expect_serves();
		servers = stat_of("server");
		cr_assert_eq(end_daemon(SIGTERM), 0, "%s", output());
		loop_device_close(&loop);
		cr_assert_leq(servers, 2, "%lu servers, and one was killed:\n%s", servers,
			      output());
		deaths += servers == 2;
		if (servers == 1)
			break;
	}
	cr_assert_geq(deaths, least, "%u deaths at %s", deaths, name);
}

Test(restart, killed_when_datagrams_had_come)
{
	try_place("received", 10);
}

Test(restart, killed_when_a_request_had_been_counted)
{
	try_place("arrived", 10);
}

Test(restart, killed_before_a_worker_executes)
{
	try_place("asked", 4);
}

Test(restart, killed_amid_a_mark)
{
	try_place("mark", 2);
}

Test(restart, killed_before_a_block_is_written)
{
	try_place("taken", 3);
}

Test(restart, killed_between_write_and_acknowledgement)
{
	try_place("written", 3);
}

Test(restart, killed_when_a_reply_has_overwritten_its_request)
{
	try_place("replied", 10);
}

Test(restart, killed_before_answers_are_sent)
{
	try_place("answered", 10);
}

Test(restart, killed_when_answers_had_been_sent)
{
	try_place("sent", 10);
}

Test(restart, killed_amid_a_constructor)
{
	try_place("ctr-half", 1);
}

Test(restart, killed_before_a_constructor_is_answered)
{
	try_place("ctr", 1);
}

Test(restart, killed_amid_a_resume)
{
	try_place("resume", 1);
}

Test(restart, killed_when_an_image_had_been_read)
{
	try_place("loaded", 1);
}

Test(restart, killed_before_a_destructor_is_answered)
{
	try_place("dtr", 1);
}

static struct wire_message send_regions(unsigned type, uint64_t first, uint64_t second)
{
	uint64_t regions[2] = {first, second};

	return send_request(type, regions, sizeof(regions));
}

/* They come in one batch, since the server is stopped meanwhile, and are in hand when it dies. */
Test(restart, requests_in_hand_are_answered_in_the_order_in_which_they_came)
{
	struct wire_message requests[3];
	pid_t server;

	start_supervised("received:2");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	server = (pid_t)stat_of("server_pid");
	kill(server, SIGSTOP);
	requests[0] = send_regions(DM_ULOG_MARK_REGION, 3, 4);
	requests[1] = send_regions(DM_ULOG_CLEAR_REGION, 3, 4);
	requests[2] = send_regions(DM_ULOG_MARK_REGION, 4, 5);
	kill(server, SIGCONT);
	for (unsigned i = 0; i < 3; i++)
		await_success(&requests[i]);
	cr_assert_eq(stat_of("server"), 2);
	cr_assert_eq(is_clean(3), 1);
	cr_assert_eq(is_clean(4), 0);
	cr_assert_eq(is_clean(5), 0);
}

/* A thread of its own makes it, and has not come to its end. */
Test(restart, a_large_log_that_was_half_made_is_made_again)
{
	start_supervised("ctr-half:0");
	ctr_ok("%llu core 8 nosync", 8ULL << 27);
	resume();
	cr_assert_eq(sync_count(), 1ULL << 27);
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
	cr_assert_eq(stat_of("server"), 2);
}

Test(restart, a_large_log_that_was_half_resumed_is_resumed_again)
{
	start_supervised("fill:0");
	ctr_ok("%llu core 8 nosync", 8ULL << 27);
	resume();
	cr_assert_eq(sync_count(), 1ULL << 27);
	mark(5);
	cr_assert_eq(is_clean(5), 0);
	cr_assert_eq(stat_of("server"), 2);
}

/* It is read through by a thread of its own, and others are served meanwhile. */
Test(restart, a_large_log_that_was_being_changed_is_put_right)
{
	start_supervised("mark:0");
	ctr_ok("%llu core 8 nosync", 8ULL << 27);
	resume();
	mark(5);
	cr_assert_eq(is_clean(5), 0);
	cr_assert_eq(is_clean(6), 1);
	cr_assert_eq(sync_count(), 1ULL << 27);
	clear(5);
	cr_assert_eq(is_clean(5), 1);
	cr_assert_eq(stat_of("server"), 2);
}

/* --- writes of the dead --- */

/* Nor do they hold up a log of another device. */
static void leave_a_write_behind(const char *engine)
{
	struct loop_device loop = make_cold_loop(), other = make_loop(DEVICE_BYTES, 512);
	struct wire_message request;
	uint64_t region = 3;

	bench.supervised = true;
	start_with("any", engine, NEVER);
	become(2, "LVM-two");
	make_log(&other, REGIONS, " nosync");
	become(1, "LVM-one");
	make_log(&loop, REGIONS, " nosync");
	set_frozen(true);
	request = send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	sleep_msec(300);
	kill_server();
	expect_said("still written by", "");
	become(2, "LVM-two");
	mark(5);
	cr_assert_not(clean_on_disk(&other, 5));
	become(1, "LVM-one");
	expect_silence(QUIET_MSEC);
	set_frozen(false);
	await_success(&request);
	cr_assert_not(clean_on_disk(&loop, 3));
}

Test(restart, a_successor_does_not_overtake_writes_on_their_way)
{
	leave_a_write_behind("auto");
}

static void skip_without_own_files(void)
{
	if (getenv("TSAN_OPTIONS"))
		cr_skip_test("under ThreadSanitizer threads have no files of their own");
}

static void limit_requests(const struct loop_device *loop, const char *count)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/nr_requests",
		 loop->path + strlen("/dev/"));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert_eq(write(fd, count, strlen(count)), (ssize_t)strlen(count));
	close(fd);
}

/* Its writes wait before they are on their way, and so do those who write. */
Test(restart, a_device_that_takes_no_more_requests_holds_up_no_successor)
{
	enum { WRITES = 16, BLOCK_REGIONS = 4096 };
	struct loop_device loop = make_cold_loop(), other = make_loop(DEVICE_BYTES, 512);
	struct wire_message request;
	uint64_t regions[WRITES];

	skip_without_own_files();
	start_supervised(NULL);
	limit_requests(&loop, "4");
	become(2, "LVM-two");
	make_log(&other, REGIONS, " nosync");
	become(1, "LVM-one");
	make_log(&loop, 2 * WRITES * BLOCK_REGIONS, " nosync");
	/* Of every other block, or one write would do. */
	for (unsigned i = 0; i < WRITES; i++)
		regions[i] = (uint64_t)2 * i * BLOCK_REGIONS;
	set_frozen(true);
	request = send_request(DM_ULOG_MARK_REGION, regions, sizeof(regions));
	expect_silence(QUIET_MSEC);
	kill_server();
	expect_said("took over", "");
	become(2, "LVM-two");
	mark(5);
	cr_assert_not(clean_on_disk(&other, 5));
	become(1, "LVM-one");
	set_frozen(false);
	await_success(&request);
}

/* How often threads of a process have gone to sleep. */
static unsigned long sleeps(pid_t process)
{
	char path[64], line[128];
	unsigned long sum = 0, count;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", process);
	tasks = opendir(path);
	cr_assert_not_null(tasks);
	while ((entry = readdir(tasks))) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/status", process, entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			if (sscanf(line, "voluntary_ctxt_switches: %lu", &count) == 1)
				sum += count;
		if (file)
			fclose(file);
	}
	closedir(tasks);
	return sum;
}

Test(restart, who_waits_for_writes_of_the_dead_sleeps)
{
	struct loop_device loop = make_cold_loop();
	struct wire_message request;
	uint64_t region = 3;
	unsigned long before;
	pid_t server;

	start_supervised(NULL);
	make_log(&loop, REGIONS, " nosync");
	set_frozen(true);
	request = send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	sleep_msec(100);
	kill_server();
	expect_said("still written by", "");
	server = (pid_t)stat_of("server_pid");
	sleep_msec(500);
	before = sleeps(server);
	sleep_msec(1000);
	cr_assert_lt(sleeps(server) - before, 100);
	set_frozen(false);
	await_success(&request);
}

/* The thread that writes cannot be ended, and neither can the process. */
Test(restart, a_successor_does_not_overtake_writes_of_threads)
{
	skip_without_own_files();
	leave_a_write_behind("sync");
	expect_said("threads that still wait in the kernel", "");
}

/* --- crash loops --- */

Test(restart, a_request_that_kills_is_refused)
{
	uint64_t region = 3;

	start_supervised("mark-or-flush:0!");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	cr_assert_eq(ask_error(DM_ULOG_MARK_REGION, &region, sizeof(region)), -ESRCH);
	expect_said("request mark_region of log LVM-one has ended the server 3 times", "8 bytes");
	expect_said("payload at 0: 0300000000000000", "");
	/* The kernel makes the log again. */
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	cr_assert_eq(in_sync(3), 1);
	cr_assert_eq(stat_of("server"), 4, "%lu\n%s", stat_of("server"), output());
}

Test(restart, a_query_that_kills_has_its_size)
{
	struct answer answer;
	uint64_t region = 3;

	start_supervised("query:0!");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	answer = ask(DM_ULOG_IN_SYNC, &region, sizeof(region));
	cr_assert_eq(answer.message.request.error, -ESRCH);
	cr_assert_eq(answer.message.request.data_size, 8);
}

Test(restart, a_log_that_kills_who_takes_it_over_is_left)
{
	start_supervised("take-over:0!");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	kill_server();
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
	expect_said("log LVM-one is not taken over", "it has ended too many servers");
	cr_assert_eq(stat_of("server"), 5);
}

/* Whatever else its worker takes up meanwhile. */
Test(restart, a_large_log_that_kills_who_reads_it_through_is_left)
{
	struct wire_message request;
	uint64_t region = 5;

	start_supervised("mark:0,settle:0!");
	for (unsigned i = 2; i < 10; i++) {
		become(i, (const char[]){'L', 'V', 'M', '-', (char)('0' + i), '\0'});
		ctr_ok("%u core 8 nosync", REGIONS * 8);
		resume();
	}
	become(1, "LVM-one");
	ctr_ok("%llu core 8 nosync", 8ULL << 27);
	resume();
	request = send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	cr_assert_eq(await_answer(&request).message.request.error, -ESRCH);
	expect_said("log LVM-one is not taken over", "it has ended too many servers");
	become(2, "LVM-2");
	cr_assert_eq(sync_count(), REGIONS);
	cr_assert_eq(stat_of("server"), 5);
}

/* As bad_day has it of one server: the kernel's log may write its bits behind our RESUME, and ours die meanwhile. */
Test(restart, what_a_former_owner_writes_late_is_written_over_by_a_successor)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	uint8_t bits[REGIONS / 8 + 1];

	memset(bits, 0xff, sizeof(bits));
	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	start_supervised(NULL);
	make_log(&loop, REGIONS, "");
	mark(5);
	kill_server();
	cr_assert_eq(sync_count(), REGIONS);
	fill_loop(&loop, 2, REGIONS, bits, sizeof(bits));
	EXPECT_SOON(!clean_on_disk(&loop, 5), "it stays clean");
	cr_assert(clean_on_disk(&loop, 6));
}

/* Its worker has it in hand, but is not through. */
Test(restart, a_log_that_is_being_taken_over_is_told)
{
	static char text[65536];
	uint64_t region = 5;

	start_supervised("mark:0");
	ctr_ok("%llu core 8 nosync", 8ULL << 23);
	resume();
	send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	expect_said("took over 1 logs", "");
	control_ask("logs\n", text, sizeof(text));
	cr_assert(strstr(text, "LVM-one "), "%s", text);
	control_ask("status\n", text, sizeof(text));
	cr_assert(strstr(text, "\"state\":\"opening\""), "%s", text);
	cr_assert(strstr(text, "\"health\":\"sound\""), "%s", text);
	control_ask("metrics\n", text, sizeof(text));
	cr_assert(strstr(text, "uuid=\"LVM-one\""), "%s", text);
	control_ask("regions LVM-one 1 4\n", text, sizeof(text));
	cr_assert(strstr(text, "\"cells\":4"), "%s", text);
}

/* --- another program --- */

Test(restart, a_hangup_hands_over)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	unsigned long before;

	start_supervised(NULL);
	make_log(&loop, REGIONS, " nosync");
	mark(4);
	clear(4);
	before = stat_of("server_pid");
	kill(bench.daemon, SIGHUP);
	expect_said("took over 1 logs and 0 requests", "");
	expect_serves();
	cr_assert_neq(stat_of("server_pid"), before);
	cr_assert_eq(is_clean(4), 1);
	cr_assert_not(clean_on_disk(&loop, 4), "a hand-over writes no clears");
	cr_assert_eq(sync_count(), REGIONS);
	cr_assert_eq(end_daemon(SIGTERM), 0);
	cr_assert(clean_on_disk(&loop, 4), "the end does");
}

Test(restart, a_program_that_does_not_run_is_not_taken)
{
	char path[] = "/tmp/dirtylogd-test.XXXXXX", command[256];
	int fd = mkstemp(path);

	snprintf(command, sizeof(command), "cp %s %s && chmod +x %s", daemon_path(), path, path);
	close(fd);
	cr_assert_eq(system(command), 0);
	setenv("DIRTYLOGD", path, 1);
	start_supervised(NULL);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	/* It knows not all of our options. */
	snprintf(command, sizeof(command),
		 "rm %s && printf '#!/bin/sh\n[ \"$*\" = --check ]\n' >%s && chmod +x %s", path,
		 path, path);
	cr_assert_eq(system(command), 0);
	kill(bench.daemon, SIGHUP);
	expect_said("cannot be run", "goes on as it is");
	cr_assert_eq(ask_u64(DM_ULOG_GET_REGION_SIZE, NULL, 0), 8);
	unlink(path);
	kill_server();
	cr_assert_eq(ask_u64(DM_ULOG_GET_REGION_SIZE, NULL, 0), 8);
}

/* A supervisor of another version leaves its fds (and a server, but not here). */
static void start_on(int estate_fd)
{
	int netlink = connector_open(0, NULL);
	struct ucred holder;
	int control = control_listen(&holder);
	char text[64];

	cr_assert_geq(netlink, 0);
	fcntl(estate_fd, F_SETFD, 0);
	fcntl(netlink, F_SETFD, 0);
	fcntl(control, F_SETFD, 0);
	snprintf(text, sizeof(text), "%d,%d,%d,0", netlink, estate_fd, control);
	setenv("DIRTYLOGD_INHERITED", text, 1);
	start_supervised(NULL);
	unsetenv("DIRTYLOGD_INHERITED");
}

Test(restart, an_estate_of_another_version_is_refused)
{
	struct estate estate;

	cr_assert_eq(estate_create(&estate), 0);
	estate.fixed->header.layout++;
	estate_seal(&estate.fixed->header);
	start_on(estate.fd);
	expect_said("cannot be taken over: it is of another version", "");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
}

Test(restart, what_is_no_estate_is_refused)
{
	start_on(memfd_create("other", MFD_CLOEXEC));
	expect_said("cannot be taken over: it has another size", "");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
}

/* --- without a supervisor: the kernel makes the logs again --- */

static void restart_keeps(const char *engine)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start_with("any", engine, NEVER);
	make_log(&loop, REGIONS, " nosync");
	destroy_log();
	make_log(&loop, REGIONS, "");
	mark(3);
	flush();
	mark(4); /* the kernel repeats the FLUSH behind it, not the MARK */
	end_daemon(SIGKILL);
	start_with("any", engine, NEVER);
	cr_assert_eq(ask_error(DM_ULOG_FLUSH, NULL, 0), -ESRCH);
	reconnect(&loop, REGIONS);
	cr_assert_eq(in_sync(3), 0);
	for (unsigned r = 0; r < REGIONS; r++)
		cr_assert_eq(in_sync(r), r != 3 && r != 4, "region %u", r);
	cr_assert_eq(sync_count(), REGIONS - 2);
	resume();
	cr_assert_eq(in_sync(3), 0);
	cr_assert_eq(sync_count(), REGIONS - 2);
	expect_work(4);
	cr_assert_eq(set_region_sync(4, 1), 0);
	expect_work(3);
	cr_assert_eq(set_region_sync(3, 1), 0);
	expect_no_work();
}

Test(restart, a_restart_keeps_what_is_dirty)
{
	restart_keeps("auto");
}

Test(restart, a_restart_keeps_what_is_dirty_without_io_uring)
{
	restart_keeps("sync");
}

/* Dirty by the crash of a server, then by that of another: it is never forgotten. */
Test(restart, a_second_restart_finds_the_same)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	mark(3);
	flush();
	for (unsigned i = 0; i < 2; i++) {
		end_daemon(SIGKILL);
		start();
		reconnect(&loop, REGIONS);
		resume();
		cr_assert_eq(in_sync(3), 0);
		cr_assert_eq(sync_count(), REGIONS - 1);
	}
}

/* kmirrord and an ioctl meet the restart at once: each sends CTR and RESUME. */
Test(restart, two_threads_that_reconnect_lose_no_mark)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	end_daemon(SIGKILL);
	start();
	reconnect(&loop, REGIONS);
	reconnect(&loop, REGIONS);
	mark(3); /* of a third, that never met it */
	resume();
	resume();
	cr_assert_eq(is_clean(3), 0);
	flush();
	cr_assert_not(clean_on_disk(&loop, 3));
}

Test(restart, a_core_log_has_nothing_in_sync_after_a_restart)
{
	static const char text[] = "160 core 8 nosync";

	start();
	ask_ok(DM_ULOG_CTR, text, sizeof(text) - 1);
	resume();
	cr_assert_eq(sync_count(), REGIONS);
	end_daemon(SIGKILL);
	start();
	ask_ok(DM_ULOG_CTR, text, sizeof(text));
	cr_assert_eq(sync_count(), 0);
	resume();
	cr_assert_eq(sync_count(), 0);
}

/* --- systemd --- */

/* What the daemon sends to systemd. */
static struct {
	int socket;
	int fds[2];
	char names[2][16];
	unsigned count, ready;
} notify;

static void open_notify(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "@dirtylogd-notify"};
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path);

	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	address.sun_path[0] = '\0';
	notify.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(notify.socket, (struct sockaddr *)&address, length), 0);
}

/* Keep the fds that come. */
static void read_notify(void)
{
	char text[256], control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = text, .iov_len = sizeof(text) - 1};
	struct msghdr message;
	struct cmsghdr *header;
	ssize_t n;

	for (;;) {
		message = (struct msghdr){.msg_iov = &iov,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof(control)};
		n = recvmsg(notify.socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0)
			return;
		text[n] = '\0';
		notify.ready += strstr(text, "READY=1") != NULL;
		header = CMSG_FIRSTHDR(&message);
		if (!header)
			continue;
		if (notify.count == 2)
			continue; /* of the second start */
		memcpy(&notify.fds[notify.count], CMSG_DATA(header), sizeof(int));
		cr_assert_eq(sscanf(text, "FDSTORE=1\nFDPOLL=0\nFDNAME=%15s",
				    notify.names[notify.count]),
			     1);
		notify.count++;
	}
}

static void expect_ready(unsigned starts)
{
	EXPECT_SOON((read_notify(), notify.ready >= starts), "systemd waits for start %u", starts);
}

static void hand_fds_over(void)
{
	char text[48];

	/* High first: 3 and 4 may be among them. */
	for (unsigned i = 0; i < 2; i++)
		notify.fds[i] = fcntl(notify.fds[i], F_DUPFD, 100);
	for (unsigned i = 0; i < 2; i++)
		dup2(notify.fds[i], 3 + (int)i);
	for (unsigned i = 0; i < 2; i++)
		close(notify.fds[i]);
	snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", "2", 1);
	snprintf(text, sizeof(text), "%s:%s", notify.names[0], notify.names[1]);
	setenv("LISTEN_FDNAMES", text, 1);
}

/* A request that comes while no server runs waits in the socket that systemd holds. */
Test(restart, systemd_keeps_the_state_over_a_restart)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	struct wire_message request;
	struct answer answer;
	uint64_t region = 9;

	open_notify();
	start_supervised(NULL);
	expect_ready(1);
	cr_assert_eq(notify.count, 2);
	make_log(&loop, REGIONS, " nosync");
	mark(2);
	mark(4);
	clear(4);
	cr_assert_eq(end_daemon(SIGTERM), 0);
	cr_assert(clean_on_disk(&loop, 4), "the end writes the clears");
	request = send_request(DM_ULOG_IS_CLEAN, &region, sizeof(region));
	bench.in_child = hand_fds_over;
	start_supervised(NULL);
	answer = await_answer(&request);
	cr_assert_eq(answer_u64(&answer, 0), 1);
	cr_assert_eq(is_clean(2), 0);
	cr_assert_eq(sync_count(), REGIONS);
	cr_assert_eq(stat_of("unknown_log"), 0);
	expect_silence(QUIET_MSEC);
	expect_ready(2);
}

/* --- ends --- */

Test(restart, the_end_of_the_supervisor_is_an_end_in_order)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start_supervised(NULL);
	make_log(&loop, REGIONS, " nosync");
	mark(4);
	clear(4);
	end_daemon(SIGKILL);
	expect_clean_on_disk(&loop, 4);
	expect_said("ended", "");
}

/* The signal can come when there is no server, or one that starts. */
Test(restart, a_stop_is_heard_at_any_time)
{
	for (unsigned i = 0; i < 20; i++) {
		start_supervised(NULL);
		ctr_ok("%u core 8 nosync", REGIONS * 8);
		kill_server();
		usleep(i * 1000);
		cr_assert_eq(end_daemon(SIGTERM), 0, "%u ms after the kill:\n%s", i, output());
	}
}

Test(restart, a_stop_ends_both)
{
	pid_t server;

	start_supervised(NULL);
	server = (pid_t)stat_of("server_pid");
	cr_assert_eq(end_daemon(SIGTERM), 0);
	cr_assert_eq(kill(server, 0), -1);
	cr_assert_not(control_answers());
}

/* --- one that stands by --- */

static pid_t standby(pid_t before)
{
	EXPECT_SOON(stat_of("standby_pid") > 0 && (pid_t)stat_of("standby_pid") != before,
		    "none stands by:\n%s", output());
	return (pid_t)stat_of("standby_pid");
}

static void start_with_standby(const char *kill_at)
{
	start_supervised(kill_at);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	mark(4);
}

static void expect_all_is_well(unsigned server)
{
	cr_assert_eq(is_clean(4), 0);
	cr_assert_eq(is_clean(5), 1);
	EXPECT_SOON(stat_of("server") == server, "server %ld", stat_of("server"));
}

Test(restart, one_that_stands_by_goes_on)
{
	pid_t next;

	start_with_standby(NULL);
	for (unsigned i = 2; i < 6; i++) {
		next = standby((pid_t)stat_of("server_pid"));
		kill_server();
		expect_all_is_well(i);
		cr_assert_eq((pid_t)stat_of("server_pid"), next);
	}
	cr_assert_eq(end_daemon(SIGTERM), 0);
	cr_assert_eq(kill(next, 0), -1);
}

Test(restart, one_that_stands_by_and_dies_is_replaced)
{
	pid_t first, second;

	start_with_standby(NULL);
	first = standby(0);
	cr_assert_eq(kill(first, SIGKILL), 0);
	expect_said("the server that stands by", "has died (signal 9)");
	second = standby(first);
	kill(second, SIGTERM); /* it has nothing to end */
	kill_server();
	expect_all_is_well(2);
	cr_assert_eq((pid_t)stat_of("server_pid"), second);
}

Test(restart, one_that_stands_by_and_is_stopped_is_replaced)
{
	pid_t first;

	start_with_standby(NULL);
	first = standby(0);
	cr_assert_eq(kill(first, SIGSTOP), 0);
	expect_said("the server that stands by", "is stopped by a signal");
	standby(first);
	kill_server();
	expect_all_is_well(2);
}

Test(restart, both_may_die_at_once)
{
	start_with_standby(NULL);
	for (unsigned i = 2; i < 10; i++) {
		kill(standby((pid_t)stat_of("server_pid")), i % 2 ? SIGKILL : SIGSTOP);
		kill_server();
		expect_all_is_well(i);
	}
}

Test(restart, one_that_does_not_wake_is_killed)
{
	start_with_standby("woken:1~");
	standby(0);
	kill_server();
	expect_all_is_well(2);
	expect_said("the server that stood by", "does not wake");
}

Test(restart, the_end_of_the_supervisor_of_one_that_stood_by_is_an_end_in_order)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start_supervised(NULL);
	make_log(&loop, REGIONS, " nosync");
	standby(0);
	kill_server();
	mark(4);
	clear(4);
	end_daemon(SIGKILL);
	expect_clean_on_disk(&loop, 4);
}

Test(restart, servers_that_die_before_they_stand_by_cost_nothing)
{
	start_with_standby("stands-by:1!");
	expect_said("the server that stands by", "has died (signal 6)");
	for (unsigned i = 2; i < 4; i++) {
		EXPECT_SOON(control_answers(), "no server:\n%s", output());
		mark(4);
	}
	cr_assert_eq(stat_of("server"), 1);
}

/* --- a device that is gone --- */

static bool is_attached(const char *number)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/dev/block/%s/loop", number);
	return access(path, F_OK) == 0;
}

/* With a number that no other test is given when it is free again. */
static struct loop_device make_loop_apart(void)
{
	struct loop_device_config config = {
		.directory = "/tmp",
		.bytes = DEVICE_BYTES,
		.block_bytes = 512,
		.number = 10000 + getpid() % 100000,
	};
	struct loop_device loop;

	cr_assert_eq(loop_device_make(&loop, &config), 0);
	return loop;
}

static void remove_loop(const char *number)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	unsigned minor;

	cr_assert_eq(sscanf(number, "7:%u", &minor), 1);
	cr_assert_eq(ioctl(control, LOOP_CTL_REMOVE, minor), 0);
	close(control);
}

/* Between two servers: the loop device goes with its last fd, and another of its number may come. */
static void lose_device(struct loop_device *loop, struct loop_device *another)
{
	pid_t server = (pid_t)stat_of("server_pid");
	char number[sizeof(loop->number)];

	memcpy(number, loop->number, sizeof(number));
	cr_assert_eq(kill(bench.daemon, SIGSTOP), 0);
	cr_assert_eq(kill(server, SIGKILL), 0);
	loop_device_close(loop);
	EXPECT_SOON(!is_attached(number), "the loop device does not go");
	remove_loop(number);
	if (another)
		*another = make_loop_apart();
	cr_assert_eq(kill(bench.daemon, SIGCONT), 0);
}

/* Its mirror reads on, and can be suspended to get another log. */
Test(restart, a_log_whose_device_is_gone_is_taken_over_as_failed)
{
	struct loop_device loop = make_loop_apart();
	const uint64_t clean = 3;
	char text[64];

	start_supervised(NULL);
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	snprintf(text, sizeof(text), "3 disk %s D", loop.number);
	lose_device(&loop, NULL);
	cr_assert_eq(in_sync(3), 1);
	cr_assert_eq(is_clean(5), 0);
	cr_assert_eq(sync_count(), REGIONS);
	expect_text(DM_ULOG_STATUS_INFO, text);
	mark(5); /* is on the device that is gone */
	cr_assert_eq(ask_error(DM_ULOG_MARK_REGION, &clean, sizeof(clean)), -EIO);
	cr_assert_eq(ask_error(DM_ULOG_FLUSH, NULL, 0), -EIO);
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
	cr_assert_eq(stat_of("server"), 2);
	cr_assert_eq(stat_of("unknown_log"), 0);
}

/* Who owns that would lose what is on it. */
Test(restart, another_device_of_its_number_is_not_its_log_device)
{
	static uint8_t bytes[DEVICE_BYTES];
	struct loop_device loop = make_loop_apart(), another;
	const uint64_t clean = 3;
	char text[64];

	start_supervised(NULL);
	make_log(&loop, REGIONS, " nosync");
	mark(5);
	snprintf(text, sizeof(text), "3 disk %s D", loop.number);
	lose_device(&loop, &another);
	cr_assert(strstr(text, another.number));
	cr_assert_eq(in_sync(3), 1);
	expect_text(DM_ULOG_STATUS_INFO, text);
	expect_said("is another one by now", "");
	cr_assert_eq(ask_error(DM_ULOG_MARK_REGION, &clean, sizeof(clean)), -EIO);
	cr_assert_eq(pread(another.file, bytes, DEVICE_BYTES, 0), DEVICE_BYTES);
	for (unsigned i = 0; i < DEVICE_BYTES; i++)
		cr_assert_eq(bytes[i], 0, "byte %u was written", i);
}

/* Made, and not resumed: what its device holds nobody has read. */
Test(restart, a_log_that_is_resumed_without_its_device_ends_no_server)
{
	struct loop_device loop = make_loop_apart();
	char text[64];

	start_supervised(NULL);
	ctr_ok("%u disk %s 8 nosync", REGIONS * 8, loop.number);
	snprintf(text, sizeof(text), "3 disk %s D", loop.number);
	lose_device(&loop, NULL);
	cr_assert_lt(ask_error(DM_ULOG_RESUME, NULL, 0), 0);
	expect_text(DM_ULOG_STATUS_INFO, text);
	cr_assert_eq(sync_count(), 0);
	cr_assert_eq(stat_of("server"), 2);
}

/* The kernel has heard of an error, and holds the mirror's writes until it has another table. */
Test(restart, a_log_that_had_no_device_stays_failed_when_that_is_back)
{
	struct loop_device loop = make_loop_apart();
	const uint64_t clean = 3;
	char text[64];

	start_supervised(NULL);
	make_log(&loop, REGIONS, " nosync");
	snprintf(text, sizeof(text), "3 disk %s D", loop.number);
	lose_device(&loop, NULL);
	cr_assert_eq(ask_error(DM_ULOG_MARK_REGION, &clean, sizeof(clean)), -EIO);
	loop = make_loop_apart();
	kill_server();
	expect_text(DM_ULOG_STATUS_INFO, text);
	cr_assert_eq(stat_of("server"), 3);
}

/* --- opens that hang --- */

static void expect_status(const struct loop_device *loop, char health)
{
	char text[64];

	snprintf(text, sizeof(text), "3 disk %s %c", loop->number, health);
	expect_text(DM_ULOG_STATUS_INFO, text);
}

/* As one that is gone: its mirror reads on, and can be given another log. */
Test(restart, a_log_device_that_hangs_when_it_is_opened_costs_its_own_mirror_only)
{
	enum { OTHERS = 6 };
	struct loop_device loop = make_loop(DEVICE_BYTES, 512), others[OTHERS];
	uint64_t region = 3;
	char uuid[32];

	make_hanging_path();
	start_supervised(NULL);
	make_log(&loop, REGIONS, " nosync");
	mark(3);
	for (unsigned i = 0; i < OTHERS; i++) {
		others[i] = make_loop(DEVICE_BYTES, 512);
		snprintf(uuid, sizeof(uuid), "LVM-other-%u", i);
		become(10 + i, uuid);
		make_log(&others[i], REGIONS, " nosync");
	}
	let_opens_hang(&loop);
	kill_server();
	for (unsigned i = 0; i < OTHERS; i++) {
		snprintf(uuid, sizeof(uuid), "LVM-other-%u", i);
		become(10 + i, uuid);
		mark(5);
		cr_assert_not(clean_on_disk(&others[i], 5));
	}
	become(1, "LVM-one");
	cr_assert_eq(in_sync(4), 1);
	cr_assert_eq(is_clean(3), 0);
	expect_status(&loop, 'D');
	region = 7;
	cr_assert_lt(ask_error(DM_ULOG_MARK_REGION, &region, sizeof(region)), 0);
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
	let_opens_fail();
}

Test(restart, a_log_that_reconnects_does_not_wait_for_a_device_that_hangs)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	make_hanging_path();
	start();
	make_log(&loop, REGIONS, " nosync");
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
	let_opens_hang(&loop);
	cr_assert_eq(reconnect_error("%u disk %s 8", REGIONS * 8, loop.number), 0);
	cr_assert_eq(in_sync(4), 0);
	expect_said("is served as failed", "");
	expect_said(loop.number, "it hangs");
	let_opens_fail();
}

/* --- relief by another, which is not its child --- */

/* Returns the pid of the one that was relieved, which is still to be waited for. */
static pid_t start_reliever(void)
{
	pid_t old = bench.daemon;

	bench.takes_over = true;
	start();
	EXPECT_SOON(stat_of("supervisor_pid") == (unsigned long)bench.daemon, "not relieved:\n%s",
		    output());
	return old;
}

static pid_t holder_of_the_place(void)
{
	char path[PLACE_PATH_MAX];
	int pid = 0;
	FILE *file;

	place_path(path, "lock");
	file = fopen(path, "re");
	cr_assert_not_null(file);
	cr_assert_eq(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

Test(restart, one_that_is_relieved_leaves_all_and_ends)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	int status = -1;
	pid_t old;

	start_supervised(NULL);
	make_log(&loop, REGIONS, " nosync");
	mark(3);
	flush();
	mark(4);
	clear(4);
	cr_assert_eq(set_region_sync(9, 0), 0);
	old = start_reliever();
	cr_assert_eq(waitpid(old, &status, 0), old);
	cr_assert_eq(status, 0);
	cr_assert_not(clean_on_disk(&loop, 4), "it has ended as for good");
	cr_assert_eq(is_clean(3), 0);
	cr_assert_eq(sync_count(), REGIONS - 1);
	cr_assert_eq(holder_of_the_place(), bench.daemon);
	expect_said("took over 1 logs", "");
	cr_assert_eq(stat_of("server"), 2);
	kill_server();
	cr_assert_eq(is_clean(3), 0);
	expect_silence(QUIET_MSEC);
}

Test(restart, who_has_relieved_is_relieved)
{
	start_supervised(NULL);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	mark(3);
	for (unsigned turn = 0; turn < 3; turn++)
		waitpid(start_reliever(), NULL, 0);
	cr_assert_eq(is_clean(3), 0);
	kill(bench.daemon, SIGHUP);
	EXPECT_SOON(stat_of("server") == 5, "it does not go on as another program");
	cr_assert_eq(is_clean(3), 0);
}

static void expect_not_relieved(void)
{
	char *args[] = {"dirtylogd", "--foreground", "--take-over", NULL};
	int status;

	waitpid(spawn(args), &status, 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %#x", (unsigned)status);
	expect_said("another dirtylogd", "");
	cr_assert(control_answers());
}

Test(restart, a_single_process_is_not_relieved)
{
	start();
	expect_not_relieved();
}

Test(restart, one_that_is_being_relieved_by_another_is_not)
{
	start_supervised(NULL);
	cr_assert_geq(place_turn(), 0);
	expect_not_relieved();
}

/* --- a server that stays when its supervisor ends (systemctl restart) --- */

static pid_t leave_server(void)
{
	pid_t server = (pid_t)stat_of("server_pid");
	char answer[64];

	control_ask("stay\n", answer, sizeof(answer));
	cr_assert_str_eq(answer, "done\n");
	cr_assert_eq(end_daemon(SIGTERM), 0);
	cr_assert_eq(kill(server, 0), 0, "it has ended with its supervisor");
	return server;
}

Test(restart, a_server_that_stays_serves_until_it_is_relieved)
{
	pid_t server;

	start_supervised(NULL);
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
	mark(3);
	for (unsigned turn = 2; turn < 4; turn++) {
		server = leave_server();
		cr_assert_eq(is_clean(3), 0);
		cr_assert_eq(is_clean(4), 1);
		start_reliever();
		EXPECT_SOON(kill(server, 0) == -1, "the server before is still there");
		cr_assert_eq(stat_of("server"), turn);
		cr_assert_eq(is_clean(3), 0);
	}
	cr_assert_eq(end_daemon(SIGTERM), 0);
	cr_assert_not(control_answers());
}

Test(restart, a_server_that_stays_ends_if_nobody_comes)
{
	pid_t server;

	start_supervised(NULL);
	server = leave_server();
	sleep_msec(9000);
	cr_assert(control_answers());
	EXPECT_SOON(kill(server, 0) == -1, "it serves for ever");
}
