/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told to Prometheus, over the control socket and over HTTP, in formats that promtool takes. */
#include "server/control_socket.h"
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT "9733"
#define SAMPLE 1031u /* one in so many requests is timed: netlink/reply_times.h */

TestSuite(metrics, .init = set_up, .fini = tear_down, .timeout = 60);

static char text[4 << 20];

static void read_all(int fd)
{
	size_t length = 0;
	ssize_t n;

	while ((n = recv(fd, text + length, sizeof(text) - 1 - length, 0)) > 0)
		length += (size_t)n;
	close(fd);
	text[length] = '\0';
}

static void scrape(const char *line)
{
	struct ucred holder;
	int fd = control_connect((struct timeval){.tv_sec = WAIT_MSEC / 1000}, &holder);

	cr_assert_geq(fd, 0);
	dprintf(fd, "%s\n", line);
	read_all(fd);
}

/* The value of a sample in text, or -1. series: with its labels. */
static double value(const char *series)
{
	char pattern[256];
	const char *at;

	snprintf(pattern, sizeof(pattern), "\n%s ", series);
	at = strstr(text, pattern);
	return at ? strtod(at + strlen(pattern), NULL) : -1;
}

static double scraped(const char *series)
{
	scrape("metrics");
	return value(series);
}

static void expect_value(const char *series, double expected)
{
	double is = scraped(series);

	cr_assert_float_eq(is, expected, 1e-9, "%s is %g, not %g", series, is, expected);
}

/* --- counters --- */

Test(metrics, requests_are_counted_by_type)
{
	start();
	ctr_ok("160 core 8");
	resume();
	in_sync(3);
	in_sync(4);
	expect_value("dirtylogd_requests_total{type=\"in_sync\"}", 2);
	expect_value("dirtylogd_requests_total{type=\"ctr\"}", 1);
	expect_value("dirtylogd_requests_total{type=\"flush\"}", 0);
	cr_assert_gt(value("dirtylogd_requests_created{type=\"in_sync\"}"), 1e9);
	cr_assert_gt(value("dirtylogd_start_time_seconds"), 1e9);
	cr_assert_eq(value("dirtylogd_restarts_total"), 0);
	cr_assert_eq(value("dirtylogd_restarts_created"), -1);
	cr_assert_str_eq(text + strlen(text) - 6, "# EOF\n");
}

Test(metrics, writes_and_those_who_waited_for_them_are_counted)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	double commits;

	start();
	make_log(&loop, REGIONS, " nosync");
	commits = scraped("dirtylogd_commit_requests_count");
	mark(3);
	expect_value("dirtylogd_commit_requests_count", commits + 1);
	cr_assert_geq(value("dirtylogd_commit_requests_bucket{le=\"1.0\"}"), 1);
	cr_assert_geq(value("dirtylogd_commit_requests_sum"), 1);
	cr_assert_gt(value("dirtylogd_log_writes_total"), 0);
	cr_assert_gt(value("dirtylogd_log_written_bytes_total"), 511);
	cr_assert_geq(value("dirtylogd_request_wait_seconds_count{type=\"mark_region\"}"), 1);
	cr_assert_eq(value("dirtylogd_request_wait_seconds_count{type=\"in_sync\"}"), 0);
}

Test(metrics, one_request_of_many_is_timed)
{
	start();
	ctr_ok("160 core 8");
	for (unsigned i = 0; i < 2 * SAMPLE; i++)
		in_sync(3);
	expect_value("dirtylogd_request_seconds_count{type=\"in_sync\"}", 2);
	cr_assert_eq(value("dirtylogd_request_seconds_bucket{type=\"in_sync\",le=\"5.0\"}"), 2);
	cr_assert_gt(value("dirtylogd_request_seconds_sum{type=\"in_sync\"}"), 0);
}

Test(metrics, errors_are_counted_by_kind)
{
	uint64_t region = 3;

	start();
	become(7, "nobody");
	cr_assert_eq(ask_error(DM_ULOG_IN_SYNC, &region, sizeof(region)), -ESRCH);
	cr_assert_neq(ask_error(DM_ULOG_IN_SYNC, NULL, 0), 0);
	expect_value("dirtylogd_errors_total{kind=\"unknown_log\"}", 1);
	expect_value("dirtylogd_errors_total{kind=\"refused\"}", 1);
	become(1, "LVM-one");
	cr_assert_eq(reconnect_error("160 disk /dev/nothing 8"), 0);
	expect_value("dirtylogd_errors_total{kind=\"log_open\"}", 1);
	expect_value("dirtylogd_errors_total{kind=\"leg_flush\"}", 0);
}

static bool drops(void)
{
	return scraped("dirtylogd_netlink_drops_total") > 0;
}

/* It is stopped until its socket is full. */
Test(metrics, what_the_socket_could_not_take_is_counted)
{
	uint64_t region = 3;

	start();
	ctr_ok("160 core 8");
	expect_value("dirtylogd_netlink_drops_total", 0);
	kill(bench.daemon, SIGSTOP);
	for (unsigned i = 0; i < 10000; i++) {
		struct wire_message request =
			asker_request(&bench.asker, DM_ULOG_MARK_REGION, &region, sizeof(region));

		asker_send(&bench.asker, &request, wire_length(&request));
	}
	kill(bench.daemon, SIGCONT);
	EXPECT_SOON(drops(), "no drops");
}

static bool restarted(void)
{
	return control_answers() && scraped("dirtylogd_restarts_total") == 1;
}

Test(metrics, a_restart_begins_the_counters_anew_and_counts_itself)
{
	bench.supervised = true;
	start();
	ctr_ok("160 core 8");
	expect_value("dirtylogd_requests_total{type=\"ctr\"}", 1);
	kill((pid_t)stat_of("server_pid"), SIGKILL);
	EXPECT_SOON(restarted(), "no successor");
	cr_assert_eq(value("dirtylogd_requests_total{type=\"ctr\"}"), 0);
}

/* --- logs --- */

Test(metrics, a_log_is_told_of_by_uuid_and_device)
{
	struct loop_device loop = make_loop(DEVICE_BYTES, 512);
	char series[256];

	start();
	make_log(&loop, REGIONS, " nosync");
	mark(3);
	cr_assert_eq(set_region_sync(5, 0), 0);
	snprintf(series, sizeof(series), "dirtylogd_log_regions{uuid=\"LVM-one\",device=\"%s\"}",
		 loop.number);
	expect_value(series, REGIONS);
	snprintf(series, sizeof(series),
		 "dirtylogd_log_in_sync_regions{uuid=\"LVM-one\",device=\"%s\"}", loop.number);
	cr_assert_eq(value(series), REGIONS - 1);
	cr_assert_eq(value("dirtylogd_logs{condition=\"resyncing\"}"), 1);
	cr_assert_eq(value("dirtylogd_logs_left_out"), 0);
}

static bool one_waits(void)
{
	return scraped("dirtylogd_waiting_requests") == 1 &&
	       value("dirtylogd_oldest_wait_seconds") > 0.2;
}

Test(metrics, the_oldest_that_waits_has_an_age)
{
	struct loop_device loop = make_cold_loop();
	uint64_t region = 3;
	struct wire_message request;

	start();
	make_log(&loop, REGIONS, " nosync");
	expect_value("dirtylogd_waiting_requests", 0);
	cr_assert_eq(value("dirtylogd_oldest_wait_seconds"), 0);
	set_frozen(true);
	request = send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
	EXPECT_SOON(one_waits(), "nothing waits");
	set_frozen(false);
	await_success(&request);
	expect_value("dirtylogd_waiting_requests", 0);
	cr_assert_geq(value("dirtylogd_request_wait_seconds_sum{type=\"mark_region\"}"), 0.2);
}

static bool is_in_condition(const char *condition)
{
	char series[64];

	snprintf(series, sizeof(series), "dirtylogd_logs{condition=\"%s\"}", condition);
	return scraped(series) == 1;
}

Test(metrics, a_write_that_is_tried_again_degrades_a_log_and_then_it_fails)
{
	struct loop_device loop = make_full_loop();
	struct wire_message request;

	bench.io_retry = "1";
	start();
	make_log(&loop, FULL_REGIONS, "");
	request = begin_failing_write();
	EXPECT_SOON(is_in_condition("degraded"), "it does not back off");
	EXPECT_SOON(is_in_condition("failed"), "it does not fail");
	cr_assert_gt(value("dirtylogd_errors_total{kind=\"log_write\"}"), 0);
	cr_assert_lt(await_answer(&request).message.request.error, 0);
	end_full_loop();
}

/* --- formats --- */

static void make_odd_logs(void)
{
	become(1, "a\"b\\c\n\x01\xe9 d");
	ctr_ok("160 core 8");
	become(2, "LVM-two");
	ctr_ok("160 core 8");
	/* The inactive table of the same mirror. */
	become(3, "LVM-two");
	ctr_ok("160 core 8");
}

static void make_logs_with_odd_names(void)
{
	start();
	make_odd_logs();
}

static void run(const char *command)
{
	FILE *out = popen(command, "r");

	cr_assert_not_null(out);
	text[fread(text, 1, sizeof(text) - 1, out)] = '\0';
	cr_assert_eq(pclose(out), 0, "%s: %s", command, text);
}

static void need_promtool(void)
{
	if (system("command -v promtool >/dev/null") != 0)
		cr_skip_test("no promtool");
}

Test(metrics, promtool_finds_no_fault_with_the_old_format)
{
	need_promtool();
	make_logs_with_odd_names();
	run(DIRTYLOGCTL " metrics --old-format | promtool check metrics 2>&1");
	cr_assert_str_empty(text, "%s", text);
}

/* What makes blocks of it reads the format strictly, and wants times. */
Test(metrics, prometheus_reads_the_new_format)
{
	char command[512];
	int n;

	need_promtool();
	make_logs_with_odd_names();
	n = snprintf(command, sizeof(command),
		     "cd %s && " DIRTYLOGCTL " metrics | sed '/^#/!s/$/ 1700000000/' >open && "
		     "promtool tsdb create-blocks-from openmetrics open blocks 2>&1; status=$?; "
		     "rm -rf open blocks; exit $status",
		     bench.run_dir);
	cr_assert_lt(n, (int)sizeof(command));
	run(command);
	cr_assert(strstr(text, "BLOCK ULID"), "%s", text);
}

Test(metrics, json_tells_the_same)
{
	make_logs_with_odd_names();
	run(DIRTYLOGCTL " metrics | grep -vc '^#'; " DIRTYLOGCTL
			" metrics --json | jq '[.[].samples[]] | length'");
	cr_assert_eq(strtol(strchr(text, '\n'), NULL, 10), strtol(text, NULL, 10));
	run(DIRTYLOGCTL
	    " metrics --json | jq -c '.[] | select(.name == \"dirtylogd_log_regions\") | "
	    ".type, (.samples[] | select(.labels.uuid != \"LVM-two\") | .value, .labels.uuid)'");
	cr_assert_str_eq(text, "\"gauge\"\n20\n\"a\\\"b\\\\c\\n\\u0001é d\"\n");
}

Test(metrics, no_series_comes_twice)
{
	make_logs_with_odd_names();
	run(DIRTYLOGCTL " metrics | grep -v '^#' | sed 's/ [^ ]*$//' | sort | uniq -d");
	cr_assert_str_empty(text, "%s", text);
	expect_value("dirtylogd_logs_left_out", 1);
}

/* --- HTTP --- */

/* A network namespace of a test's own begins without. */
static void set_loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

static int connect_http(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(PORT))};
	struct timeval patience = {.tv_sec = WAIT_MSEC / 1000};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool http_listens(void)
{
	int fd = connect_http();

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void get(const char *method, const char *path, const char *header)
{
	int fd = connect_http();

	cr_assert_geq(fd, 0);
	dprintf(fd, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n", method, path,
		header);
	read_all(fd);
}

static void expect_head(const char *words)
{
	cr_assert(strstr(text, words), "no \"%s\" in: %.300s", words, text);
}

static void start_http(void)
{
	set_loopback_up();
	bench.metrics_listen = "127.0.0.1:" PORT;
	start();
	EXPECT_SOON(http_listens(), "nobody listens");
}

Test(metrics, http_answers_in_the_format_that_is_asked_for)
{
	start_http();
	get("GET", "/metrics", "");
	expect_head("200 OK");
	expect_head("text/plain; version=0.0.4");
	expect_head("# TYPE dirtylogd_requests_total counter");
	get("GET", "/metrics", "Accept: application/openmetrics-text;version=1.0.0,text/plain\r\n");
	expect_head("application/openmetrics-text; version=1.0.0");
	expect_head("# EOF");
}

/* How many threads of this name have a filter (mode 2), or none (0). */
static unsigned threads_of(const char *name, int mode)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "cd /proc/%lu/task; grep -ls %s */comm | sed s/comm/status/ | xargs -r cat | "
		 "grep -c 'Seccomp:.%d'; true",
		 stat_of("server_pid"), name, mode);
	run(command);
	return (unsigned)strtoul(text, NULL, 10);
}

Test(metrics, threads_that_serve_have_few_rights)
{
	start_http();
	make_odd_logs();
	cr_assert_geq(threads_of("worker-", 2), 1);
	cr_assert_eq(threads_of("worker-", 0), 0);
	EXPECT_SOON(threads_of("device-open", 2) >= 1, "nobody opens devices");
	cr_assert_eq(threads_of("device-open", 0), 0);
	cr_assert_geq(threads_of("leg-flush", 2), 1);
	cr_assert_eq(threads_of("leg-flush", 0), 0);
	cr_assert_geq(threads_of("device-io", 2), 1);
	cr_assert_eq(threads_of("device-io", 0), 0);
	cr_assert_null(strstr(output(), "keep all their rights"));
}

/* A fault in what reads from the network opens no file and executes nothing. */
Test(metrics, the_thread_of_http_has_next_to_no_rights)
{
	start_http();
	get("GET", "/metrics", "");
	expect_head("200 OK");
	cr_assert_eq(threads_of("MHD", 2), 1);
	make_odd_logs();
	get("GET", "/metrics", "");
	expect_head("dirtylogd_log_regions");
	cr_assert_null(strstr(output(), "keeps all its rights"));
}

/* A luid is an address in the kernel. */
Test(metrics, http_tells_no_luid)
{
	start_http();
	become(0xfeedbeef123, "LVM-seen");
	ctr_ok("160 core 8");
	get("GET", "/metrics", "");
	expect_head("uuid=\"LVM-seen\"");
	cr_assert_null(strstr(text, "feedbeef123"));
	cr_assert_null(strstr(text, "17518566502691")); /* the same */
}

Test(metrics, http_has_nothing_else)
{
	start_http();
	get("GET", "/", "");
	expect_head("404");
	get("DELETE", "/metrics", "");
	expect_head("405");
	get("POST", "/metrics", "Content-Length: 0\r\n");
	expect_head("405");
}

Test(metrics, http_leaves_who_says_nothing_and_answers_others)
{
	int silent[6];
	char byte;

	start_http();
	for (unsigned i = 0; i < 6; i++)
		silent[i] = connect_http();
	/* Four places, all taken; and the control socket answers meanwhile. */
	cr_assert_geq(scraped("dirtylogd_requests_total{type=\"ctr\"}"), 0);
	cr_assert_eq(recv(silent[0], &byte, 1, 0), 0, "it is not left");
	get("GET", "/metrics", "");
	expect_head("200 OK");
	for (unsigned i = 0; i < 6; i++)
		close(silent[i]);
}

Test(metrics, a_port_that_is_taken_keeps_nobody_from_being_served)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(PORT))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	set_loopback_up();
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	bench.metrics_listen = "127.0.0.1:" PORT;
	start();
	expect_said("no metrics over HTTP", "Address already in use");
	ctr_ok("160 core 8");
	expect_value("dirtylogd_requests_total{type=\"ctr\"}", 1);
	close(fd);
}

static bool successor_listens(void)
{
	return stat_of("server") == 2 && http_listens();
}

Test(metrics, http_goes_on_with_the_next_server)
{
	bench.supervised = true;
	start_http();
	/* The server closes first, and its end of the connection lingers. */
	get("GET", "/metrics", "");
	kill((pid_t)stat_of("server_pid"), SIGKILL);
	EXPECT_SOON(successor_listens(), "nobody listens");
	get("GET", "/metrics", "");
	expect_head("dirtylogd_restarts_total 1\n");
}

/* By hand: the stop waits for no client. */
Test(metrics, a_client_of_http_does_not_hold_up_the_end)
{
	int64_t start_msec;
	int fd;

	start_http();
	fd = connect_http();
	cr_assert_geq(fd, 0);
	start_msec = now_msec();
	cr_assert_eq(end_daemon(SIGTERM), 0);
	cr_assert_lt(now_msec() - start_msec, 3000);
	close(fd);
}
