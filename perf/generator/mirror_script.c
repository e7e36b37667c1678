/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request is chosen by phase and workload, and the model moves on as it is built: what is
 * expected of the answer is then known, whatever is on its way beside it. A chain is a small
 * machine (enum step) that builds the next request of a fixed order, and waits for each answer.
 * Where the server may choose (which region to recover), the answer is checked against the model
 * and the model follows it.
 */
#include "perf/generator/mirror_script.h"

#include "perf/generator/connector.h"
#include "perf/generator/dice.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STATUS_EVERY 1024u /* operations between polls of the status (kernel) */
#define REMOTE_EVERY 256u /* and between questions for a remote recovery, while not in sync */
#define LOOK_EVERY 256u /* writes between two whose marks are asked for (kernel) */
#define VERIFIED_REGIONS 16u

static const struct mirror_script_workload workloads[] = {
	{"kernel", MIRROR_SCRIPT_KERNEL, 0, true, false},
	{"in_sync", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_IN_SYNC, false, false},
	{"is_clean", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_IS_CLEAN, false, false},
	{"mark", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_MARK_REGION, false, false},
	{"clear", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_CLEAR_REGION, false, false},
	{"flush", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_FLUSH, false, false},
	{"mark_flush", MIRROR_SCRIPT_MARK_FLUSH, 0, false, false},
	{"get_resync_work", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_GET_RESYNC_WORK, false, true},
	{"set_region_sync", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_SET_REGION_SYNC, false, true},
	{"get_sync_count", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_GET_SYNC_COUNT, false, false},
	{"get_region_size", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_GET_REGION_SIZE, false, false},
	{"status_info", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_STATUS_INFO, false, false},
	{"status_table", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_STATUS_TABLE, false, false},
	{"is_remote_recovering", MIRROR_SCRIPT_ONE_TYPE, DM_ULOG_IS_REMOTE_RECOVERING, false, true},
	{"resync", MIRROR_SCRIPT_RESYNC, 0, true, true},
	{"ctr", MIRROR_SCRIPT_CTR, 0, true, false},
};

/* Where a chain stands: the request to be built next. */
enum step {
	STEP_CHOOSE,
	STEP_ASK,
	STEP_MARK,
	STEP_FLUSH_MARKS,
	STEP_LOOK,
	STEP_CLEAR,
	STEP_FLUSH_CLEARS,
	STEP_WORK,
	STEP_RECOVERED,
	STEP_COUNT,
};

const struct mirror_script_workload *mirror_script_workload(const char *name)
{
	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
		if (strcmp(workloads[i].name, name) == 0)
			return &workloads[i];
	return NULL;
}

/* --- the mirror --- */

static bool starts_in_sync(const struct mirror_script_config *config)
{
	return !config->workload->out_of_sync && !config->resync;
}

void mirror_init(struct mirror *mirror, const struct mirror_script_config *config,
		 const struct mirror_description *description, void *mem)
{
	const char *sync = starts_in_sync(config) ? "nosync" : "sync";
	uint64_t sectors = description->regions * description->region_size;

	memset(mirror, 0, sizeof(*mirror));
	mirror->config = config;
	mirror->luid = description->luid;
	mirror->region_size = description->region_size;
	mirror->dice = description->seed;
	mirror->work = LOG_MODEL_NO_REGION;
	log_model_init(&mirror->model, mem, description->regions, starts_in_sync(config));
	snprintf(mirror->uuid, sizeof(mirror->uuid), "%s", description->uuid);
	mirror->look_path = description->look_path;
	if (description->device_path) {
		snprintf(mirror->device, sizeof(mirror->device), "%s", description->device_number);
		snprintf(mirror->ctr_text, sizeof(mirror->ctr_text), "%" PRIu64 " disk %s %u %s",
			 sectors, description->device_path, description->region_size, sync);
		snprintf(mirror->status, sizeof(mirror->status), "3 disk %s A", mirror->device);
	} else {
		snprintf(mirror->ctr_text, sizeof(mirror->ctr_text), "%" PRIu64 " core %u %s",
			 sectors, description->region_size, sync);
		snprintf(mirror->status, sizeof(mirror->status), "1 core");
	}
}

void mirror_begin(struct mirror *mirror, enum mirror_script_phase phase)
{
	mirror->phase = phase;
	mirror->step = 0;
}

bool mirror_is_chain(const struct mirror *mirror)
{
	return mirror->phase != MIRROR_RUN || mirror->config->workload->chain;
}

static uint64_t choose_region(struct mirror *mirror)
{
	uint64_t limit = mirror->model.regions;

	if (mirror->config->hot && mirror->config->hot < limit)
		limit = mirror->config->hot;
	if (mirror->config->pattern == MIRROR_SCRIPT_SEQUENTIAL)
		return mirror->cursor++ % limit;
	return dice_below(&mirror->dice, limit);
}

/* --- requests --- */

static bool build_request(struct wire_message *message, struct mirror_expected *expected,
			  unsigned type, const uint64_t *words, unsigned nwords)
{
	message->request.request_type = type;
	message->request.data_size = nwords * (uint32_t)sizeof(uint64_t);
	if (nwords > 0)
		memcpy(message->payload, words, nwords * sizeof(uint64_t));
	*expected = (struct mirror_expected){.type = (uint8_t)type};
	return true;
}

static bool ask_region(struct mirror *mirror, struct wire_message *message,
		       struct mirror_expected *expected, unsigned type, uint64_t region)
{
	const struct log_model *model = &mirror->model;

	build_request(message, expected, type, &region, 1);
	if (type == DM_ULOG_IN_SYNC)
		expected->value = log_model_in_sync(model, region);
	else if (type == DM_ULOG_IS_CLEAN)
		expected->value = log_model_is_clean(model, region);
	else
		expected->value = model->regions - !log_model_all_in_sync(model);
	return true;
}

static bool ask_ctr(struct mirror *mirror, struct wire_message *message,
		    struct mirror_expected *expected)
{
	size_t length = strlen(mirror->ctr_text);

	build_request(message, expected, DM_ULOG_CTR, NULL, 0);
	memcpy(message->payload, mirror->ctr_text, length);
	message->request.data_size = (uint32_t)length;
	return true;
}

static unsigned marking_type(const struct mirror *mirror)
{
	return mirror->config->integrated_flush ? DM_ULOG_FLUSH : DM_ULOG_MARK_REGION;
}

/* MARK_REGION, or FLUSH with the marks in it. */
static bool ask_mark(struct mirror *mirror, struct wire_message *message,
		     struct mirror_expected *expected, unsigned type, const uint64_t *regions,
		     unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		log_model_mark(&mirror->model, regions[i]);
	mirror->marks += count;
	return build_request(message, expected, type, regions, count);
}

static bool ask_clear(struct mirror *mirror, struct wire_message *message,
		      struct mirror_expected *expected, const uint64_t *regions, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		log_model_clear(&mirror->model, regions[i]);
	return build_request(message, expected, DM_ULOG_CLEAR_REGION, regions, count);
}

static bool ask_set_sync(struct mirror *mirror, struct wire_message *message,
			 struct mirror_expected *expected, uint64_t region, bool in_sync)
{
	uint64_t words[2] = {region, in_sync};

	log_model_set_sync(&mirror->model, region, in_sync);
	return build_request(message, expected, DM_ULOG_SET_REGION_SYNC, words, 2);
}

static bool ask_sync_count(struct mirror *mirror, struct wire_message *message,
			   struct mirror_expected *expected)
{
	build_request(message, expected, DM_ULOG_GET_SYNC_COUNT, NULL, 0);
	expected->value = mirror->model.in_sync;
	/* Before RESUME it is below the number of regions, whatever the log holds. */
	expected->unknown = mirror->phase == MIRROR_ACTIVATE;
	return true;
}

static bool ask_type(struct mirror *mirror, struct wire_message *message,
		     struct mirror_expected *expected, unsigned type)
{
	uint64_t region;

	switch (type) {
	case DM_ULOG_CTR:
		return ask_ctr(mirror, message, expected);
	case DM_ULOG_GET_SYNC_COUNT:
		return ask_sync_count(mirror, message, expected);
	case DM_ULOG_GET_REGION_SIZE:
		build_request(message, expected, type, NULL, 0);
		expected->value = mirror->region_size;
		return true;
	case DM_ULOG_IN_SYNC:
	case DM_ULOG_IS_CLEAN:
	case DM_ULOG_IS_REMOTE_RECOVERING:
		return ask_region(mirror, message, expected, type, choose_region(mirror));
	case DM_ULOG_MARK_REGION:
		region = choose_region(mirror);
		return ask_mark(mirror, message, expected, type, &region, 1);
	case DM_ULOG_CLEAR_REGION:
		region = choose_region(mirror);
		return ask_clear(mirror, message, expected, &region, 1);
	case DM_ULOG_SET_REGION_SYNC:
		return ask_set_sync(mirror, message, expected, choose_region(mirror), true);
	case DM_ULOG_RESUME:
		log_model_resume(&mirror->model);
		return build_request(message, expected, type, NULL, 0);
	default:
		return build_request(message, expected, type, NULL, 0);
	}
}

/* --- phases with an end --- */

static bool next_of_table(struct mirror *mirror, struct wire_message *message,
			  struct mirror_expected *expected, const uint8_t *types, unsigned count)
{
	if (mirror->step >= count)
		return false;
	return ask_type(mirror, message, expected, types[mirror->step++]);
}

/* As dm-mirror does it; RESUME brings the bits, so before it nothing is known to be in sync. */
static bool next_of_activation(struct mirror *mirror, struct wire_message *message,
			       struct mirror_expected *expected)
{
	static const uint8_t types[] = {DM_ULOG_CTR, DM_ULOG_GET_REGION_SIZE,
					DM_ULOG_GET_SYNC_COUNT, DM_ULOG_RESUME,
					DM_ULOG_GET_RESYNC_WORK};

	if (mirror->config->workload->kind == MIRROR_SCRIPT_CTR)
		return false;
	return next_of_table(mirror, message, expected, types, sizeof(types));
}

/* What may have been marked without a FLUSH is durable behind one, and behind a POSTSUSPEND the clears are, too. */
static bool next_of_settling(struct mirror *mirror, struct wire_message *message,
			     struct mirror_expected *expected)
{
	static const uint8_t types[] = {DM_ULOG_FLUSH, DM_ULOG_PRESUSPEND, DM_ULOG_POSTSUSPEND};

	if (mirror->config->workload->kind == MIRROR_SCRIPT_CTR ||
	    !next_of_table(mirror, message, expected, types, sizeof(types)))
		return false;
	if (expected->type == DM_ULOG_FLUSH)
		expected->look = MIRROR_LOOK_DIRTY;
	else if (expected->type == DM_ULOG_POSTSUSPEND)
		expected->look = MIRROR_LOOK_EXACT;
	return true;
}

/* A log that is gone is not known any more, and the kernel is told so with the size that the good answer has
 * (docs/protocol.md, trap 1). */
static bool ask_the_gone(struct mirror *mirror, struct wire_message *message,
			 struct mirror_expected *expected)
{
	ask_type(mirror, message, expected, DM_ULOG_IN_SYNC);
	expected->error = -ESRCH;
	return true;
}

static bool next_of_deactivation(struct mirror *mirror, struct wire_message *message,
				 struct mirror_expected *expected)
{
	static const uint8_t types[] = {DM_ULOG_PRESUSPEND, DM_ULOG_POSTSUSPEND, DM_ULOG_DTR};
	unsigned skipped = mirror->config->workload->kind == MIRROR_SCRIPT_CTR ? 2 : 0;
	unsigned count = sizeof(types) - skipped;

	if (mirror->step == count) {
		mirror->step++;
		return ask_the_gone(mirror, message, expected);
	}
	return next_of_table(mirror, message, expected, types + skipped, count);
}

/* --- verification --- */

/* What is done to three regions that lie side by side, A, B and C: the run leaves none dirty beside one that is
 * cleared, and none that has failed. As the last one is recovered, all is as it was, but for bits that are dirty. */
enum spot { SPOT_NONE, SPOT_A = 0, SPOT_B, SPOT_C };

static const struct trial {
	uint8_t type;
	uint8_t spot;
	bool in_sync; /* of SET_REGION_SYNC */
	uint8_t look; /* enum mirror_look */
} trials[] = {
	{DM_ULOG_STATUS_INFO, SPOT_NONE, false, MIRROR_LOOK_NOT},
	{DM_ULOG_STATUS_TABLE, SPOT_NONE, false, MIRROR_LOOK_NOT},
	{DM_ULOG_MARK_REGION, SPOT_A, false, MIRROR_LOOK_NOT}, /* and B */
	{DM_ULOG_FLUSH, SPOT_NONE, false, MIRROR_LOOK_DIRTY},
	{DM_ULOG_IS_CLEAN, SPOT_A, false, MIRROR_LOOK_NOT},
	{DM_ULOG_IS_CLEAN, SPOT_B, false, MIRROR_LOOK_NOT},
	{DM_ULOG_IS_CLEAN, SPOT_C, false, MIRROR_LOOK_NOT},
	{DM_ULOG_CLEAR_REGION, SPOT_A, false, MIRROR_LOOK_NOT},
	{DM_ULOG_IS_CLEAN, SPOT_A, false, MIRROR_LOOK_NOT},
	{DM_ULOG_IS_CLEAN, SPOT_B, false, MIRROR_LOOK_NOT},
	{DM_ULOG_SET_REGION_SYNC, SPOT_C, false, MIRROR_LOOK_DIRTY},
	{DM_ULOG_CLEAR_REGION, SPOT_C, false, MIRROR_LOOK_NOT},
	{DM_ULOG_IN_SYNC, SPOT_C, false, MIRROR_LOOK_NOT},
	{DM_ULOG_IS_CLEAN, SPOT_C, false, MIRROR_LOOK_NOT},
	{DM_ULOG_GET_SYNC_COUNT, SPOT_NONE, false, MIRROR_LOOK_NOT},
	{DM_ULOG_IS_REMOTE_RECOVERING, SPOT_A, false, MIRROR_LOOK_NOT},
	{DM_ULOG_PRESUSPEND, SPOT_NONE, false, MIRROR_LOOK_NOT},
	{DM_ULOG_POSTSUSPEND, SPOT_NONE, false, MIRROR_LOOK_EXACT},
	{DM_ULOG_RESUME, SPOT_NONE, false, MIRROR_LOOK_NOT},
	{DM_ULOG_IS_CLEAN, SPOT_A, false, MIRROR_LOOK_NOT},
	{DM_ULOG_IS_CLEAN, SPOT_B, false, MIRROR_LOOK_NOT},
	{DM_ULOG_IN_SYNC, SPOT_B, false, MIRROR_LOOK_NOT},
	{DM_ULOG_IN_SYNC, SPOT_C, false, MIRROR_LOOK_NOT},
	{DM_ULOG_SET_REGION_SYNC, SPOT_C, true, MIRROR_LOOK_NOT},
	{DM_ULOG_IN_SYNC, SPOT_C, false, MIRROR_LOOK_NOT},
	{DM_ULOG_GET_SYNC_COUNT, SPOT_NONE, false, MIRROR_LOOK_NOT},
};

static bool ask_trial(struct mirror *mirror, struct wire_message *message,
		      struct mirror_expected *expected, const struct trial *trial)
{
	uint64_t regions = mirror->model.regions;
	uint64_t region = (mirror->spot + trial->spot) % regions;
	uint64_t both[2] = {region, (region + 1) % regions};

	switch (trial->type) {
	case DM_ULOG_MARK_REGION:
		return ask_mark(mirror, message, expected, marking_type(mirror), both, 2);
	case DM_ULOG_CLEAR_REGION:
		return ask_clear(mirror, message, expected, &region, 1);
	case DM_ULOG_SET_REGION_SYNC:
		return ask_set_sync(mirror, message, expected, region, trial->in_sync);
	case DM_ULOG_IN_SYNC:
	case DM_ULOG_IS_CLEAN:
	case DM_ULOG_IS_REMOTE_RECOVERING:
		return ask_region(mirror, message, expected, trial->type, region);
	default:
		return ask_type(mirror, message, expected, trial->type);
	}
}

static bool next_trial(struct mirror *mirror, struct wire_message *message,
		       struct mirror_expected *expected, unsigned index)
{
	if (index >= sizeof(trials) / sizeof(trials[0]))
		return false;
	if (index == 0)
		mirror->spot = choose_region(mirror);
	ask_trial(mirror, message, expected, &trials[index]);
	expected->look = trials[index].look;
	return true;
}

/* The log is suspended. Some regions of those that were used, the count, and the trials. */
static bool next_of_verification(struct mirror *mirror, struct wire_message *message,
				 struct mirror_expected *expected)
{
	unsigned step = mirror->step++;

	if (mirror->config->workload->kind == MIRROR_SCRIPT_CTR)
		return false;
	if (step == 0)
		return ask_type(mirror, message, expected, DM_ULOG_RESUME);
	if (step == 1)
		return ask_sync_count(mirror, message, expected);
	step -= 2;
	if (step >= 2 * VERIFIED_REGIONS)
		return next_trial(mirror, message, expected, step - 2 * VERIFIED_REGIONS);
	return ask_type(mirror, message, expected, step % 2 ? DM_ULOG_IN_SYNC : DM_ULOG_IS_CLEAN);
}

/* --- the kernel's part --- */

static bool holds(const struct mirror *mirror, uint64_t region)
{
	for (unsigned i = 0; i < mirror->nregions; i++)
		if (mirror->regions[i] == region)
			return true;
	return false;
}

static void choose_writes(struct mirror *mirror)
{
	mirror->nregions = 0;
	mirror->asked = 0;
	mirror->writes++;
	for (unsigned i = 0; i < mirror->config->writers; i++) {
		uint64_t region = choose_region(mirror);

		if (!holds(mirror, region))
			mirror->regions[mirror->nregions++] = region;
	}
	mirror->step = STEP_ASK;
}

/* Writes to a region out of sync go to one leg, unmarked. */
static void keep_writes_in_sync(struct mirror *mirror)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < mirror->nregions; i++)
		if (log_model_in_sync(&mirror->model, mirror->regions[i]))
			mirror->regions[kept++] = mirror->regions[i];
	mirror->nregions = kept;
}

/* Each write asks twice: when it is mapped, and when kmirrord takes it up. */
static bool next_ask(struct mirror *mirror, struct wire_message *message,
		     struct mirror_expected *expected)
{
	uint64_t region = mirror->regions[mirror->asked++ / 2];

	ask_region(mirror, message, expected, DM_ULOG_IN_SYNC, region);
	if (mirror->asked == 2 * mirror->nregions) {
		keep_writes_in_sync(mirror);
		mirror->step = mirror->nregions ? STEP_MARK : STEP_CHOOSE;
	}
	return true;
}

static bool marks_flushed(struct mirror *mirror, struct mirror_expected *expected)
{
	bool looks = mirror->writes % LOOK_EVERY == 0;

	mirror->step = looks ? STEP_LOOK : STEP_CLEAR;
	if (looks)
		expected->look = MIRROR_LOOK_MARKS;
	return true;
}

static bool next_mark(struct mirror *mirror, struct wire_message *message,
		      struct mirror_expected *expected)
{
	unsigned type = marking_type(mirror);

	ask_mark(mirror, message, expected, type, mirror->regions, mirror->nregions);
	if (type == DM_ULOG_FLUSH)
		return marks_flushed(mirror, expected);
	mirror->step = STEP_FLUSH_MARKS;
	return true;
}

static bool next_flush_of_marks(struct mirror *mirror, struct wire_message *message,
				struct mirror_expected *expected)
{
	ask_type(mirror, message, expected, DM_ULOG_FLUSH);
	return marks_flushed(mirror, expected);
}

/* The kernel never asks this, and nothing else tells whether a mark was kept: its clear comes next. */
static bool next_look(struct mirror *mirror, struct wire_message *message,
		      struct mirror_expected *expected)
{
	uint64_t which = dice_below(&mirror->dice, mirror->nregions);

	mirror->step = STEP_CLEAR;
	return ask_region(mirror, message, expected, DM_ULOG_IS_CLEAN, mirror->regions[which]);
}

static bool next_clear(struct mirror *mirror, struct wire_message *message,
		       struct mirror_expected *expected)
{
	mirror->step = mirror->config->integrated_flush ? STEP_CHOOSE : STEP_FLUSH_CLEARS;
	return ask_clear(mirror, message, expected, mirror->regions, mirror->nregions);
}

static bool next_operation(struct mirror *mirror, struct wire_message *message,
			   struct mirror_expected *expected)
{
	uint64_t number = mirror->operations++;
	bool recovering = !log_model_all_in_sync(&mirror->model);

	if (number % STATUS_EVERY == STATUS_EVERY - 1)
		return ask_type(mirror, message, expected, DM_ULOG_STATUS_INFO);
	if (recovering && number % REMOTE_EVERY == REMOTE_EVERY - 1)
		return ask_type(mirror, message, expected, DM_ULOG_IS_REMOTE_RECOVERING);
	if (recovering && number % 2 == 0) {
		mirror->step = STEP_RECOVERED;
		return ask_type(mirror, message, expected, DM_ULOG_GET_RESYNC_WORK);
	}
	if (dice_below(&mirror->dice, 100) < mirror->config->reads_percent)
		return ask_type(mirror, message, expected, DM_ULOG_IN_SYNC);
	choose_writes(mirror);
	return next_ask(mirror, message, expected);
}

static bool next_recovered(struct mirror *mirror, struct wire_message *message,
			   struct mirror_expected *expected)
{
	mirror->step = STEP_COUNT;
	if (mirror->work == LOG_MODEL_NO_REGION) /* an answer that was wrong, or all is done */
		return ask_type(mirror, message, expected, DM_ULOG_GET_RESYNC_WORK);
	return ask_set_sync(mirror, message, expected, mirror->work, true);
}

static bool next_of_kernel(struct mirror *mirror, struct wire_message *message,
			   struct mirror_expected *expected)
{
	switch ((enum step)mirror->step) {
	case STEP_ASK:
		return next_ask(mirror, message, expected);
	case STEP_MARK:
		return next_mark(mirror, message, expected);
	case STEP_FLUSH_MARKS:
		return next_flush_of_marks(mirror, message, expected);
	case STEP_LOOK:
		return next_look(mirror, message, expected);
	case STEP_CLEAR:
		return next_clear(mirror, message, expected);
	case STEP_FLUSH_CLEARS:
		mirror->step = STEP_CHOOSE;
		return ask_type(mirror, message, expected, DM_ULOG_FLUSH);
	case STEP_RECOVERED:
		return next_recovered(mirror, message, expected);
	case STEP_COUNT:
		mirror->step = STEP_CHOOSE;
		return ask_sync_count(mirror, message, expected);
	default:
		return next_operation(mirror, message, expected);
	}
}

static bool next_of_resync(struct mirror *mirror, struct wire_message *message,
			   struct mirror_expected *expected)
{
	if (mirror->step == STEP_RECOVERED || mirror->step == STEP_COUNT)
		return next_of_kernel(mirror, message, expected);
	mirror->step = STEP_RECOVERED;
	return ask_type(mirror, message, expected, DM_ULOG_GET_RESYNC_WORK);
}

static bool next_of_mark_flush(struct mirror *mirror, struct wire_message *message,
			       struct mirror_expected *expected)
{
	if (!mirror->config->integrated_flush && mirror->operations++ % 2)
		return ask_type(mirror, message, expected, DM_ULOG_FLUSH);
	mirror->regions[0] = choose_region(mirror);
	mirror->nregions = 1;
	return ask_mark(mirror, message, expected, marking_type(mirror), mirror->regions, 1);
}

static bool next_of_ctr(struct mirror *mirror, struct wire_message *message,
			struct mirror_expected *expected)
{
	static const uint8_t types[] = {DM_ULOG_CTR, DM_ULOG_RESUME, DM_ULOG_DTR};

	return ask_type(mirror, message, expected, types[mirror->operations++ % sizeof(types)]);
}

static bool next_of_run(struct mirror *mirror, struct wire_message *message,
			struct mirror_expected *expected)
{
	const struct mirror_script_workload *workload = mirror->config->workload;

	switch (workload->kind) {
	case MIRROR_SCRIPT_MARK_FLUSH:
		return next_of_mark_flush(mirror, message, expected);
	case MIRROR_SCRIPT_KERNEL:
		return next_of_kernel(mirror, message, expected);
	case MIRROR_SCRIPT_RESYNC:
		return next_of_resync(mirror, message, expected);
	case MIRROR_SCRIPT_CTR:
		return next_of_ctr(mirror, message, expected);
	default:
		return ask_type(mirror, message, expected, workload->type);
	}
}

bool mirror_next(struct mirror *mirror, struct wire_message *message,
		 struct mirror_expected *expected)
{
	switch (mirror->phase) {
	case MIRROR_ACTIVATE:
		return next_of_activation(mirror, message, expected);
	case MIRROR_SETTLE:
		return next_of_settling(mirror, message, expected);
	case MIRROR_VERIFY:
		return next_of_verification(mirror, message, expected);
	case MIRROR_DEACTIVATE:
		return next_of_deactivation(mirror, message, expected);
	default:
		return next_of_run(mirror, message, expected);
	}
}

/* --- answers --- */

static const char *table_text(const struct mirror *mirror)
{
	return strchr(mirror->ctr_text, ' ') + 1;
}

/* The string of a good answer, or NULL if it is none. */
static const char *good_text(const struct mirror *mirror, unsigned type)
{
	switch (type) {
	case DM_ULOG_CTR:
		return mirror->device[0] ? mirror->device : NULL;
	case DM_ULOG_STATUS_INFO:
		return mirror->status;
	case DM_ULOG_STATUS_TABLE:
		return table_text(mirror);
	default:
		return NULL;
	}
}

uint32_t mirror_reply_bytes(const struct mirror *mirror, unsigned type)
{
	const char *text = good_text(mirror, type);

	return text ? (uint32_t)strlen(text) + 1 : wire_opcodes[type].reply_bytes;
}

static bool check_word(const struct mirror *mirror, const struct mirror_expected *expected,
		       uint64_t got, char *fault, size_t fault_bytes)
{
	if (expected->unknown) {
		if (got < mirror->model.regions)
			return true;
		snprintf(fault, fault_bytes,
			 "%" PRIu64 " before RESUME, below %" PRIu64 " expected", got,
			 mirror->model.regions);
		return false;
	}
	if (got == expected->value)
		return true;
	snprintf(fault, fault_bytes, "%" PRIu64 ", %" PRIu64 " expected", got, expected->value);
	return false;
}

static bool check_work(struct mirror *mirror, const uint64_t words[2], char *fault,
		       size_t fault_bytes)
{
	bool any = words[0] != 0;

	if (words[0] <= 1 && log_model_hand_out(&mirror->model, any, words[1])) {
		mirror->work = any ? words[1] : LOG_MODEL_NO_REGION;
		return true;
	}
	mirror->work = LOG_MODEL_NO_REGION;
	snprintf(fault, fault_bytes,
		 "{%" PRIu64 ", %" PRIu64 "} with %" PRIu64 " of %" PRIu64
		 " regions in sync and region %" PRId64 " handed out",
		 words[0], words[1], mirror->model.in_sync, mirror->model.regions,
		 (int64_t)mirror->model.handed);
	return false;
}

static bool check_payload(struct mirror *mirror, const struct mirror_expected *expected,
			  const struct wire_message *reply, char *fault, size_t fault_bytes)
{
	const char *text = good_text(mirror, expected->type);
	uint64_t words[2];

	if (text) {
		if (memcmp(reply->payload, text, strlen(text) + 1) == 0)
			return true;
		snprintf(fault, fault_bytes, "\"%.*s\", \"%s\" expected",
			 (int)reply->request.data_size, (const char *)reply->payload, text);
		return false;
	}
	memcpy(words, reply->payload, sizeof(words));
	if (expected->type == DM_ULOG_GET_RESYNC_WORK)
		return check_work(mirror, words, fault, fault_bytes);
	if (expected->type == DM_ULOG_IS_REMOTE_RECOVERING) {
		if (words[0] == 0 && words[1] == expected->value)
			return true;
		snprintf(fault, fault_bytes,
			 "{%" PRIu64 ", %" PRIu64 "}, {0, %" PRIu64 "} expected", words[0],
			 words[1], expected->value);
		return false;
	}
	return reply->request.data_size == 0 ||
	       check_word(mirror, expected, words[0], fault, fault_bytes);
}

bool mirror_check(struct mirror *mirror, const struct mirror_expected *expected,
		  const struct wire_message *reply, size_t length, char *fault, size_t fault_bytes)
{
	const char *frame = connector_frame_fault(reply, length);
	uint32_t bytes = mirror_reply_bytes(mirror, expected->type);

	if (frame) {
		snprintf(fault, fault_bytes, "%s", frame);
		return false;
	}
	if (reply->request.error != expected->error) {
		snprintf(fault, fault_bytes, "error %d (%s), %d expected", reply->request.error,
			 strerror(reply->request.error < 0 ? -reply->request.error : 0),
			 expected->error);
		return false;
	}
	if (reply->request.data_size != bytes) {
		snprintf(fault, fault_bytes, "%u bytes, %u expected", reply->request.data_size,
			 bytes);
		return false;
	}
	return expected->error != 0 || check_payload(mirror, expected, reply, fault, fault_bytes);
}

void mirror_pass(struct mirror *mirror, const struct mirror_expected *expected)
{
	if (expected->type != DM_ULOG_GET_RESYNC_WORK)
		return;
	mirror->work = LOG_MODEL_NO_REGION;
	while (mirror->passed < mirror->model.regions &&
	       log_model_in_sync(&mirror->model, mirror->passed))
		mirror->passed++;
	if (mirror->passed < mirror->model.regions)
		mirror->work = mirror->passed;
}
