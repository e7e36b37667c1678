/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking over, in this order:
 *
 * takeover_slots, before anything can take a slot: replies that the kernel has noted as sent are done;
 * datagrams that it has noted as received become requests. Then the dead are judged: who crashed, and at
 * which request and which log; each crash counts against those.
 *
 * Logs are taken up when they are asked for: backlog.h.
 *
 * takeover_requests: those in hand, in the order of their arrival: answered ones are sent, the others
 * executed again, as if they had just come; those that were at hand in too many crashes are refused.
 */
#include "server/takeover.h"

#include "server/base/check.h"
#include "server/base/diag.h"
#include "server/base/kill_point.h"

#include <errno.h>
#include <stdlib.h>

/* Slots that take_in had not come to. */
static void count_arrived(struct estate *estate)
{
	struct intake *intake = &estate->fixed->intake;
	struct slots slots = {.all = estate->fixed->slots, .arrivals = &estate->fixed->arrivals};

	for (unsigned i = 0; i < SLOT_BATCH; i++) {
		size_t length = intake_length(intake, i);
		uint32_t number = intake->numbers[i];

		if (length == 0 || number >= ESTATE_SLOTS)
			continue;
		if (slot_phase(&slots.all[number]) == SLOT_FREE)
			slot_arrived(&slots, &slots.all[number], length);
		intake_taken(intake, i);
	}
}

#define DUTIES (ESTATE_EXECUTORS + ESTATE_JOBS)

static struct estate_duty *duty_at(const struct estate *estate, unsigned i)
{
	struct estate_fixed *fixed = estate->fixed;

	return i < ESTATE_EXECUTORS ? &fixed->executors[i].duty
				    : &fixed->jobs[i - ESTATE_EXECUTORS];
}

static void forget_duty(struct estate_duty *duty)
{
	atomic_store(&duty->executing, 0);
	atomic_store(&duty->taking_over, 0);
	atomic_store(&duty->crashed, 0);
	atomic_store(&duty->taken, 0);
}

/* The receiver may have passed it on to a worker: then it stands at both executors. If it is known whose
 * thread crashed, the others are not to blame. */
static bool was_executing(const struct estate *estate, const struct slot *slot, bool known)
{
	for (unsigned i = 0; i < DUTIES; i++) {
		const struct estate_duty *duty = duty_at(estate, i);

		if (atomic_load(&duty->executing) == slot_arrival(slot) &&
		    (!known || atomic_load(&duty->crashed)))
			return true;
	}
	return false;
}

static bool crash_is_known(const struct estate *estate)
{
	for (unsigned i = 0; i < DUTIES; i++)
		if (atomic_load(&duty_at(estate, i)->crashed))
			return true;
	return false;
}

static void blame_slots(struct estate *estate)
{
	bool known = crash_is_known(estate);

	for (unsigned i = 0; i < ESTATE_SLOTS; i++) {
		struct slot *slot = &estate->fixed->slots[i];

		if (slot_phase(slot) == SLOT_ASKED && was_executing(estate, slot, known))
			slot->deaths++;
	}
}

static void blame_logs(struct estate *estate)
{
	bool known = crash_is_known(estate);

	estate_blame(estate, atomic_load(&estate->fixed->taking_over));
	for (unsigned i = 0; i < DUTIES; i++) {
		const struct estate_duty *duty = duty_at(estate, i);

		if (!known || atomic_load(&duty->crashed))
			estate_blame(estate, atomic_load(&duty->taking_over));
	}
}

static void count_deaths(struct estate *estate)
{
	if (atomic_load(&estate->fixed->crashed)) {
		blame_slots(estate);
		blame_logs(estate);
	}
	atomic_store(&estate->fixed->crashed, 0);
	atomic_store(&estate->fixed->taking_over, 0);
	for (unsigned i = 0; i < ESTATE_STANDINGS; i++)
		atomic_store(&estate->fixed->standings[i], 0);
	for (unsigned i = 0; i < DUTIES; i++)
		forget_duty(duty_at(estate, i));
}

void takeover_slots(struct estate *estate)
{
	struct slots slots = {.all = estate->fixed->slots, .count = ESTATE_SLOTS};

	for (unsigned i = 0; i < ESTATE_EXECUTORS; i++)
		dispatch_settle(&estate->fixed->executors[i].dispatch, &slots);
	count_arrived(estate);
	count_deaths(estate);
}

/* --- requests --- */

static int by_arrival(const void *left, const void *right)
{
	uint64_t a = slot_arrival(*(struct slot *const *)left);
	uint64_t b = slot_arrival(*(struct slot *const *)right);

	return a < b ? -1 : a > b;
}

int takeover_requests(struct receiver *receiver)
{
	struct slots *slots = receiver->slots;
	struct slot **in_hand = malloc(slots->count * sizeof(struct slot *));
	int count = 0;

	if (!in_hand)
		return -ENOMEM;
	for (unsigned i = 0; i < slots->count; i++)
		if (slot_phase(&slots->all[i]) != SLOT_FREE)
			in_hand[count++] = &slots->all[i];
	qsort(in_hand, (size_t)count, sizeof(struct slot *), by_arrival);
	for (int i = 0; i < count; i++)
		receiver_take_over(receiver, in_hand[i]);
	free(in_hand);
	return count;
}
