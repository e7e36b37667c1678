/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers that are wrong, missing or doubled fail a run, over real netlink: the server is one that
 * errs once. Each test has a network namespace of its own. Needs root.
 */
#include "perf/generator/connector.h"
#include "perf/generator/mirror_set.h"
#include "perf/generator/runner.h"
#include "server/base/clock.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <criterion/criterion.h>

#define REQUESTS 1000u
#define ERRS_AT 500u /* the request that it serves badly */

enum mistake { NONE, SILENT, TWICE, WRONG_BIT, LATE_TWICE, OTHER_LUID, OTHER_UUID, OTHER_TYPE };

static struct client client;
static struct measure measure;
static struct mirror_set set;
static struct mirror_script_config config;
static struct runner runner;
static volatile int interrupted;

static int open_server(void)
{
	int fd = connector_open(0, NULL);

	cr_assert_geq(fd, 0);
	cr_assert_eq(connector_join(fd), 0);
	return fd;
}

static void send_answer(int fd, struct wire_message *message, struct sockaddr_nl *from)
{
	from->nl_groups = 0;
	sendto(fd, &message->nl, wire_length(message), 0, (struct sockaddr *)from, sizeof(*from));
}

static void mistake_log(struct dm_ulog_request *request, enum mistake mistake)
{
	if (mistake == OTHER_LUID)
		request->luid++;
	if (mistake == OTHER_UUID)
		request->uuid[0]++;
	if (mistake == OTHER_TYPE)
		request->request_type = DM_ULOG_IS_CLEAN;
}

static void serve(int fd, enum mistake mistake)
{
	static struct wire_message message, old;
	struct sockaddr_nl from;

	for (unsigned n = 0;; n++) {
		socklen_t length = sizeof(from);
		bool now = n == ERRS_AT;
		uint64_t bit = !(now && mistake == WRONG_BIT);

		if (recvfrom(fd, &message.nl, WIRE_DATAGRAM_MAX, 0, (struct sockaddr *)&from,
			     &length) < 0)
			_exit(1);
		memcpy(message.payload, &bit, sizeof(bit));
		wire_reply(&message, 0, sizeof(bit));
		if (now)
			mistake_log(&message.request, mistake);
		if (n == 0)
			old = message;
		if (!(now && mistake == SILENT))
			send_answer(fd, &message, &from);
		if (now && mistake == TWICE)
			send_answer(fd, &message, &from);
		if (now && mistake == LATE_TWICE)
			send_answer(fd, &old, &from);
	}
}

static void start(enum mistake mistake)
{
	struct mirror_description description = {
		.luid = 1, .uuid = "LVM-one", .regions = 64, .region_size = 8, .seed = 1};
	int fd;

	cr_assert_eq(unshare(CLONE_NEWNET), 0, "no network namespace (root is needed)");
	fd = open_server();
	cr_assert_eq(client_open(&client, 0), 0);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, mistake);
	}
	close(fd);
	config.workload = mirror_script_workload("in_sync");
	cr_assert_eq(mirror_set_create(&set, 1, description.regions, true), 0);
	mirror_init(set.mirrors, &config, &description, mirror_set_memory(&set, 0));
	runner.server = "the bad server";
	runner.client = &client;
	runner.measure = &measure;
	runner.lost_after_ns = 300 * NSEC_PER_MSEC;
	cr_assert_eq(runner_create(&runner, 16), 0);
}

static int run(unsigned burst)
{
	struct runner_limits limits = {.depth = 16,
				       .burst = burst,
				       .count = REQUESTS,
				       .end_ns = INT64_MAX,
				       .interrupted = &interrupted,
				       .record_ns = 0};
	int r;

	measure_start(&measure, clock_now(), NSEC_PER_SEC);
	mirror_set_begin(&set, MIRROR_RUN, 0, clock_now());
	r = runner_run(&runner, &set.traffic, &limits);
	if (r == 0)
		runner_listen(&runner, 50 * NSEC_PER_MSEC);
	return r;
}

Test(runner, a_good_server_passes)
{
	start(NONE);
	cr_assert_eq(run(0), 0);
	cr_assert_eq(measure.requests, REQUESTS);
	cr_assert_eq(measure.answers, REQUESTS);
	cr_assert_not(measure_failed(&measure));
}

Test(runner, a_missing_answer_is_lost)
{
	start(SILENT);
	cr_assert_eq(run(0), -ETIMEDOUT);
	cr_assert_eq(measure.lost, 1);
	cr_assert(measure_failed(&measure));
}

Test(runner, an_answer_that_comes_twice_is_caught)
{
	start(TWICE);
	cr_assert_eq(run(0), 0);
	cr_assert_eq(measure.doubled, 1);
	cr_assert(measure_failed(&measure));
}

Test(runner, an_answer_to_a_request_of_long_ago_is_caught)
{
	start(LATE_TWICE);
	cr_assert_eq(run(0), 0);
	cr_assert_eq(measure.doubled, 1);
}

static void expect_one_wrong(enum mistake mistake)
{
	start(mistake);
	cr_assert_eq(run(0), 0);
	cr_assert_eq(measure.wrong, 1);
	cr_assert_eq(measure.answers, REQUESTS);
}

Test(runner, an_answer_made_for_another_luid_is_caught)
{
	expect_one_wrong(OTHER_LUID);
}

Test(runner, an_answer_made_for_another_uuid_is_caught)
{
	expect_one_wrong(OTHER_UUID);
}

Test(runner, an_answer_made_for_another_type_is_caught)
{
	expect_one_wrong(OTHER_TYPE);
}

Test(runner, a_wrong_answer_is_caught)
{
	start(WRONG_BIT);
	cr_assert_eq(run(0), 0);
	cr_assert_eq(measure.wrong, 1);
	cr_assert(measure_failed(&measure));
}

Test(runner, bursts_lose_nothing)
{
	start(NONE);
	cr_assert_eq(run(64), 0);
	cr_assert_eq(measure.answers, REQUESTS);
	cr_assert_not(measure_failed(&measure));
}

Test(runner, a_signal_ends_the_run)
{
	start(NONE);
	interrupted = 1;
	cr_assert_eq(run(0), 0);
	cr_assert_eq(measure.requests, 0);
}

/* Latency counts from when a request was due: a server that answers nothing for long makes all
 * that wait behind it late. */
Test(runner, an_open_loop_counts_from_when_a_request_was_due)
{
	struct runner_limits limits = {
		.depth = 1, .count = 20, .end_ns = INT64_MAX, .record_ns = 0};
	struct histogram total;
	int64_t begin_ns;

	start(NONE);
	begin_ns = clock_now();
	measure_start(&measure, begin_ns, NSEC_PER_SEC);
	mirror_set_begin(&set, MIRROR_RUN, 1000, begin_ns - 500 * NSEC_PER_MSEC);
	cr_assert_eq(runner_run(&runner, &set.traffic, &limits), 0);
	measure_total(&measure, &total);
	cr_assert_eq(total.count, 20);
	cr_assert_geq(histogram_quantile(&total, 0.05), 470 * NSEC_PER_MSEC);
}
