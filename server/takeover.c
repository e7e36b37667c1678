/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking over, in this order:
 *
 * takeover_slots, before anything can take a slot: replies that the kernel has noted as sent are done;
 * datagrams that it has noted as received become requests. Then the dead are judged: who crashed, and at
 * which request and which log; each crash counts against those.
 *
 * takeover_logs: each record becomes a log again, the blocks that were on their way are changed again, and
 * its worker opens the device (MAIL_TAKE_OVER) before it does anything else for it. A log whose CTR had
 * not been carried out is dropped, since its CTR is still in hand.
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

/* The receiver may have passed it on to a worker: then it stands at both executors. If it is known whose
 * thread crashed, the others are not to blame. */
static bool was_executing(const struct estate *estate, const struct slot *slot, bool known)
{
	for (unsigned i = 0; i < ESTATE_EXECUTORS; i++) {
		const struct estate_executor *executor = &estate->fixed->executors[i];

		if (atomic_load(&executor->executing) == slot_arrival(slot) &&
		    (!known || atomic_load(&executor->crashed)))
			return true;
	}
	return false;
}

static bool crash_is_known(const struct estate *estate)
{
	for (unsigned i = 0; i < ESTATE_EXECUTORS; i++)
		if (atomic_load(&estate->fixed->executors[i].crashed))
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
	for (unsigned i = 0; i < ESTATE_EXECUTORS; i++) {
		const struct estate_executor *executor = &estate->fixed->executors[i];

		if (!known || atomic_load(&executor->crashed))
			estate_blame(estate, atomic_load(&executor->taking_over));
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
	for (unsigned i = 0; i < ESTATE_EXECUTORS; i++) {
		atomic_store(&estate->fixed->executors[i].executing, 0);
		atomic_store(&estate->fixed->executors[i].taking_over, 0);
		atomic_store(&estate->fixed->executors[i].crashed, 0);
	}
}

void takeover_slots(struct estate *estate)
{
	struct slots slots = {.all = estate->fixed->slots, .count = ESTATE_SLOTS};

	for (unsigned i = 0; i < ESTATE_EXECUTORS; i++)
		dispatch_settle(&estate->fixed->executors[i].dispatch, &slots);
	count_arrived(estate);
	count_deaths(estate);
}

/* --- logs --- */

/* Writes that were on their way may never have arrived. */
static void take_flights(struct estate *estate, struct mirror_log **logs)
{
	for (unsigned i = 0; i < ESTATE_EXECUTORS * ESTATE_FLIGHTS; i++) {
		struct flight *flight =
			&estate->fixed->executors[i / ESTATE_FLIGHTS].flights[i % ESTATE_FLIGHTS];
		struct mirror_log *log = NULL;

		if (flight->log > 0 && flight->log <= ESTATE_LOGS_MAX)
			log = logs[flight->log - 1];
		if (log && log->args.disk && flight->first < log->dirty.changed.nbits &&
		    flight->count <= log->dirty.changed.nbits - flight->first)
			dirty_log_restore_changed(&log->dirty, flight->first, flight->count);
		flight->log = 0;
	}
}

/* Its CTR had not been carried out, and is in hand still. */
static bool half_made(const struct mirror_log *log)
{
	return log->life.former_state == LOG_CREATED && log->life.reconnects > 0 &&
	       !log->life.ever_resumed;
}

static struct mirror_log *open_record(struct estate *estate, struct log_record *record,
				      const char **why)
{
	struct mirror_log *log;

	estate_works(&estate->fixed->executors[ESTATE_RECEIVER]);
	*why = "it has ended too many servers";
	if (atomic_load(&record->deaths) >= DEATHS_MAX)
		return NULL;
	atomic_store(&estate->fixed->taking_over, record->number + 1);
	kill_point("take-over");
	log = mirror_log_take_over(estate, record, why);
	atomic_store(&estate->fixed->taking_over, 0);
	return log;
}

static struct mirror_log *take_log(struct estate *estate, struct log_record *record)
{
	const char *why;
	struct mirror_log *log = open_record(estate, record, &why);

	if (!log) {
		diag_error("log %s is not taken over: %s; the kernel has to make it again",
			   record->uuid, why);
		estate_free(estate, record);
		return NULL;
	}
	if (!half_made(log))
		return log;
	estate_drop(record);
	mirror_log_put(log);
	return NULL;
}

static void enter_log(struct registry *registry, struct worker *workers, unsigned nworkers,
		      struct mirror_log *log)
{
	log->run_queue = &worker_for(workers, nworkers, log->uuid)->queue;
	registry_add(registry, log);
	log->registry.take_over_mail.kind = MAIL_TAKE_OVER;
	mirror_log_post(log, &log->registry.take_over_mail);
}

int takeover_logs(struct estate *estate, struct registry *registry, struct worker *workers,
		  unsigned nworkers)
{
	struct mirror_log **logs = calloc(ESTATE_LOGS_MAX, sizeof(struct mirror_log *));
	int count = 0;
	unsigned damaged = 0;
	struct log_record *record;
	uint32_t at = 0;

	if (!logs)
		return -ENOMEM;
	while ((record = estate_next(estate, &at, &damaged))) {
		uint64_t number = record->number; /* take_log may unmap it */

		CHECK(number < ESTATE_LOGS_MAX && !logs[number]);
		logs[number] = take_log(estate, record);
	}
	estate_waits(&estate->fixed->executors[ESTATE_RECEIVER]);
	if (damaged)
		diag_error(
			"%u logs are not taken over, their records are damaged: the kernel has to "
			"make them again",
			damaged);
	take_flights(estate, logs);
	for (uint32_t i = 0; i < ESTATE_LOGS_MAX; i++) {
		if (!logs[i])
			continue;
		enter_log(registry, workers, nworkers, logs[i]);
		count++;
	}
	free(logs);
	return count;
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
