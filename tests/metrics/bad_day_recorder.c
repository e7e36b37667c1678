/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records what a real daemon tells of a bad day, once a second, for `promtool test rules`:
 *
 *   bad_day_recorder > tests/metrics/bad_day.series        (two minutes)
 *
 * second 0    two logs that are well
 *        5    the device of one hangs, and a MARK waits for it
 *       28    it answers; that of the other fails, and is given up
 *       35    the server is stopped while requests come, until its socket is full
 *       40    the server is killed, four times
 *       50    the service ends
 */
#include "server/control_socket.h"
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 120u
#define SERIES_MAX 256u

TestSuite(record, .init = set_up, .fini = tear_down, .timeout = 300);

/* What the alerts look at; the rest of the text would be long. */
static const char *const wanted[] = {
	"dirtylogd_logs{",
	"dirtylogd_oldest_wait_seconds",
	"dirtylogd_errors_total{",
	"dirtylogd_restarts_total",
	"dirtylogd_netlink_drops_total",
	"dirtylogd_log_regions{",
	"dirtylogd_log_in_sync_regions{",
};

static struct series {
	char name[256];
	double values[SECONDS]; /* NAN: not told */
} all[SERIES_MAX];

static unsigned count;

static struct series *series_for(const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	cr_assert_lt(count, SERIES_MAX);
	snprintf(all[count].name, sizeof(all[count].name), "%s", name);
	for (unsigned i = 0; i < SECONDS; i++)
		all[count].values[i] = NAN;
	return &all[count++];
}

static bool is_wanted(const char *line)
{
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
			return true;
	return false;
}

static void take_line(char *line, unsigned second)
{
	char *space = strrchr(line, ' ');

	if (!space || !is_wanted(line))
		return;
	*space = '\0';
	series_for(line)->values[second] = strtod(space + 1, NULL);
}

static void scrape(unsigned second)
{
	struct ucred holder;
	int fd = control_connect((struct timeval){.tv_sec = 1}, &holder);
	FILE *in = fd >= 0 ? fdopen(fd, "r+") : NULL;
	char line[1024];

	series_for("up")->values[second] = in != NULL;
	if (!in)
		return;
	dprintf(fd, "metrics 0.0.4\n");
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		take_line(line, second);
	}
	fclose(in);
}

/* --- what promtool reads --- */

static bool same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

/* A scrape that fails makes Prometheus end all series that it had. */
static void print_run(double value, unsigned times, bool first)
{
	if (!isnan(value))
		printf(" %.10g+0x%u", value, times - 1);
	else if (first || times == 1)
		printf(first ? " _x%u" : " stale", times);
	else
		printf(" stale _x%u", times - 1);
}

static void print_series(struct series *series)
{
	char *brace = strchr(series->name, '{');
	unsigned run = 1;

	printf("      - series: '%.*s{job=\"dirtylogd\",instance=\"host:9733\"%s%s'\n        "
	       "values: '",
	       brace ? (int)(brace - series->name) : (int)strlen(series->name), series->name,
	       brace ? "," : "}", brace ? brace + 1 : "");
	for (unsigned i = 1; i <= SECONDS; i++, run++) {
		if (i < SECONDS && same(series->values[i], series->values[i - 1]))
			continue;
		print_run(series->values[i - 1], run, i == run);
		run = 0;
	}
	printf("'\n");
}

/* --- the day --- */

static void flood(void)
{
	uint64_t region = 3;

	for (unsigned i = 0; i < 10000; i++) {
		struct wire_message request =
			asker_request(&bench.asker, DM_ULOG_MARK_REGION, &region, sizeof(region));

		asker_send(&bench.asker, &request, wire_length(&request));
	}
}

static void stop_and_flood(void)
{
	pid_t server = (pid_t)stat_of("server_pid");

	kill(server, SIGSTOP);
	flood();
	kill(server, SIGCONT);
}

static struct wire_message waiting;

static void hang_one(void)
{
	uint64_t region = 3;

	set_frozen(true);
	waiting = send_request(DM_ULOG_MARK_REGION, &region, sizeof(region));
}

static void fail_the_other(void)
{
	set_frozen(false);
	await_success(&waiting);
	become(2, "LVM-two");
	begin_failing_write();
}

static void happen(unsigned second)
{
	if (second == 5)
		hang_one();
	else if (second == 28)
		fail_the_other();
	else if (second == 35)
		stop_and_flood();
	else if (second >= 40 && second < 48 && second % 2 == 0)
		kill((pid_t)stat_of("server_pid"), SIGKILL);
	else if (second == 50)
		end_daemon(SIGTERM);
}

Test(record, bad_day)
{
	struct loop_device cold = make_cold_loop(), full = make_full_loop();
	int64_t start_msec;

	bench.io_retry = "1.5";
	bench.supervised = true;
	start();
	become(2, "LVM-two");
	make_log(&full, FULL_REGIONS, "");
	become(1, "LVM-one");
	make_log(&cold, REGIONS, " nosync");
	start_msec = now_msec();
	for (unsigned second = 0; second < SECONDS; second++) {
		while (now_msec() < start_msec + second * 1000)
			sleep_msec(10);
		happen(second);
		scrape(second);
	}
	for (unsigned i = 0; i < count; i++)
		print_series(&all[i]);
	fflush(stdout);
	end_full_loop();
}
