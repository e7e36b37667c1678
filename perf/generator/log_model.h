/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a log must know: the state of each region as the requests so far have made it.
 *
 * Kept as differences to the state after the first RESUME, so that a log of 2^32 regions takes
 * memory only where it is used. Pure; one thread.
 */
#ifndef PERF_GENERATOR_LOG_MODEL_H
#define PERF_GENERATOR_LOG_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_MODEL_NO_REGION UINT64_MAX

struct log_model {
	uint64_t regions;
	bool starts_in_sync; /* and clean; otherwise all are out of sync and dirty */
	uint64_t *sync_changed; /* regions whose sync state is not that of the start */
	uint64_t *clean_changed;
	uint64_t in_sync; /* regions in sync */
	uint64_t handed; /* for recovery, not settled yet, or LOG_MODEL_NO_REGION */
	bool failed; /* a region was set out of sync since RESUME: it need not be handed out */
};

/* Bytes of memory that a model of so many regions needs, a multiple of 8. */
size_t log_model_bytes(uint64_t regions);

/* Lay a model over mem: 8-byte aligned, log_model_bytes() long, zeroed (mmap), the caller's,
 * outliving the model. */
void log_model_init(struct log_model *model, void *mem, uint64_t regions, bool in_sync);

/* Region is below regions, here and below. */
bool log_model_in_sync(const struct log_model *model, uint64_t region);
bool log_model_is_clean(const struct log_model *model, uint64_t region);

void log_model_mark(struct log_model *model, uint64_t region);
/* The clean bits of 64 regions: bit i is of region 64 * word + i. Bits of no region are anything. */
uint64_t log_model_clean_word(const struct log_model *model, uint64_t word);

/* Does nothing to a region out of sync. */
void log_model_clear(struct log_model *model, uint64_t region);
void log_model_set_sync(struct log_model *model, uint64_t region, bool in_sync);

static inline bool log_model_all_in_sync(const struct log_model *model)
{
	return model->in_sync == model->regions;
}

/* Recovery starts over. */
void log_model_resume(struct log_model *model);

/* The answer to GET_RESYNC_WORK: any says that region is to be recovered. True if it can be
 * right; it is remembered then. */
bool log_model_hand_out(struct log_model *model, bool any, uint64_t region);

#endif
