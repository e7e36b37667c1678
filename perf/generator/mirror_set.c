/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chains wait for their answers: a ring holds the mirrors that have no request on their way, and
 * one that is answered goes to its end. Mirrors that are no chains take turns by number. At a rate,
 * the time at which request n is due depends on n alone, so a late one does not shift those behind
 * it.
 */
#include "perf/generator/mirror_set.h"

#include "perf/generator/device_look.h"
#include "server/base/container_of.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct mirror_set *set_of(struct traffic *traffic)
{
	return container_of(traffic, struct mirror_set, traffic);
}

static void push_ready(struct mirror_set *set, uint32_t index)
{
	unsigned at = set->ready_first + set->ready_count++;

	set->ready[at < set->count ? at : at - set->count] = index;
}

static uint32_t pop_ready(struct mirror_set *set)
{
	uint32_t index = set->ready[set->ready_first++];

	set->ready_count--;
	if (set->ready_first == set->count)
		set->ready_first = 0;
	return index;
}

/* A mirror whose phase is over is not ready again. */
static bool next_of_chains(struct mirror_set *set, struct wire_message *message,
			   struct traffic_pending *pending)
{
	while (set->ready_count > 0) {
		pending->mirror = pop_ready(set);
		if (mirror_next(&set->mirrors[pending->mirror], message, &pending->expected))
			return true;
	}
	return false;
}

static bool is_beside(const struct mirror_set *set, uint32_t index)
{
	return set->beside_runs && index == set->count - 1;
}

static bool next_request(struct mirror_set *set, struct wire_message *message,
			 struct traffic_pending *pending)
{
	if (mirror_is_chain(set->mirrors))
		return next_of_chains(set, message, pending);
	pending->mirror = set->turn++;
	if (set->turn == set->count - set->beside_runs)
		set->turn = 0;
	return mirror_next(&set->mirrors[pending->mirror], message, &pending->expected);
}

static int64_t pace_due(const struct mirror_set *set)
{
	return set->pace_start_ns + (int64_t)((double)set->paced * set->interval_ns);
}

static enum traffic_state next_in_turn(struct mirror_set *set, struct wire_message *message,
				       struct traffic_pending *pending, int64_t *due_ns)
{
	if (set->interval_ns > 0) {
		int64_t now_ns = pending->start_ns;

		pending->start_ns = pace_due(set);
		if (pending->start_ns > now_ns) {
			*due_ns = pending->start_ns;
			return TRAFFIC_LATER;
		}
	}
	if (!next_request(set, message, pending))
		return TRAFFIC_LATER;
	set->paced++;
	return TRAFFIC_REQUEST;
}

/* One request at a time, so that its device can be looked at whenever it has answered a FLUSH. */
static enum traffic_state next_beside(struct mirror_set *set, struct wire_message *message,
				      struct traffic_pending *pending)
{
	set->beside_waits = true;
	pending->mirror = set->count - 1;
	mirror_next(&set->mirrors[pending->mirror], message, &pending->expected);
	if (pending->expected.type == DM_ULOG_FLUSH)
		pending->expected.look = MIRROR_LOOK_MARKS;
	return TRAFFIC_REQUEST;
}

static enum traffic_state set_next(struct traffic *traffic, int64_t now_ns,
				   struct wire_message *message, struct traffic_pending *pending,
				   int64_t *due_ns)
{
	struct mirror_set *set = set_of(traffic);
	enum traffic_state state;
	const struct mirror *mirror;

	*due_ns = INT64_MAX;
	pending->start_ns = now_ns;
	if (set->beside_runs && !set->beside_waits)
		state = next_beside(set, message, pending);
	else
		state = next_in_turn(set, message, pending, due_ns);
	if (state != TRAFFIC_REQUEST)
		return state;
	mirror = &set->mirrors[pending->mirror];
	message->request.luid = mirror->luid;
	memcpy(message->request.uuid, mirror->uuid, sizeof(mirror->uuid));
	return TRAFFIC_REQUEST;
}

/* Nothing of a chain is on its way when its answer is looked at, so the device can be compared with the model. */
static bool look_at_device(const struct mirror *mirror, const struct mirror_expected *expected,
			   char *fault, size_t fault_bytes)
{
	if (!mirror->look_path || expected->look == MIRROR_LOOK_NOT)
		return true;
	if (expected->look == MIRROR_LOOK_MARKS)
		return device_look_at_marks(mirror->look_path, mirror->regions, mirror->nregions,
					    fault, fault_bytes);
	return device_look_at_all(mirror->look_path, &mirror->model,
				  expected->look == MIRROR_LOOK_EXACT, fault, fault_bytes);
}

static bool set_answered(struct traffic *traffic, const struct traffic_pending *pending,
			 const struct wire_message *reply, size_t length, char *fault,
			 size_t fault_bytes)
{
	struct mirror_set *set = set_of(traffic);
	struct mirror *mirror = &set->mirrors[pending->mirror];
	bool right = true;

	if (set->check)
		right = mirror_check(mirror, &pending->expected, reply, length, fault,
				     fault_bytes) &&
			look_at_device(mirror, &pending->expected, fault, fault_bytes);
	else
		mirror_pass(mirror, &pending->expected);
	if (is_beside(set, pending->mirror))
		set->beside_waits = false;
	else if (mirror_is_chain(mirror))
		push_ready(set, pending->mirror);
	return right;
}

static const char *set_name(const struct traffic *traffic, const struct traffic_pending *pending)
{
	return container_of(traffic, const struct mirror_set, traffic)
		->mirrors[pending->mirror]
		.uuid;
}

int mirror_set_create(struct mirror_set *set, unsigned count, uint64_t regions, bool check)
{
	memset(set, 0, sizeof(*set));
	set->traffic = (struct traffic){set_next, set_answered, set_name};
	set->count = count;
	set->check = check;
	set->memory_bytes = count * log_model_bytes(regions);
	set->memory = mmap(NULL, set->memory_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	set->mirrors = calloc(count, sizeof(*set->mirrors));
	set->ready = calloc(count, sizeof(*set->ready));
	if (set->memory == MAP_FAILED)
		set->memory = NULL;
	if (set->memory && set->mirrors && set->ready)
		return 0;
	mirror_set_destroy(set);
	return -ENOMEM;
}

void mirror_set_destroy(struct mirror_set *set)
{
	if (set->memory)
		munmap(set->memory, set->memory_bytes);
	free(set->mirrors);
	free(set->ready);
	memset(set, 0, sizeof(*set));
}

void *mirror_set_memory(const struct mirror_set *set, unsigned index)
{
	return (uint8_t *)set->memory + index * (set->memory_bytes / set->count);
}

void mirror_set_put_beside(struct mirror_set *set)
{
	set->has_beside = true;
}

void mirror_set_begin(struct mirror_set *set, enum mirror_script_phase phase, double rate,
		      int64_t now_ns)
{
	set->ready_first = set->ready_count = 0;
	set->turn = 0;
	set->beside_runs = set->has_beside && phase == MIRROR_RUN;
	set->beside_waits = false;
	set->interval_ns = rate > 0 ? 1e9 / rate : 0;
	for (unsigned i = 0; i < set->count; i++) {
		mirror_begin(&set->mirrors[i], phase);
		if (!is_beside(set, i))
			push_ready(set, i);
	}
	mirror_set_continue(set, now_ns);
}

void mirror_set_continue(struct mirror_set *set, int64_t now_ns)
{
	set->pace_start_ns = now_ns;
	set->paced = 0;
}

uint64_t mirror_set_unsent(const struct mirror_set *set, int64_t end_ns)
{
	double due;

	if (set->interval_ns <= 0)
		return 0;
	due = (double)(end_ns - set->pace_start_ns) / set->interval_ns;
	return due > (double)set->paced ? (uint64_t)(due - (double)set->paced) : 0;
}

uint64_t mirror_set_marks(const struct mirror_set *set)
{
	uint64_t marks = 0;

	for (unsigned i = 0; i < set->count; i++)
		marks += set->mirrors[i].marks;
	return marks;
}
