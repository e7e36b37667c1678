/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who waits for which log. */
#include "server/netlink/slot.h"

#include <criterion/criterion.h>

static struct slot all[2];
static struct slots slots;
static _Atomic uint64_t arrivals;
static int64_t since_ns;

static void set_up(void)
{
	slots_open(&slots, all, 2, &arrivals);
	slot_arrived(&slots, &all[0], 100);
}

TestSuite(slot, .init = set_up);

Test(slot, a_request_that_is_being_answered_does_not_wait)
{
	cr_assert_eq(slot_waits_for(&all[0], &since_ns), 0);
}

Test(slot, a_request_waits_for_its_log_since_it_came)
{
	slot_waits(&all[0], 17);
	cr_assert_eq(slot_waits_for(&all[0], &since_ns), 17);
	cr_assert_eq(since_ns, all[0].came_ns);
	cr_assert_eq(slot_waits_for(&all[1], &since_ns), 0);
}

Test(slot, what_was_answered_does_not_wait)
{
	slot_waits(&all[0], 17);
	slot_set_phase(&all[0], SLOT_ANSWERED);
	cr_assert_eq(slot_waits_for(&all[0], &since_ns), 0);
}

static void note_sent(struct dispatch *dispatch, uint64_t arrival)
{
	dispatch->headers[0].msg_len = 100;
	dispatch->numbers[0] = 0;
	dispatch->arrivals[0] = arrival;
}

Test(slot, a_successor_frees_what_was_sent)
{
	static struct dispatch dispatch;

	slot_set_phase(&all[0], SLOT_ANSWERED);
	note_sent(&dispatch, slot_arrival(&all[0]));
	dispatch_settle(&dispatch, &slots);
	cr_assert_eq(slot_phase(&all[0]), SLOT_FREE);
}

/* The slot is in use again since. */
Test(slot, a_successor_sends_an_answer_though_another_was_sent_from_its_slot)
{
	static struct dispatch dispatch;

	slot_set_phase(&all[0], SLOT_ANSWERED);
	note_sent(&dispatch, slot_arrival(&all[0]) - 1);
	dispatch_settle(&dispatch, &slots);
	cr_assert_eq(slot_phase(&all[0]), SLOT_ANSWERED);
}

Test(slot, who_has_waited_for_as_long_as_the_kernel_does_is_forgotten)
{
	struct slot_list list = {0};
	int64_t came_ns = all[0].came_ns;

	slot_list_add(&list, &all[0]);
	slot_list_forget(&list, &slots, came_ns + 15 * NSEC_PER_SEC);
	cr_assert_eq(list.first, &all[0]);
	slot_list_forget(&list, &slots, came_ns + 16 * NSEC_PER_SEC);
	cr_assert_null(list.first);
	cr_assert_eq(slot_phase(&all[0]), SLOT_FREE);
}

Test(slot, the_next_request_in_the_slot_does_not_wait_for_what_the_last_one_did)
{
	slot_waits(&all[0], 17);
	slots_give(&slots, &all[0]);
	slot_arrived(&slots, &all[0], 100);
	cr_assert_eq(slot_waits_for(&all[0], &since_ns), 0);
	slot_waits(&all[0], 18);
	cr_assert_eq(slot_waits_for(&all[0], &since_ns), 18);
}
