/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two maps with a bit for each region: set where the sync or the clean state is not that of the
 * start. All bits are 0 at the start, so that a mapping which nobody has touched is a valid model,
 * and a region that comes back to its first state costs no page more.
 */
#include "perf/generator/log_model.h"

#include <string.h>

static size_t map_bytes(uint64_t regions)
{
	return (size_t)((regions + 63) / 64) * sizeof(uint64_t);
}

size_t log_model_bytes(uint64_t regions)
{
	return 2 * map_bytes(regions);
}

void log_model_init(struct log_model *model, void *mem, uint64_t regions, bool in_sync)
{
	model->regions = regions;
	model->starts_in_sync = in_sync;
	model->sync_changed = mem;
	model->clean_changed = (uint64_t *)((uint8_t *)mem + map_bytes(regions));
	model->in_sync = in_sync ? regions : 0;
	log_model_resume(model);
}

static bool has_changed(const uint64_t *map, uint64_t region)
{
	return map[region / 64] >> region % 64 & 1;
}

/* A page is written only where something changes. */
static void put(uint64_t *map, uint64_t region, bool value)
{
	if (has_changed(map, region) != value)
		map[region / 64] ^= UINT64_C(1) << region % 64;
}

bool log_model_in_sync(const struct log_model *model, uint64_t region)
{
	return has_changed(model->sync_changed, region) != model->starts_in_sync;
}

bool log_model_is_clean(const struct log_model *model, uint64_t region)
{
	return has_changed(model->clean_changed, region) != model->starts_in_sync;
}

uint64_t log_model_clean_word(const struct log_model *model, uint64_t word)
{
	return model->clean_changed[word] ^ (model->starts_in_sync ? UINT64_MAX : 0);
}

void log_model_mark(struct log_model *model, uint64_t region)
{
	put(model->clean_changed, region, model->starts_in_sync);
}

void log_model_clear(struct log_model *model, uint64_t region)
{
	if (log_model_in_sync(model, region))
		put(model->clean_changed, region, !model->starts_in_sync);
}

void log_model_set_sync(struct log_model *model, uint64_t region, bool in_sync)
{
	if (region == model->handed)
		model->handed = LOG_MODEL_NO_REGION;
	if (!in_sync) {
		log_model_mark(model, region);
		model->failed = true;
	}
	if (log_model_in_sync(model, region) == in_sync)
		return;
	model->in_sync += in_sync ? 1 : UINT64_MAX;
	put(model->sync_changed, region, in_sync != model->starts_in_sync);
}

void log_model_resume(struct log_model *model)
{
	model->handed = LOG_MODEL_NO_REGION;
	model->failed = false;
}

bool log_model_hand_out(struct log_model *model, bool any, uint64_t region)
{
	if (!any)
		return log_model_all_in_sync(model) || model->failed;
	if (region >= model->regions || log_model_in_sync(model, region))
		return false;
	if (model->handed != LOG_MODEL_NO_REGION && model->handed != region)
		return false;
	model->handed = region;
	return true;
}
