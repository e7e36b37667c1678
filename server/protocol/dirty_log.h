/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state machine of one log: which regions are in sync, clean, and clean on the log device.
 * Pure: no I/O, no clock, no logging, no allocation; the same calls give the same state.
 *
 * For every region   image  is a subset of  clean  is a subset of  sync:
 *   sync     recovered: the legs hold the same data
 *   clean    in sync and not being written
 *   image    clean in the log image, as it is or is about to be on the log device
 *
 *            set_region_sync 1            clear                  release (legs flushed)
 *  [out of sync] ------------> [dirty] ----------> [lazy] ---------------------> [clean]
 *        ^                     |  ^  ^---------------|                               |
 *        |  set_region_sync 0  |  |       mark: no write needed                      |
 *        +---------------------+  +--------------------------------------------------+
 *                                         mark: its block must be written
 *
 * A lazy region is clean in memory and still dirty on the log device. `touched` tells which
 * were marked or cleared since the last _age. A leg flush that starts after an _age covers the
 * writes of all that are untouched when it ends: only those may _release write clean.
 *
 * | who          | may call                                                        |
 * |--------------|-----------------------------------------------------------------|
 * | the owner    | everything (the thread that holds the log, server/log/log.h)        |
 * | any other    | dirty_log_sync_count, _lazy_count, _dirty_count, _disk_dirty_count, |
 * |              | _count_cell: a moment old                                       |
 */
#ifndef SERVER_PROTOCOL_DIRTY_LOG_H
#define SERVER_PROTOCOL_DIRTY_LOG_H

#include "bitmap/bit_tree.h"
#include "bitmap/log_image.h"
#include "bitmap/region_bitmap.h"
#include "server/protocol/ctr_args.h"

#define DIRTY_LOG_WANTED 32u /* regions remembered because I/O asked for them */
#define DIRTY_LOG_NO_REGION UINT64_MAX

struct dirty_log_config {
	uint64_t region_count;
	uint32_t block_bytes; /* of the log device; ignored for a core log */
	bool persistent; /* a disk log */
	enum ctr_args_sync sync;
	uint32_t region_size; /* sectors, for the image's note; 0: none */
};

/* What is handed out for recovery, and in which order (docs/protocol.md, trap 2). */
struct dirty_log_resync {
	uint64_t handed; /* not settled yet, or DIRTY_LOG_NO_REGION */
	uint64_t cursor; /* regions below it had their turn since RESUME */
	uint64_t wanted[DIRTY_LOG_WANTED]; /* a stack of what IN_SYNC asked for, newest last */
	unsigned nwanted;
	uint8_t last_tried; /* no bool, as failed: in damaged memory it has any value */
	uint64_t failed_early; /* the one that failed before its turn, or DIRTY_LOG_NO_REGION */
	uint8_t failed; /* a recovery failed since RESUME: from then on each region once, in order */
};

/* What the memory holds before the maps: the owner can die between any two instructions, and who
 * comes after it goes on from here (dirty_log_settle). */
struct dirty_log_head {
	_Atomic uint32_t
		changing; /* not 0: died amid a change; counts and trees are not to be believed */
	_Atomic uint32_t known; /* bits are known: a RESUME or a reconnect has brought them */
	struct dirty_log_resync resync;
};

struct dirty_log {
	struct dirty_log_config config;
	struct dirty_log_head *head;
	struct region_bitmap sync;
	struct region_bitmap clean;
	struct region_bitmap image; /* disk logs only, as are the next four */
	struct region_bitmap touched;
	struct bit_tree changed; /* blocks of the image to be written */
	struct bit_tree lazy_shards; /* shards that may hold lazy regions */
	_Atomic uint64_t lazy;
	struct log_image geometry;
};

/* Bytes of memory that a log needs (a multiple of 64), or 0 if that does not fit size_t. */
size_t dirty_log_bytes(const struct dirty_log_config *config);

/* Lay a log over mem: 64-byte aligned, dirty_log_bytes() long, zeroed, the caller's, outliving the
 * log. All regions are out of sync; not loaded. */
void dirty_log_init(struct dirty_log *log, void *mem, const struct dirty_log_config *config);

/* Lay a log over memory in which one lives, of the same config. Nothing is done with it but dirty_log_settle. */
void dirty_log_lay_over(struct dirty_log *log, void *mem, const struct dirty_log_config *config);

/* Repair what its owner left half done: the request that it was at can then be executed again. False: this was no
 * log, nothing may be done with it. O(shards); O(regions) when it died amid a change. */
bool dirty_log_settle(struct dirty_log *log);

/* The bits are known. */
static inline bool dirty_log_known(const struct dirty_log *log)
{
	return atomic_load_explicit(&log->head->known, memory_order_relaxed);
}

static inline bool dirty_log_region_valid(const struct dirty_log *log, uint64_t region)
{
	return region < log->config.region_count;
}

/* Loading, disk log: the caller decodes the image's blocks into log->image (log_image.h), then
 * calls this once. valid: regions that the image covers (0: new or unreadable). readable false
 * takes nothing for in sync, nosync or not. first: the first RESUME of this luid; sync and nosync
 * count then only. Leaves what the device must be brought to in log->changed. */
void dirty_log_begin(struct dirty_log *log, uint64_t valid, bool readable, bool first);

/* Loading, core log: the sync option alone. */
void dirty_log_begin_core(struct dirty_log *log);

/* Of a mirror that runs: nothing is known, so all is out of sync, and of a disk log no block of the image is
 * taken to be as we have it. */
void dirty_log_begin_unknown(struct dirty_log *log);

/* Forget the loaded bits: the image is to be read again (another log wrote the device). */
void dirty_log_forget(struct dirty_log *log);

/* The legs may have lost what was written to regions that are not clean in the image: they are out of
 * sync from now on. Disk logs. */
void dirty_log_distrust(struct dirty_log *log);

/* A RESUME: recovery starts over; what failed before may be handed out again. */
void dirty_log_resume(struct dirty_log *log);

bool dirty_log_in_sync(struct dirty_log *log, uint64_t region);
bool dirty_log_is_clean(const struct dirty_log *log, uint64_t region);

/* Memory only; log->changed tells whether something has to be written before a FLUSH may be
 * answered. Idempotent. Regions are valid. _mark tells whether the region was clean, and whether its block has to
 * be written. */
enum dirty_log_mark { DIRTY_LOG_WAS_DIRTY, DIRTY_LOG_WAS_LAZY, DIRTY_LOG_WAS_CLEAN };
enum dirty_log_mark dirty_log_mark(struct dirty_log *log, uint64_t region);

/* Behind a _mark of region that found it clean: what is clean of the next regions (step 1: upwards, -1), count at
 * most, becomes lazy, as far as it is in the same block. Disk logs. Returns how many did. */
unsigned dirty_log_mark_ahead(struct dirty_log *log, uint64_t region, int step, unsigned count);

void dirty_log_clear(struct dirty_log *log, uint64_t region);

/* The end of a recovery (true), or a leg that failed (false: the block must be durable before the
 * answer; log->changed tells). Idempotent. */
void dirty_log_set_region_sync(struct dirty_log *log, uint64_t region, bool in_sync);

/* The region to recover next, or DIRTY_LOG_NO_REGION. The same one until it is settled. */
uint64_t dirty_log_get_resync_work(struct dirty_log *log);

/* What is handed out next is the last region. */
bool dirty_log_begins_with_last(const struct dirty_log *log);

/* It was handed out, and is not settled. */
static inline bool dirty_log_is_recovering(const struct dirty_log *log)
{
	return log->head->resync.handed != DIRTY_LOG_NO_REGION;
}

/* in_sync_hint for IS_REMOTE_RECOVERING: region_count when all is in sync, else one less. */
uint64_t dirty_log_sync_hint(const struct dirty_log *log);

/* The first region that is out of sync; region_count: none is. */
uint64_t dirty_log_first_out_of_sync(const struct dirty_log *log);

/* Regions in sync / not clean / lazy. */
uint64_t dirty_log_sync_count(const struct dirty_log *log);
uint64_t dirty_log_dirty_count(const struct dirty_log *log);
uint64_t dirty_log_lazy_count(const struct dirty_log *log);

/* Regions that are dirty in the image; of a core log 0. */
uint64_t dirty_log_disk_dirty_count(const struct dirty_log *log);

/* Of [first, end): how many are out of sync, and how many in sync and not clean. */
struct dirty_log_cell {
	uint64_t out_of_sync, dirty;
};
struct dirty_log_cell dirty_log_count_cell(const struct dirty_log *log, uint64_t first,
					   uint64_t end);

/* Lazy clears. _has_ripe: an untouched lazy region exists. _age: all lazy regions count as
 * untouched from now on; never while a leg flush is on its way. _release: the legs were flushed
 * since the last _age: untouched lazy regions become clean in the image, and their blocks
 * changed. Returns how many. */
bool dirty_log_has_ripe(const struct dirty_log *log);
void dirty_log_age(struct dirty_log *log);
uint64_t dirty_log_release(struct dirty_log *log);

/* The next run of changed blocks, at most max: *count > 0 blocks from the returned one on.
 * BIT_TREE_NONE when nothing is changed. Block 0 comes alone, when no other is changed: its header tells
 * which bits count, so it must not be durable before they are. */
uint64_t dirty_log_next_changed(const struct dirty_log *log, uint64_t max, uint64_t *count);

/* They are about to be written: unchanged from now on. */
void dirty_log_take_changed(struct dirty_log *log, uint64_t first, uint64_t count);

/* A write of these blocks failed, or was a dead owner's (then before dirty_log_settle too): they are changed
 * again. */
void dirty_log_restore_changed(struct dirty_log *log, uint64_t first, uint64_t count);

/* All blocks are changed that hold a region which is dirty on the log device, where somebody else may have written. Of a
 * settled log (dirty_log_settle). O(dirty shards). */
void dirty_log_change_dirty(struct dirty_log *log);

static inline bool dirty_log_has_changed(const struct dirty_log *log)
{
	return log->config.persistent && !bit_tree_empty(&log->changed);
}

/* For tests: the subset rule and the counts hold. O(regions). */
bool dirty_log_invariant(const struct dirty_log *log);

#endif
