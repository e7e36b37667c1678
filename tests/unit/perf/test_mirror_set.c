/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who asks next, and that a mirror put beside the others neither holds them up nor goes
 * unchecked. */
#include "perf/generator/connector.h"
#include "perf/generator/mirror_set.h"

#include <errno.h>
#include <string.h>
#include <criterion/criterion.h>

#define REGIONS 64u
#define OTHERS 3u
#define BESIDE OTHERS /* its index */

static struct mirror_script_config others_ask = {.writers = 1}, beside_asks = {.writers = 1};
static struct mirror_set set;

static void make(const char *workload)
{
	others_ask.workload = mirror_script_workload(workload);
	beside_asks.workload = mirror_script_workload("mark_flush");
	cr_assert_eq(mirror_set_create(&set, OTHERS + 1, REGIONS, true), 0);
	for (unsigned i = 0; i <= OTHERS; i++) {
		struct mirror_description description = {
			.luid = i + 1, .uuid = "LVM-one", .regions = REGIONS, .region_size = 8};

		mirror_init(&set.mirrors[i], i == BESIDE ? &beside_asks : &others_ask, &description,
			    mirror_set_memory(&set, i));
	}
	mirror_set_put_beside(&set);
}

static enum traffic_state next(struct wire_message *message, struct traffic_pending *pending,
			       int64_t now_ns, int64_t *due_ns)
{
	memset(message, 0, sizeof(*message));
	return set.traffic.next(&set.traffic, now_ns, message, pending, due_ns);
}

static struct traffic_pending take(struct wire_message *message)
{
	struct traffic_pending pending;
	int64_t due_ns;

	cr_assert_eq(next(message, &pending, 0, &due_ns), TRAFFIC_REQUEST);
	cr_assert_eq(message->request.luid, pending.mirror + 1);
	return pending;
}

static bool answer(struct wire_message *message, const struct traffic_pending *pending, int error)
{
	uint64_t in_sync = 1;
	char fault[256];

	connector_frame(message, 0);
	memcpy(message->payload, &in_sync, sizeof(in_sync));
	wire_reply(message, error, pending->expected.type == DM_ULOG_IN_SYNC ? sizeof(in_sync) : 0);
	return set.traffic.answered(&set.traffic, pending, message, wire_length(message), fault,
				    sizeof(fault));
}

static void end(void)
{
	mirror_set_destroy(&set);
}

TestSuite(mirror_set, .fini = end);

Test(mirror_set, the_others_go_on_while_the_one_beside_waits)
{
	struct wire_message message, first;
	struct traffic_pending beside;

	make("in_sync");
	mirror_set_begin(&set, MIRROR_RUN, 0, 0);
	beside = take(&first);
	cr_assert_eq(beside.mirror, BESIDE);
	cr_assert_eq(beside.expected.type, DM_ULOG_MARK_REGION);
	for (unsigned i = 0; i < 10 * OTHERS; i++) {
		struct traffic_pending pending = take(&message);

		cr_assert_eq(pending.mirror, i % OTHERS);
		cr_assert(answer(&message, &pending, 0));
	}
	cr_assert(answer(&first, &beside, 0));
	beside = take(&message);
	cr_assert_eq(beside.mirror, BESIDE);
	cr_assert_eq(beside.expected.type, DM_ULOG_FLUSH);
	cr_assert_eq(beside.expected.look, MIRROR_LOOK_MARKS);
	cr_assert_eq(set.mirrors[BESIDE].nregions, 1);
}

Test(mirror_set, chains_wait_for_their_own_answers_alone)
{
	struct wire_message message;
	struct traffic_pending beside, pending;
	int64_t due_ns;

	make("kernel");
	mirror_set_begin(&set, MIRROR_RUN, 0, 0);
	beside = take(&message);
	for (unsigned i = 0; i < OTHERS; i++)
		cr_assert_eq(take(&message).mirror, i);
	cr_assert_eq(next(&message, &pending, 0, &due_ns), TRAFFIC_LATER);
	cr_assert_eq(due_ns, INT64_MAX);
	cr_assert(answer(&message, &beside, 0));
	cr_assert_eq(take(&message).mirror, BESIDE);
	cr_assert_eq(next(&message, &pending, 0, &due_ns), TRAFFIC_LATER);
}

Test(mirror_set, a_wrong_answer_to_the_one_beside_is_caught)
{
	struct wire_message message;
	struct traffic_pending beside;

	make("in_sync");
	mirror_set_begin(&set, MIRROR_RUN, 0, 0);
	beside = take(&message);
	cr_assert_not(answer(&message, &beside, -EIO));
}

Test(mirror_set, the_one_beside_has_no_share_of_the_rate)
{
	struct wire_message message;
	struct traffic_pending pending;
	int64_t due_ns;

	make("in_sync");
	mirror_set_begin(&set, MIRROR_RUN, 1000, 0);
	cr_assert_eq(take(&message).mirror, BESIDE);
	cr_assert_eq(take(&message).mirror, 0);
	cr_assert_eq(next(&message, &pending, 0, &due_ns), TRAFFIC_LATER);
	cr_assert_eq(due_ns, 1000000);
	cr_assert_eq(mirror_set_unsent(&set, 5000000), 4);
}

Test(mirror_set, all_are_activated_alike)
{
	struct wire_message message;

	make("in_sync");
	mirror_set_begin(&set, MIRROR_ACTIVATE, 0, 0);
	for (unsigned i = 0; i <= OTHERS; i++) {
		struct traffic_pending pending = take(&message);

		cr_assert_eq(pending.mirror, i);
		cr_assert_eq(pending.expected.type, DM_ULOG_CTR);
	}
}
