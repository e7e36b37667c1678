/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which logs are told of when there are more than can be, or some of one name. */
#include "server/metrics_logs.h"

#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

static struct estate estate;
static struct registry registry;
static struct waits nobody;
static struct metrics_logs logs;

/* In the registry, with bits enough to be counted, as an executor would have left it. */
static struct mirror_log *add(uint64_t luid, const char *uuid, uint64_t changes)
{
	static const char text[] = "160 core 8";
	struct mirror_log *log;
	struct ctr_args args;
	const char *why;

	cr_assert_eq(ctr_args_parse(text, strlen(text), &args, &why), 0);
	log = mirror_log_create(&estate, uuid, luid, text, strlen(text), &args);
	cr_assert_not_null(log);
	mirror_log_set_state(log, LOG_CREATED);
	/* All in sync: counts are the maps', and there are none. */
	log->args.region_count = 0;
	log->tally.changes = changes;
	registry_add(&registry, log);
	return log;
}

static void take(void)
{
	cr_assert_eq(metrics_logs_take(&logs, &registry, &nobody), 0);
}

static void open_registry(void)
{
	cr_assert_eq(estate_create(&estate), 0);
	cr_assert_eq(registry_create(&registry), 0);
}

static void close_registry(void)
{
	metrics_logs_free(&logs);
	registry_destroy(&registry);
	estate_close(&estate);
}

TestSuite(metrics_logs, .init = open_registry, .fini = close_registry);

Test(metrics_logs, the_worst_come_first)
{
	add(1, "calm", 1);
	add(2, "busy", 9);
	mirror_log_set_health(add(3, "broken", 0), LOG_FAILED);
	add(4, "trying", 0)->tally.backs_off = true;
	take();
	cr_assert_eq(logs.count, 4);
	cr_assert_str_eq(logs.heap[0]->uuid, "broken");
	cr_assert_str_eq(logs.heap[1]->uuid, "trying");
	cr_assert_str_eq(logs.heap[2]->uuid, "busy");
	cr_assert_str_eq(logs.heap[3]->uuid, "calm");
	cr_assert_eq(logs.conditions[LOG_HAS_FAILED], 1);
	cr_assert_eq(logs.conditions[LOG_IS_DEGRADED], 1);
	cr_assert_eq(logs.conditions[LOG_IS_WELL], 2);
}

Test(metrics_logs, of_many_those_with_most_requests_stay)
{
	char uuid[DM_UUID_LEN];

	for (unsigned i = 0; i < 2 * METRICS_LOGS_MAX; i++) {
		snprintf(uuid, sizeof(uuid), "%u", i);
		/* In no order: 1,009 is a prime number. */
		add(i + 1, uuid, i * 1009 % (2 * METRICS_LOGS_MAX));
	}
	mirror_log_set_health(add(9999, "broken", 0), LOG_FAILED);
	take();
	cr_assert_eq(logs.count, METRICS_LOGS_MAX);
	cr_assert_eq(logs.left_out, METRICS_LOGS_MAX + 1);
	cr_assert_str_eq(logs.heap[0]->uuid, "broken");
	for (unsigned i = 1; i < METRICS_LOGS_MAX; i++)
		cr_assert_eq(logs.heap[i]->changes, 2 * METRICS_LOGS_MAX - i);
	cr_assert_eq(logs.conditions[LOG_IS_WELL], 2 * METRICS_LOGS_MAX);
}

Test(metrics_logs, of_one_name_the_active_one_is_told_of)
{
	add(1, "one", 9);
	mirror_log_set_state(add(2, "one", 1), LOG_ACTIVE);
	add(3, "two", 0);
	take();
	cr_assert_eq(logs.count, 2);
	cr_assert_eq(logs.left_out, 1);
	cr_assert_str_eq(logs.heap[0]->uuid, "one");
	cr_assert_eq(logs.heap[0]->state, LOG_ACTIVE);
}
