/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From CTR to DTR: each type of log lives a whole life, and the daemon knows whose it is. */
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(lifecycle, .init = set_up, .fini = tear_down, .timeout = 60);

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

static void write_round(const struct loop_device *loop)
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

static void live(const char *type, const struct loop_device *loop)
{
	char text[64];

	cr_assert_eq(ask_u64(DM_ULOG_GET_REGION_SIZE, NULL, 0), 8);
	cr_assert_eq(sync_count(), 0);
	cr_assert_eq(in_sync(0), 0);
	resume();
	recover_all(REGIONS);
	for (unsigned r = 0; r < REGIONS; r++)
		clear(r);
	write_round(loop);
	snprintf(text, sizeof(text), loop ? "3 %s %s A" : "1 %s", type, loop ? loop->number : "");
	expect_text(DM_ULOG_STATUS_INFO, text);
	destroy_log();
	cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH);
}

static void live_on_disk(const char *type)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	char text[96];

	ctr_ok("%u %s %s 8", REGIONS * 8, type, loop.path);
	snprintf(text, sizeof(text), "%s %s 8", type, loop.path);
	expect_text(DM_ULOG_STATUS_TABLE, text);
	live(type, &loop);
	for (unsigned r = 0; r < REGIONS; r++)
		cr_assert(clean_on_disk(&loop, r), "POSTSUSPEND left region %u dirty", r);
	cr_assert_eq(regions_on_disk(&loop), REGIONS);
}

Test(lifecycle, a_disk_log_lives)
{
	start();
	live_on_disk("disk");
}

Test(lifecycle, a_clustered_disk_log_lives)
{
	bench.clustered = true;
	start();
	live_on_disk("clustered-disk");
}

Test(lifecycle, a_disk_log_lives_without_io_uring)
{
	start_with("any", "sync", NEVER);
	live_on_disk("disk");
}

Test(lifecycle, a_core_log_lives)
{
	start();
	ctr_ok("%u core 8", REGIONS * 8);
	live("core", NULL);
}

Test(lifecycle, a_clustered_core_log_lives)
{
	bench.clustered = true;
	start();
	ctr_ok("%u clustered-core 8 block_on_error", REGIONS * 8);
	expect_text(DM_ULOG_STATUS_TABLE, "clustered-core 8 block_on_error");
	live("clustered-core", NULL);
}

/* --- CTR, DTR, who is known --- */

Test(lifecycle, the_first_ctr_is_answered_with_the_device)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	struct answer answer;

	start();
	for (uint32_t version = 1; version <= 3; version++) {
		become(version, "LVM-versions");
		bench.asker.version = version;
		answer = ctr("160 disk %s 8", loop.path);
		cr_assert_eq(answer.message.request.error, 0);
		if (version == 1) {
			cr_assert_eq(answer.message.request.data_size, 0);
			continue;
		}
		cr_assert_eq(answer.message.request.data_size, strlen(loop.number) + 1);
		cr_assert_str_eq((const char *)answer.message.payload, loop.number);
	}
}

Test(lifecycle, a_device_may_be_named_by_its_number)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	cr_assert_eq(ctr("160 disk %s 8", loop.number).message.request.error, 0, "%s", output());
	resume();
}

Test(lifecycle, a_ctr_sent_again_keeps_the_state)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	mark(3);
	ctr_ok("%u disk %s 8 nosync", REGIONS * 8, loop.path);
	cr_assert_eq(is_clean(3), 0);
	resume();
	cr_assert_eq(is_clean(3), 0);
	cr_assert_eq(in_sync(3), 1);
}

/* PROTOCOL: the kernel retries with the size of the error, trap 1. */
Test(lifecycle, an_unknown_log_leaves_room_for_the_answer)
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

Test(lifecycle, logs_differ_by_luid_and_by_uuid)
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

Test(lifecycle, an_address_used_again_ends_the_log_that_had_it)
{
	static const char text[] = "160 core 8 nosync";
	uint64_t luid = bench.asker.luid;

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
Test(lifecycle, dtr_lets_go_of_the_device_before_its_answer)
{
	struct loop_device loop = make_loop(1 << 20, 512);

	start();
	make_log(&loop, 160, " nosync");
	cr_assert(daemon_has_open(loop.path));
	destroy_log();
	cr_assert_not(daemon_has_open(loop.path));
}

/* --- the process --- */

Test(lifecycle, the_second_daemon_names_the_first)
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
Test(lifecycle, workers_run_where_they_are_told)
{
	bench.cpus = "0,1";
	start();
	cr_assert(runs_on(thread_named("worker-0"), 1));
	cr_assert(runs_on(thread_named("worker-1"), 0));
	cr_assert_not(runs_on(thread_named("control"), 0));
	cr_assert_not(runs_on(thread_named("control"), 1));
}

/* --- large logs --- */

Test(lifecycle, a_log_without_memory_for_it_is_refused)
{
	start();
	cr_assert_eq(ctr("%llu core 8", 8ULL << 40).message.request.error, -ENOMEM);
	expect_said("no memory for", "regions");
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	resume();
}

/* Logs of one uuid have one worker. */
Test(lifecycle, a_large_log_holds_up_no_other_while_it_is_made)
{
	char text[64];
	struct wire_message large, other;

	start();
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	become(2, "LVM-one");
	snprintf(text, sizeof(text), "%llu core 8", 8ULL << 33);
	large = send_request(DM_ULOG_CTR, text, (uint32_t)strlen(text));
	become(1, "LVM-one");
	other = send_request(DM_ULOG_RESUME, NULL, 0);
	await_success(&other);
	await_success(&large);
	become(2, "LVM-one");
	ask_ok(DM_ULOG_DTR, NULL, 0);
}

/* Its bits are set, all of them. */
Test(lifecycle, a_large_log_holds_up_no_other_when_it_is_resumed)
{
	struct wire_message large, other;

	start();
	ctr_ok("%u core 8 nosync", REGIONS * 8);
	become(2, "LVM-one");
	ctr_ok("%llu core 8 nosync", 8ULL << 28);
	large = send_request(DM_ULOG_RESUME, NULL, 0);
	become(1, "LVM-one");
	other = send_request(DM_ULOG_RESUME, NULL, 0);
	await_success(&other);
	await_success(&large);
	become(2, "LVM-one");
	cr_assert_eq(sync_count(), 1ULL << 28);
	mark(5);
	cr_assert_eq(is_clean(5), 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
}
