/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon tells of its logs in JSON, and what dirtylogctl makes of it. */
#include "server/control_socket.h"
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static json_t *answer_json;

static void forget_answer(void)
{
	json_decref(answer_json);
	tear_down();
}

TestSuite(status, .init = set_up, .fini = forget_answer, .timeout = 60);

/* --- what the daemon says --- */

/* The whole answer. */
static char *control_text(const char *line)
{
	static char text[1 << 20];
	struct ucred holder;
	int fd = control_connect((struct timeval){.tv_sec = WAIT_MSEC / 1000}, &holder);
	size_t length = 0;
	ssize_t n;

	cr_assert_geq(fd, 0);
	dprintf(fd, "%s\n", line);
	while ((n = recv(fd, text + length, sizeof(text) - 1 - length, 0)) > 0)
		length += (size_t)n;
	close(fd);
	text[length] = '\0';
	return text;
}

static json_t *ask_json(const char *line)
{
	json_error_t error;
	char *text = control_text(line);

	json_decref(answer_json);
	answer_json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(answer_json, "%s: %s", error.text, text);
	return answer_json;
}

/* The only log. */
static json_t *log_status(void)
{
	json_t *logs = json_object_get(ask_json("status"), "logs");

	cr_assert_eq(json_array_size(logs), 1);
	return json_array_get(logs, 0);
}

static json_int_t number(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	cr_assert(json_is_integer(value), "no number %s", key);
	return json_integer_value(value);
}

static const char *text(json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	cr_assert_not_null(value, "no text %s", key);
	return value;
}

Test(status, without_logs_there_are_none)
{
	start();
	cr_assert_eq(json_array_size(json_object_get(ask_json("status"), "logs")), 0);
	cr_assert_eq(number(answer_json, "left_out"), 0);
}

Test(status, a_log_tells_what_it_is)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	json_t *log;

	start();
	make_log(&loop, REGIONS, " nosync");
	log = log_status();
	cr_assert_str_eq(text(log, "uuid"), "LVM-one");
	cr_assert_str_eq(text(log, "luid"), "1");
	cr_assert_str_eq(text(log, "type"), "disk");
	cr_assert_str_eq(text(log, "device"), loop.number);
	cr_assert_str_eq(text(log, "state"), "active");
	cr_assert_str_eq(text(log, "health"), "sound");
	cr_assert_eq(number(log, "region_size"), 8);
	cr_assert_eq(number(log, "regions"), REGIONS);
	cr_assert_eq(number(log, "waiting"), 0);
	cr_assert_null(json_object_get(log, "last_error"));
	cr_assert_null(json_object_get(log, "oldest_wait_ms"));
}

Test(status, a_core_log_has_no_device)
{
	json_t *log;

	start();
	ctr_ok("160 core 8");
	log = log_status();
	cr_assert_str_eq(text(log, "state"), "created");
	cr_assert_null(json_object_get(log, "device"));
	cr_assert_null(json_object_get(log, "dirty_on_disk"));
}

Test(status, marked_regions_are_dirty_and_cleared_ones_are_so_on_disk)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	json_t *log;

	start();
	make_log(&loop, REGIONS, " nosync");
	for (uint64_t region = 3; region < 6; region++)
		mark(region);
	flush();
	clear(4);
	log = log_status();
	cr_assert_eq(number(log, "dirty"), 2);
	cr_assert_eq(number(log, "lazy"), 1);
	cr_assert_eq(number(log, "dirty_on_disk"), 3);
	cr_assert_eq(number(log, "in_sync"), REGIONS);
	cr_assert_eq(number(log, "changes"), 5);
	cr_assert_gt(number(log, "commits"), 0);
}

Test(status, what_is_not_ascii_is_escaped)
{
	start();
	become(1, "a\"b\\c\n\x01\xe9 d");
	ctr_ok("160 core 8");
	cr_assert_str_eq(text(log_status(), "uuid"), "a\"b\\c\n\x01\xc3\xa9 d");
}

Test(status, a_resync_has_a_rate)
{
	start();
	ctr_ok("800 core 8");
	resume();
	for (uint64_t region = 0; region < 30; region++) {
		cr_assert_eq(set_region_sync(region, 1), 0);
		sleep_msec(50);
	}
	cr_assert_eq(number(log_status(), "recovered"), 30);
	cr_assert_float_eq(json_real_value(json_object_get(log_status(), "resync_rate")), 15, 8);
}

/* --- who waits --- */

static bool one_waits_for(int msec)
{
	json_t *log = log_status();

	return number(log, "waiting") == 1 && number(log, "oldest_wait_ms") >= msec;
}

Test(status, a_request_that_waits_for_the_device_counts)
{
	struct loop_device loop = make_cold_loop();
	uint64_t region = 3;
	struct wire_message request;

	start();
	make_log(&loop, REGIONS, " nosync");
	cr_assert_eq(number(log_status(), "waiting"), 0);
	set_frozen(true);
	request = send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	EXPECT_SOON(one_waits_for(300), "nothing waits");
	set_frozen(false);
	await_success(&request);
	cr_assert_eq(number(log_status(), "waiting"), 0);
}

Test(status, requests_of_other_logs_do_not_count)
{
	struct loop_device loop = make_cold_loop();
	uint64_t region = 3;
	struct wire_message request;
	json_t *logs;

	start();
	make_log(&loop, REGIONS, " nosync");
	become(2, "LVM-two");
	ctr_ok("160 core 8");
	become(1, "LVM-one");
	set_frozen(true);
	request = send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	sleep_msec(QUIET_MSEC);
	logs = json_object_get(ask_json("status"), "logs");
	cr_assert_eq(json_array_size(logs), 2);
	for (size_t i = 0; i < 2; i++) {
		json_t *log = json_array_get(logs, i);

		cr_assert_eq(number(log, "waiting"), strcmp(text(log, "uuid"), "LVM-one") == 0);
	}
	set_frozen(false);
	await_success(&request);
}

/* --- errors --- */

static void expect_last_error(const char *place, int error)
{
	json_t *last = json_object_get(log_status(), "last_error");

	cr_assert_not_null(last);
	cr_assert_str_eq(text(last, "at"), place);
	cr_assert_eq(number(last, "errno"), error, "%s", text(last, "text"));
	cr_assert_lt(time(NULL) - number(last, "time"), 60);
}

Test(status, a_log_device_that_is_gone_is_told)
{
	start();
	cr_assert_eq(reconnect_error("160 disk /dev/nothing 8"), 0);
	cr_assert_str_eq(text(log_status(), "health"), "unusable");
	expect_last_error("open", ENOENT);
}

static bool retries(void)
{
	return json_is_true(json_object_get(log_status(), "retries"));
}

static bool has_failed(void)
{
	return strcmp(text(log_status(), "health"), "failed") == 0;
}

Test(status, a_write_that_fails_is_told)
{
	struct loop_device loop = make_full_loop();
	struct wire_message request;

	bench.io_retry = "1";
	start();
	make_log(&loop, FULL_REGIONS, "");
	request = begin_failing_write();
	EXPECT_SOON(retries(), "it does not back off");
	expect_last_error("write", ENOSPC);
	EXPECT_SOON(has_failed(), "it does not fail");
	cr_assert_not(retries());
	cr_assert_lt(await_answer(&request).message.request.error, 0);
	end_full_loop();
}

/* --- regions --- */

static void expect_runs(const char *command, const char *runs)
{
	char *got = json_dumps(json_object_get(ask_json(command), "runs"), JSON_COMPACT);

	cr_assert_str_eq(got, runs, "%s: %s", command, got);
	free(got);
}

Test(status, regions_are_counted_by_cell)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	mark(3);
	cr_assert_eq(set_region_sync(19, 0), 0);
	expect_runs("regions LVM-one 1 20", "[[3,0,0],[1,0,1],[15,0,0],[1,1,0]]");
	expect_runs("regions LVM-one 1 4", "[[1,0,1],[2,0,0],[1,1,0]]");
	expect_runs("regions LVM-one 1 8000", "[[3,0,0],[1,0,1],[15,0,0],[1,1,0]]");
	cr_assert_eq(number(answer_json, "cells"), REGIONS);
	cr_assert_null(json_object_get(answer_json, "recovering"));
	expect_work(19);
	expect_runs("regions LVM-one 1 1", "[[1,1,1]]");
	cr_assert_eq(number(answer_json, "recovering"), 19);
	cr_assert_eq(set_region_sync(19, 1), 0);
	ask_json("regions LVM-one 1 1");
	cr_assert_null(json_object_get(answer_json, "recovering"));
}

Test(status, an_uuid_may_have_spaces)
{
	start();
	become(0xabc, "a b 2");
	ctr_ok("160 core 8");
	expect_runs("regions a b 2 abc 1", "[[1,20,0]]");
}

Test(status, a_log_of_very_many_regions_is_counted_in_no_time)
{
	int64_t start_msec;

	start();
	ctr_ok("%llu core 8", 1ull << 32);
	start_msec = now_msec();
	expect_runs("regions LVM-one 1 8192", "[[8192,65536,0]]");
	cr_assert_lt(now_msec() - start_msec, 500);
}

static void expect_refused(const char *command, const char *why)
{
	const char *answer = control_text(command);

	cr_assert(strncmp(answer, "error: ", 7) == 0 && strstr(answer, why), "%s: %s", command,
		  answer);
}

Test(status, what_is_asked_for_wrongly_is_refused)
{
	start();
	ctr_ok("160 core 8");
	expect_refused("regions ", "expected");
	expect_refused("regions LVM-one", "expected");
	expect_refused("regions LVM-one 1", "expected");
	expect_refused("regions LVM-one 1 0", "expected");
	expect_refused("regions LVM-one 1 8193", "expected");
	expect_refused("regions LVM-one 1 -1", "expected");
	expect_refused("regions LVM-one x 20", "expected");
	expect_refused("regions LVM-one 2 20", "no such log");
	expect_refused("regions LVM-two 1 20", "no such log");
}

/* --- dirtylogctl --- */

static struct {
	char said[1 << 16]; /* stdout and stderr */
	int status;
} tool;

static void run_tool(const char *arguments)
{
	char command[512];
	FILE *out;

	snprintf(command, sizeof(command), "%s %s 2>&1", DIRTYLOGCTL, arguments);
	out = popen(command, "r");
	cr_assert_not_null(out);
	tool.said[fread(tool.said, 1, sizeof(tool.said) - 1, out)] = '\0';
	tool.status = WEXITSTATUS(pclose(out));
}

static void expect_tool(const char *arguments, int status, const char *words)
{
	run_tool(arguments);
	cr_assert_eq(tool.status, status, "%s: %d: %s", arguments, tool.status, tool.said);
	cr_assert(strstr(tool.said, words), "no \"%s\" in: %s", words, tool.said);
}

static json_t *tool_json(void)
{
	json_error_t error;

	json_decref(answer_json);
	answer_json = json_loads(tool.said, 0, &error);
	cr_assert_not_null(answer_json, "%s: %s", error.text, tool.said);
	return answer_json;
}

Test(status, dirtylogctl_has_a_line_for_each_log)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	char words[64];

	start();
	expect_tool("status", 0, "MIRROR");
	make_log(&loop, REGIONS, " nosync");
	mark(7);
	snprintf(words, sizeof(words), "%s(A)", loop.number);
	expect_tool("status", 0, words);
	cr_assert(strstr(tool.said, "LVM-one"));
	cr_assert(strstr(tool.said, "100%"));
}

Test(status, a_resync_is_no_fault)
{
	start();
	ctr_ok("160 core 8");
	resume();
	cr_assert_eq(set_region_sync(0, 1), 0);
	expect_tool("status", 0, "5.00%");
}

Test(status, dirtylogctl_prints_json)
{
	json_t *mirror;

	start();
	ctr_ok("160 core 8");
	expect_tool("status --json LVM-one", 0, "");
	mirror = json_array_get(json_object_get(tool_json(), "mirrors"), 0);
	cr_assert_str_eq(text(mirror, "name"), "LVM-one");
	cr_assert_eq(number(json_object_get(mirror, "log"), "regions"), 20);
}

Test(status, events_end_when_they_ought_to)
{
	start();
	expect_tool("events --for 0", 0, "");
	expect_tool("events --for 1e10", 2, "expected seconds from 0");
}

Test(status, dirtylogctl_watches_in_lines_until_nobody_reads)
{
	json_t *mirror;

	start();
	ctr_ok("160 core 8");
	expect_tool("watch --json | sed 1d | head -n 1", 0, "");
	mirror = json_array_get(json_object_get(tool_json(), "mirrors"), 0);
	cr_assert_str_eq(text(mirror, "name"), "LVM-one");
	cr_assert(json_is_number(json_object_get(mirror, "hot")));
}

Test(status, a_write_that_is_tried_again_degrades_and_one_that_fails_fails)
{
	struct loop_device loop = make_full_loop();
	struct wire_message request;

	bench.io_retry = "1.5";
	start();
	make_log(&loop, FULL_REGIONS, "");
	request = begin_failing_write();
	EXPECT_SOON(retries(), "it does not back off");
	expect_tool("status", 1, "(retries)");
	cr_assert(strstr(tool.said, "write: No space left on device"), "%s", tool.said);
	EXPECT_SOON(has_failed(), "it does not fail");
	expect_tool("status", 2, "(failed)");
	expect_tool("status LVM-one", 2, "(failed)");
	cr_assert_lt(await_answer(&request).message.request.error, 0);
	end_full_loop();
}

Test(status, the_others_do_not_make_the_named_one_fail)
{
	start();
	cr_assert_eq(reconnect_error("160 disk /dev/nothing 8"), 0);
	become(2, "LVM-two");
	ctr_ok("160 core 8");
	expect_tool("status LVM-two", 0, "LVM-two");
	cr_assert_null(strstr(tool.said, "LVM-one"));
	expect_tool("status", 2, "(unusable)");
}

Test(status, without_a_daemon_there_is_no_answer)
{
	expect_tool("status", 3, "no dirtylogd serves here");
	expect_tool("show LVM-one", 3, "no dirtylogd serves here");
	expect_tool("stats --json", 3, "no dirtylogd serves here");
}

Test(status, a_daemon_that_hangs_is_no_answer)
{
	int64_t start_msec = now_msec();

	start();
	kill(bench.daemon, SIGSTOP);
	expect_tool("status", 3, "does not answer");
	kill(bench.daemon, SIGCONT);
	cr_assert_lt(now_msec() - start_msec, 6000);
}

Test(status, an_unknown_name_is_told_what_there_is)
{
	start();
	expect_tool("status vg/lv", 2, "no mirror vg/lv; there is none");
	ctr_ok("160 core 8");
	expect_tool("status LVM-one vg/lv", 2, "no mirror vg/lv; there are: LVM-one\n");
	expect_tool("show vg/lv", 2, "no mirror vg/lv; there are: LVM-one\n");
}

Test(status, a_wrong_command_line_is_told)
{
	expect_tool("status --nonsense", 2, "nonsense");
	expect_tool("show", 2, "one mirror's name is expected");
	expect_tool("show a b", 2, "one mirror's name is expected");
	expect_tool("stats now", 2, "now");
	expect_tool("metrics --json --old-format", 2, "exclude each other");
	expect_tool("watch </dev/null", 2, "--json");
	expect_tool("status --from /nowhere", 2, "/nowhere");
}

Test(status, dirtylogctl_draws_the_regions)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);

	start();
	make_log(&loop, REGIONS, " nosync");
	mark(3);
	cr_assert_eq(set_region_sync(18, 0), 0);
	cr_assert_eq(set_region_sync(19, 0), 0);
	expect_work(19);
	expect_tool("show LVM-one", 0, "\n...D..............O>\n");
	expect_tool("show --json LVM-one", 0, "\"recovering\": 19");
}

Test(status, counters_and_logs_come_as_json)
{
	json_t *log;

	start();
	become(0x10, "two words");
	ctr_ok("160 core 8");
	expect_tool("stats --json", 0, "");
	cr_assert_eq(number(tool_json(), "ctr"), 1);
	cr_assert_eq(number(tool_json(), "server"), 1);
	expect_tool("logs --json", 0, "");
	log = json_array_get(tool_json(), 0);
	cr_assert_str_eq(text(log, "uuid"), "two words");
	cr_assert_str_eq(text(log, "luid"), "10");
	cr_assert_str_eq(text(log, "device"), "-");
	cr_assert_eq(number(log, "regions"), 20);
	cr_assert_str_eq(text(log, "state"), "created");
}
