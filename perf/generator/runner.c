/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loop of three steps: look around now and then (is the server alive, is an answer lost), send
 * what may be sent, wait for answers. How long it waits depends on when the next request is due; it
 * wakes 60 us too early and spins, since a sleep would be longer than that.
 */
#include "perf/generator/runner.h"

#include "server/base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS_SAID 10u
#define TICK_NS (5 * NSEC_PER_MSEC)
#define SPIN_NS (60 * NSEC_PER_USEC) /* a sleep would be longer than this */

int runner_create(struct runner *runner, unsigned depth)
{
	runner->nslots = 64;
	while (runner->nslots < depth)
		runner->nslots *= 2;
	runner->slots = calloc(runner->nslots, sizeof(*runner->slots));
	runner->free_slots = calloc(runner->nslots, sizeof(*runner->free_slots));
	if (!runner->slots || !runner->free_slots) {
		runner_destroy(runner);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < runner->nslots; i++)
		runner->free_slots[runner->nfree++] = runner->nslots - 1 - i;
	return 0;
}

void runner_destroy(struct runner *runner)
{
	free(runner->slots);
	free(runner->free_slots);
	runner->slots = NULL;
	runner->free_slots = NULL;
}

/* --- faults --- */

__attribute__((format(printf, 2, 3))) static void say_fault(struct runner *runner,
							    const char *format, ...)
{
	va_list args;

	runner->faults_said++;
	if (runner->faults_said > FAULTS_SAID)
		return;
	va_start(args, format);
	fprintf(stderr, "dirtylog-load: %s: ", runner->server);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, runner->faults_said < FAULTS_SAID ? "\n" : " (further ones are counted)\n");
}

static const char *type_name(const struct traffic_pending *pending)
{
	return wire_opcodes[pending->expected.type].name;
}

/* --- sending --- */

/* The bits of seq above the place count the uses of it. */
static uint32_t take_slot(struct runner *runner, const struct traffic_pending *pending,
			  const struct dm_ulog_request *request, int64_t now_ns)
{
	uint32_t index = runner->free_slots[--runner->nfree];
	struct runner_slot *slot = &runner->slots[index];

	slot->pending = *pending;
	slot->sent_ns = now_ns;
	slot->luid = request->luid;
	memcpy(slot->uuid, request->uuid, sizeof(slot->uuid));
	slot->use++;
	runner->in_flight++;
	return slot->use / 2 * runner->nslots + index;
}

struct progress {
	const struct runner_limits *limits;
	struct traffic *traffic;
	uint64_t issued;
	int64_t due_ns; /* of the next request; INT64_MAX: after an answer */
	bool ended;
};

static bool may_send(const struct runner *runner, const struct progress *progress)
{
	const struct runner_limits *limits = progress->limits;
	unsigned depth = limits->burst ? limits->burst : limits->depth;

	return !progress->ended && runner->in_flight < depth && progress->issued < limits->count;
}

static int send_due(struct runner *runner, struct progress *progress, int64_t now_ns)
{
	struct traffic *traffic = progress->traffic;
	struct traffic_pending pending;

	progress->due_ns = INT64_MAX;
	while (may_send(runner, progress)) {
		struct wire_message *message = client_message(runner->client);
		enum traffic_state state =
			traffic->next(traffic, now_ns, message, &pending, &progress->due_ns);
		int r;

		if (state == TRAFFIC_END)
			progress->ended = true;
		if (state != TRAFFIC_REQUEST)
			break;
		progress->issued++;
		runner->measure->requests++;
		r = client_queue(runner->client,
				 take_slot(runner, &pending, &message->request, now_ns));
		if (r < 0)
			return r;
		if (runner->client->queued == 0)
			now_ns = clock_now();
	}
	return client_send(runner->client);
}

/* --- answers --- */

static struct runner_slot *slot_of(struct runner *runner, uint32_t seq)
{
	struct runner_slot *slot = &runner->slots[seq & (runner->nslots - 1)];
	uint32_t mask = UINT32_MAX / runner->nslots;

	return slot->use % 2 && (slot->use / 2 & mask) == seq / runner->nslots ? slot : NULL;
}

static void release(struct runner *runner, struct runner_slot *slot)
{
	slot->use++;
	runner->free_slots[runner->nfree++] = (uint32_t)(slot - runner->slots);
	runner->in_flight--;
}

/* What an answer repeats of its request. A frame that is wrong is told of by the traffic. */
static const char *identity_fault(const struct runner_slot *slot, const struct wire_message *reply,
				  size_t length)
{
	const struct dm_ulog_request *request = &reply->request;

	if (length < WIRE_DATAGRAM_MIN)
		return NULL;
	if (wire_type(reply) != slot->pending.expected.type)
		return "it is one to another type";
	if (request->luid != slot->luid)
		return "it has another log's luid";
	if (strncmp(request->uuid, slot->uuid, sizeof(slot->uuid)) != 0)
		return "it has another log's uuid";
	return NULL;
}

static void say_wrong(struct runner *runner, const struct traffic *traffic,
		      const struct traffic_pending *pending, const char *fault)
{
	runner->measure->wrong++;
	say_fault(runner, "wrong answer to %s of %s: %s", type_name(pending),
		  traffic->name(traffic, pending), fault);
}

static void take_answer(struct runner *runner, struct progress *progress, unsigned index,
			int64_t now_ns)
{
	const struct wire_message *reply = &runner->client->in[index];
	size_t length = client_length(runner->client, index);
	/* A bare acknowledgement has no request in it. */
	uint32_t seq = length >= WIRE_DATAGRAM_MIN ? reply->request.seq : reply->cn.seq;
	struct runner_slot *slot = slot_of(runner, seq);
	struct traffic *traffic = progress->traffic;
	struct traffic_pending pending;
	const char *identity;
	char fault[256];

	if (!slot) {
		runner->measure->doubled++;
		say_fault(runner, "an answer to %s with seq %u that nobody waits for",
			  wire_opcodes[wire_type(reply) % WIRE_TYPES].name, seq);
		return;
	}
	pending = slot->pending;
	identity = identity_fault(slot, reply, length);
	release(runner, slot);
	if (!traffic->answered(traffic, &pending, reply, length, fault, sizeof(fault)))
		say_wrong(runner, traffic, &pending, fault);
	else if (identity)
		say_wrong(runner, traffic, &pending, identity);
	if (pending.start_ns >= progress->limits->record_ns)
		measure_answer(runner->measure, pending.expected.type, pending.start_ns, now_ns);
}

/* How long to wait for an answer: until the next request is due, if one is to be sent. */
static int64_t patience(const struct runner *runner, const struct progress *progress,
			int64_t now_ns)
{
	int64_t ns = runner->tick ? TICK_NS : NSEC_PER_SEC;

	if (may_send(runner, progress) && progress->due_ns - now_ns < ns)
		ns = progress->due_ns - now_ns;
	return ns > SPIN_NS ? ns - SPIN_NS : 0;
}

static int receive_answers(struct runner *runner, struct progress *progress, int64_t now_ns)
{
	int n = client_receive(runner->client, patience(runner, progress, now_ns));
	int r;

	now_ns = clock_now();
	r = n >= 0 && runner->tick ? runner->tick(runner->context, now_ns, n) : 0;
	if (n <= 0 || r < 0)
		return n < 0 ? n : r;
	for (int i = 0; i < n; i++)
		take_answer(runner, progress, (unsigned)i, now_ns);
	return n;
}

/* --- the run --- */

static int check_lost(struct runner *runner, const struct traffic *traffic, int64_t now_ns)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < runner->nslots; i++) {
		struct runner_slot *slot = &runner->slots[i];

		if (slot->use % 2 == 0 || now_ns - slot->sent_ns < runner->lost_after_ns)
			continue;
		lost++;
		say_fault(runner, "no answer to %s of %s for %.1f s", type_name(&slot->pending),
			  traffic->name(traffic, &slot->pending),
			  (double)(now_ns - slot->sent_ns) / NSEC_PER_SEC);
	}
	runner->measure->lost += lost;
	return lost ? -ETIMEDOUT : 0;
}

/* What is not worth looking at for every answer. */
static int look_around(struct runner *runner, const struct progress *progress, int64_t now_ns)
{
	if (now_ns - runner->checked_ns < 100 * NSEC_PER_MSEC)
		return 0;
	runner->checked_ns = now_ns;
	if (runner->alive && !runner->alive(runner->context))
		return -EPIPE;
	if (runner->progress && now_ns >= runner->progress_ns) {
		runner->progress_ns = now_ns + NSEC_PER_SEC;
		runner->progress(runner->context, now_ns);
	}
	return check_lost(runner, progress->traffic, now_ns);
}

static bool run_is_over(const struct progress *progress, int64_t now_ns)
{
	const struct runner_limits *limits = progress->limits;

	return now_ns >= limits->end_ns || progress->issued >= limits->count ||
	       (limits->interrupted && *limits->interrupted);
}

static int run_step(struct runner *runner, struct progress *progress, int64_t now_ns)
{
	int r = look_around(runner, progress, now_ns);

	if (r < 0)
		return r;
	if (run_is_over(progress, now_ns))
		progress->ended = true;
	if (!progress->limits->burst || runner->in_flight == 0)
		r = send_due(runner, progress, now_ns);
	if (r < 0)
		return r;
	/* Nothing on its way, none due: the traffic's phase is over. */
	if (runner->in_flight == 0 && progress->due_ns == INT64_MAX)
		progress->ended = true;
	if (runner->in_flight == 0 && progress->ended)
		return 0;
	return receive_answers(runner, progress, now_ns);
}

int runner_run(struct runner *runner, struct traffic *traffic, const struct runner_limits *limits)
{
	struct progress progress = {.limits = limits, .traffic = traffic};
	int64_t start_ns = clock_now();
	int64_t now_ns = start_ns;
	int r = 0;

	while (r >= 0 && !(progress.ended && runner->in_flight == 0)) {
		r = run_step(runner, &progress, now_ns);
		now_ns = clock_now();
	}
	if (limits->record_ns != INT64_MAX && now_ns > limits->record_ns)
		runner->measure->active_ns +=
			now_ns - (start_ns > limits->record_ns ? start_ns : limits->record_ns);
	if (r < 0)
		runner->failed = true;
	return r < 0 ? r : 0;
}

void runner_listen(struct runner *runner, int64_t ns)
{
	static const struct runner_limits limits = {.record_ns = INT64_MAX};
	struct progress progress = {.limits = &limits, .ended = true};
	int64_t end_ns = clock_now() + ns;
	int64_t now_ns;

	while ((now_ns = clock_now()) < end_ns && runner->in_flight == 0) {
		int n = client_receive(runner->client, end_ns - now_ns);

		for (int i = 0; i < n; i++)
			take_answer(runner, &progress, (unsigned)i, now_ns);
	}
}
