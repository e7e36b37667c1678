/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state machine of one log, over four maps (sync, clean, image, touched) and two sets (blocks to be
 * written, shards that may hold lazy regions). All lie in the caller's memory and outlive the process;
 * hence begin_change and end_change around each change, and the order in which bits change: who takes
 * over after a death in between finds a block too many to write, never one too few. */
#include "server/protocol/dirty_log.h"

#include "server/base/check.h"
#include "server/base/kill_point.h"

#include <string.h>

#define SHARD_WORDS (SHARD_REGIONS / 64)

static struct log_image geometry_of(const struct dirty_log_config *config)
{
	return (struct log_image){.nregions = config->region_count,
				  .block_bytes = config->block_bytes,
				  .region_size = config->region_size};
}

static uint64_t shards_of(uint64_t regions)
{
	return (regions + SHARD_REGIONS - 1) / SHARD_REGIONS;
}

/* The change that comes is whole or, to who looks after our death, marked. Program order is all that
 * it takes, since what a thread has stored before it is killed is in memory: the fences keep the
 * compiler from another order, and cost nothing. */
static void begin_change(struct dirty_log *log)
{
	atomic_store_explicit(&log->head->changing, 1, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

static void end_change(struct dirty_log *log)
{
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&log->head->changing, 0, memory_order_relaxed);
}

static void set_known(struct dirty_log *log, bool known)
{
	atomic_store_explicit(&log->head->known, known, memory_order_relaxed);
}

static size_t head_bytes(void)
{
	return (sizeof(struct dirty_log_head) + 63) & ~(size_t)63;
}

size_t dirty_log_bytes(const struct dirty_log_config *config)
{
	size_t map = region_bitmap_bytes(config->region_count);
	struct log_image geometry = geometry_of(config);

	if (config->region_count > SIZE_MAX / 8)
		return 0;
	if (!config->persistent)
		return head_bytes() + 2 * map;
	return head_bytes() + 4 * map + bit_tree_bytes(log_image_blocks(&geometry)) +
	       bit_tree_bytes(shards_of(config->region_count));
}

static void *carve(uint8_t **mem, size_t bytes)
{
	void *part = *mem;

	*mem += bytes;
	return part;
}

typedef void lay_map(struct region_bitmap *map, void *mem, uint64_t nregions);

static void lay_maps(struct dirty_log *log, void *mem, const struct dirty_log_config *config,
		     lay_map *lay)
{
	uint64_t n = config->region_count;
	size_t map = region_bitmap_bytes(n);
	uint8_t *at = mem;
	uint64_t blocks;

	memset(log, 0, sizeof(*log));
	log->config = *config;
	log->head = carve(&at, head_bytes());
	lay(&log->sync, carve(&at, map), n);
	lay(&log->clean, carve(&at, map), n);
	if (!config->persistent)
		return;
	log->geometry = geometry_of(config);
	blocks = log_image_blocks(&log->geometry);
	lay(&log->image, carve(&at, map), n);
	lay(&log->touched, carve(&at, map), n);
	bit_tree_init(&log->changed, carve(&at, bit_tree_bytes(blocks)), blocks);
	bit_tree_init(&log->lazy_shards, at, shards_of(n));
}

static void reset_resync(struct dirty_log *log)
{
	log->head->resync = (struct dirty_log_resync){.handed = DIRTY_LOG_NO_REGION,
						      .failed_early = DIRTY_LOG_NO_REGION};
}

void dirty_log_init(struct dirty_log *log, void *mem, const struct dirty_log_config *config)
{
	lay_maps(log, mem, config, region_bitmap_init);
	reset_resync(log);
}

/* Full and empty shards are the rule: they are not walked bit by bit. */
static void copy_bits(struct region_bitmap *to, const struct region_bitmap *from)
{
	uint8_t bits[SHARD_BYTES];

	for (uint64_t shard = 0; shard < from->nshards; shard++) {
		if (region_bitmap_shard_count(from, shard) == 0 &&
		    region_bitmap_shard_count(to, shard) == 0)
			continue;
		region_bitmap_export_shard(from, shard, bits);
		region_bitmap_import_shard(to, shard, bits);
	}
}

static void change_block_of(struct dirty_log *log, uint64_t region)
{
	bit_tree_set(&log->changed, log_image_block_of(&log->geometry, region));
}

static void change_from(struct dirty_log *log, uint64_t first_block)
{
	uint64_t blocks = log_image_blocks(&log->geometry);

	bit_tree_set(&log->changed, 0);
	for (uint64_t block = first_block; block < blocks; block++)
		bit_tree_set(&log->changed, block);
}

void dirty_log_begin(struct dirty_log *log, uint64_t valid, bool readable, bool first)
{
	uint64_t n = log->config.region_count;

	begin_change(log);
	if (valid > n)
		valid = n;
	if (log->config.sync == CTR_ARGS_SYNC && first) {
		valid = 0;
		region_bitmap_fill_from(&log->image, 0, false);
	} else {
		bool grown_clean = log->config.sync == CTR_ARGS_NOSYNC && first && readable;

		region_bitmap_fill_from(&log->image, valid, grown_clean);
	}
	copy_bits(&log->clean, &log->image);
	copy_bits(&log->sync, &log->image);
	/* Block 0 for the header, and all that the device may hold otherwise than we do; with it
	 * the last one, for the tail that a shrunk mirror leaves. */
	change_from(log, valid < n ? log_image_block_of(&log->geometry, valid)
				   : log_image_block_of(&log->geometry, n - 1));
	end_change(log);
	set_known(log, true);
}

void dirty_log_begin_core(struct dirty_log *log)
{
	bool in_sync = log->config.sync == CTR_ARGS_NOSYNC;

	begin_change(log);
	region_bitmap_fill_from(&log->sync, 0, in_sync);
	region_bitmap_fill_from(&log->clean, 0, in_sync);
	end_change(log);
	set_known(log, true);
}

void dirty_log_begin_unknown(struct dirty_log *log)
{
	if (log->config.persistent) {
		begin_change(log);
		change_from(log, 0);
		end_change(log);
	}
	set_known(log, true);
}

static void empty(struct bit_tree *tree)
{
	uint64_t member;

	while ((member = bit_tree_next(tree, 0)) != BIT_TREE_NONE)
		bit_tree_clear(tree, member);
}

static void drop_lazy(struct dirty_log *log)
{
	region_bitmap_fill_from(&log->touched, 0, false);
	empty(&log->lazy_shards);
	atomic_store_explicit(&log->lazy, 0, memory_order_relaxed);
}

void dirty_log_forget(struct dirty_log *log)
{
	set_known(log, false);
	begin_change(log);
	region_bitmap_fill_from(&log->sync, 0, false);
	region_bitmap_fill_from(&log->clean, 0, false);
	if (log->config.persistent) {
		region_bitmap_fill_from(&log->image, 0, false);
		empty(&log->changed);
		drop_lazy(log);
	}
	end_change(log);
}

void dirty_log_distrust(struct dirty_log *log)
{
	begin_change(log);
	/* clean first: a death in between leaves it a subset of sync */
	copy_bits(&log->clean, &log->image);
	copy_bits(&log->sync, &log->image);
	drop_lazy(log);
	end_change(log);
}

void dirty_log_resume(struct dirty_log *log)
{
	begin_change(log);
	reset_resync(log);
	end_change(log);
}

static void remember_wanted(struct dirty_log_resync *resync, uint64_t region)
{
	if (resync->failed || region == resync->handed)
		return;
	for (unsigned i = 0; i < resync->nwanted; i++)
		if (resync->wanted[i] == region)
			return;
	if (resync->nwanted == DIRTY_LOG_WANTED) {
		memmove(resync->wanted, resync->wanted + 1,
			(DIRTY_LOG_WANTED - 1) * sizeof(resync->wanted[0]));
		resync->nwanted--;
	}
	resync->wanted[resync->nwanted++] = region;
}

bool dirty_log_in_sync(struct dirty_log *log, uint64_t region)
{
	if (region_bitmap_test(&log->sync, region))
		return true;
	if (dirty_log_known(log))
		remember_wanted(&log->head->resync, region);
	return false;
}

bool dirty_log_is_clean(const struct dirty_log *log, uint64_t region)
{
	return region_bitmap_test(&log->clean, region);
}

/* The lazy count is written by the owner alone, so load and store need not be one step. */
static void add_lazy(struct dirty_log *log, int64_t change)
{
	uint64_t lazy = atomic_load_explicit(&log->lazy, memory_order_relaxed);

	CHECK(change >= 0 || lazy >= (uint64_t)-change);
	atomic_store_explicit(&log->lazy, lazy + (uint64_t)change, memory_order_relaxed);
}

/* The rule at the head of dirty_log.h, for the 64 regions around one. */
static inline bool subsets_hold(const struct dirty_log *log, uint64_t region)
{
	uint64_t word = region / 64;
	uint64_t clean = region_bitmap_word(&log->clean, word);

	if (clean & ~region_bitmap_word(&log->sync, word))
		return false;
	return !log->config.persistent || !(region_bitmap_word(&log->image, word) & ~clean);
}

static enum dirty_log_mark make_dirty(struct dirty_log *log, uint64_t region)
{
	if (!region_bitmap_clear(&log->clean, region))
		return DIRTY_LOG_WAS_DIRTY;
	kill_point("mark");
	if (!log->config.persistent)
		return DIRTY_LOG_WAS_LAZY;
	if (!region_bitmap_test(&log->image, region)) {
		add_lazy(log, -1);
		return DIRTY_LOG_WAS_LAZY;
	}
	/* In this order, also for a successor: a block too many is written, none too few. */
	change_block_of(log, region);
	atomic_signal_fence(memory_order_seq_cst);
	region_bitmap_clear(&log->image, region);
	return DIRTY_LOG_WAS_CLEAN;
}

enum dirty_log_mark dirty_log_mark(struct dirty_log *log, uint64_t region)
{
	enum dirty_log_mark was;

	begin_change(log);
	was = make_dirty(log, region);
	if (log->config.persistent)
		region_bitmap_set(&log->touched, region);
	assert(subsets_hold(log, region));
	end_change(log);
	return was;
}

/* Dirty in the image, whose block is written anyway, and clean in memory: as if it had just been cleared. */
static void make_lazy(struct dirty_log *log, uint64_t region)
{
	region_bitmap_set(&log->touched, region);
	bit_tree_set(&log->lazy_shards, region / SHARD_REGIONS);
	region_bitmap_clear(&log->image, region);
	add_lazy(log, 1);
}

unsigned dirty_log_mark_ahead(struct dirty_log *log, uint64_t region, int step, unsigned count)
{
	uint64_t block = log_image_block_of(&log->geometry, region);
	unsigned made = 0;

	begin_change(log);
	for (unsigned i = 0; i < count; i++) {
		region += (uint64_t)(int64_t)step;
		if (region >= log->config.region_count ||
		    log_image_block_of(&log->geometry, region) != block)
			break;
		if (!region_bitmap_test(&log->image, region))
			continue;
		kill_point("mark-ahead");
		make_lazy(log, region);
		made++;
	}
	end_change(log);
	return made;
}

static void make_clean(struct dirty_log *log, uint64_t region)
{
	if (!region_bitmap_set(&log->clean, region) || !log->config.persistent)
		return;
	/* Its writes may be younger than a leg flush that is on its way. */
	region_bitmap_set(&log->touched, region);
	bit_tree_set(&log->lazy_shards, region / SHARD_REGIONS);
	add_lazy(log, 1);
}

void dirty_log_clear(struct dirty_log *log, uint64_t region)
{
	if (!region_bitmap_test(&log->sync, region))
		return;
	begin_change(log);
	make_clean(log, region);
	assert(subsets_hold(log, region));
	end_change(log);
}

static void settle(struct dirty_log_resync *resync, uint64_t region, bool in_sync)
{
	if (region != resync->handed)
		return;
	resync->handed = DIRTY_LOG_NO_REGION;
	if (in_sync)
		return;
	/* After the first failure nothing is handed out before its turn, so there is only one. */
	if (!resync->failed && region >= resync->cursor)
		resync->failed_early = region;
	resync->failed = true;
}

void dirty_log_set_region_sync(struct dirty_log *log, uint64_t region, bool in_sync)
{
	begin_change(log);
	settle(&log->head->resync, region, in_sync);
	if (in_sync) {
		region_bitmap_set(&log->sync, region);
	} else {
		make_dirty(log, region);
		region_bitmap_clear(&log->sync, region);
	}
	assert(subsets_hold(log, region));
	end_change(log);
}

static bool out_of_sync(const struct dirty_log *log, uint64_t region)
{
	return !region_bitmap_test(&log->sync, region);
}

uint64_t dirty_log_first_out_of_sync(const struct dirty_log *log)
{
	return region_bitmap_next_zero(&log->sync, 0);
}

bool dirty_log_begins_with_last(const struct dirty_log *log)
{
	return dirty_log_known(log) && !log->head->resync.last_tried &&
	       out_of_sync(log, log->config.region_count - 1);
}

static uint64_t next_wanted(struct dirty_log *log)
{
	struct dirty_log_resync *resync = &log->head->resync;

	while (!resync->failed && resync->nwanted > 0) {
		uint64_t region = resync->wanted[--resync->nwanted];

		if (out_of_sync(log, region))
			return region;
	}
	return DIRTY_LOG_NO_REGION;
}

static uint64_t next_in_order(struct dirty_log *log)
{
	struct dirty_log_resync *resync = &log->head->resync;
	uint64_t region = region_bitmap_next_zero(&log->sync, resync->cursor);

	if (region == resync->failed_early)
		region = region_bitmap_next_zero(&log->sync, region + 1);
	if (region >= log->config.region_count) {
		resync->cursor = log->config.region_count;
		return DIRTY_LOG_NO_REGION;
	}
	resync->cursor = region + 1;
	return region;
}

/* The last region first: its writes wait for as long as it is out of sync (in_sync_hint). */
static uint64_t choose_resync_work(struct dirty_log *log)
{
	uint64_t last = log->config.region_count - 1;
	uint64_t region;

	if (!log->head->resync.last_tried) {
		log->head->resync.last_tried = true;
		if (out_of_sync(log, last))
			return last;
	}
	region = next_wanted(log);
	return region != DIRTY_LOG_NO_REGION ? region : next_in_order(log);
}

uint64_t dirty_log_get_resync_work(struct dirty_log *log)
{
	struct dirty_log_resync *resync = &log->head->resync;

	if (!dirty_log_known(log))
		return DIRTY_LOG_NO_REGION;
	if (resync->handed == DIRTY_LOG_NO_REGION || !out_of_sync(log, resync->handed))
		resync->handed = choose_resync_work(log);
	CHECK(resync->handed == DIRTY_LOG_NO_REGION || resync->handed < log->config.region_count);
	return resync->handed;
}

uint64_t dirty_log_sync_hint(const struct dirty_log *log)
{
	uint64_t n = log->config.region_count;

	return dirty_log_known(log) && dirty_log_sync_count(log) == n ? n : n - 1;
}

uint64_t dirty_log_sync_count(const struct dirty_log *log)
{
	return region_bitmap_count(&log->sync);
}

uint64_t dirty_log_dirty_count(const struct dirty_log *log)
{
	return log->config.region_count - region_bitmap_count(&log->clean);
}

uint64_t dirty_log_disk_dirty_count(const struct dirty_log *log)
{
	if (!log->config.persistent)
		return 0;
	return log->config.region_count - region_bitmap_count(&log->image);
}

struct dirty_log_cell dirty_log_count_cell(const struct dirty_log *log, uint64_t first,
					   uint64_t end)
{
	uint64_t sync = region_bitmap_count_range(&log->sync, first, end);
	uint64_t clean = region_bitmap_count_range(&log->clean, first, end);

	/* The two are not of one moment. */
	return (struct dirty_log_cell){.out_of_sync = end - first - sync,
				       .dirty = sync > clean ? sync - clean : 0};
}

uint64_t dirty_log_lazy_count(const struct dirty_log *log)
{
	return atomic_load_explicit(&log->lazy, memory_order_relaxed);
}

static uint64_t lazy_word(const struct dirty_log *log, uint64_t word)
{
	return region_bitmap_word(&log->clean, word) & ~region_bitmap_word(&log->image, word);
}

/* Words of a shard that exist: the last shard may be short. */
static uint64_t end_of_shard(const struct dirty_log *log, uint64_t shard)
{
	uint64_t end = (shard + 1) * SHARD_WORDS;
	uint64_t words = (log->config.region_count + 63) / 64;

	return end < words ? end : words;
}

bool dirty_log_has_ripe(const struct dirty_log *log)
{
	uint64_t shard = 0;

	if (!log->config.persistent)
		return false;
	while ((shard = bit_tree_next(&log->lazy_shards, shard)) != BIT_TREE_NONE) {
		for (uint64_t w = shard * SHARD_WORDS; w < end_of_shard(log, shard); w++)
			if (lazy_word(log, w) & ~region_bitmap_word(&log->touched, w))
				return true;
		shard++;
	}
	return false;
}

static void clear_touched_word(struct dirty_log *log, uint64_t word)
{
	uint64_t bits = region_bitmap_word(&log->touched, word);

	for (; bits; bits &= bits - 1)
		region_bitmap_clear(&log->touched, word * 64 + (uint64_t)__builtin_ctzll(bits));
}

void dirty_log_age(struct dirty_log *log)
{
	uint64_t shard = 0;

	if (!log->config.persistent)
		return;
	begin_change(log);
	while ((shard = bit_tree_next(&log->lazy_shards, shard)) != BIT_TREE_NONE) {
		for (uint64_t w = shard * SHARD_WORDS; w < end_of_shard(log, shard); w++)
			clear_touched_word(log, w);
		shard++;
	}
	end_change(log);
}

/* Returns how many were released; *left: lazy regions stay in this word. */
static unsigned release_word(struct dirty_log *log, uint64_t word, bool *left)
{
	uint64_t lazy = lazy_word(log, word);
	uint64_t ripe = lazy & ~region_bitmap_word(&log->touched, word);

	if (lazy != ripe)
		*left = true;
	if (ripe)
		change_block_of(log, word * 64);
	atomic_signal_fence(memory_order_seq_cst);
	for (uint64_t bits = ripe; bits; bits &= bits - 1)
		region_bitmap_set(&log->image, word * 64 + (uint64_t)__builtin_ctzll(bits));
	assert(subsets_hold(log, word * 64));
	return (unsigned)__builtin_popcountll(ripe);
}

uint64_t dirty_log_release(struct dirty_log *log)
{
	uint64_t released = 0;
	uint64_t shard = 0;

	if (!log->config.persistent)
		return 0;
	begin_change(log);
	while ((shard = bit_tree_next(&log->lazy_shards, shard)) != BIT_TREE_NONE) {
		bool left = false;

		for (uint64_t w = shard * SHARD_WORDS; w < end_of_shard(log, shard); w++)
			released += release_word(log, w, &left);
		if (!left)
			bit_tree_clear(&log->lazy_shards, shard);
		shard++;
	}
	add_lazy(log, -(int64_t)released);
	end_change(log);
	return released;
}

uint64_t dirty_log_next_changed(const struct dirty_log *log, uint64_t max, uint64_t *count)
{
	uint64_t first = bit_tree_next(&log->changed, 1);

	*count = 0;
	if (first == BIT_TREE_NONE) {
		*count = bit_tree_test(&log->changed, 0);
		return *count ? 0 : BIT_TREE_NONE;
	}
	while (*count < max && first + *count < log->changed.nbits &&
	       bit_tree_test(&log->changed, first + *count))
		(*count)++;
	return first;
}

void dirty_log_take_changed(struct dirty_log *log, uint64_t first, uint64_t count)
{
	begin_change(log);
	for (uint64_t i = 0; i < count; i++) {
		assert(bit_tree_test(&log->changed, first + i));
		bit_tree_clear(&log->changed, first + i);
	}
	end_change(log);
}

/* One that its owner died amid a change of, and is not settled yet, stays marked so. */
void dirty_log_restore_changed(struct dirty_log *log, uint64_t first, uint64_t count)
{
	bool unsettled = atomic_load_explicit(&log->head->changing, memory_order_relaxed);

	begin_change(log);
	for (uint64_t i = 0; i < count; i++)
		bit_tree_set(&log->changed, first + i);
	if (!unsettled)
		end_change(log);
}

void dirty_log_change_dirty(struct dirty_log *log)
{
	uint64_t n = log->config.region_count;
	uint64_t region = region_bitmap_next_zero(&log->image, 0);

	begin_change(log);
	bit_tree_set(&log->changed, 0); /* the header, which another writer has as well */
	for (; region < n; region = region_bitmap_next_zero(&log->image, region)) {
		change_block_of(log, region);
		region = (region / SHARD_REGIONS + 1) * SHARD_REGIONS; /* of the same block */
		if (region >= n)
			break;
	}
	end_change(log);
}

/* --- after the owner's death --- */

static bool resync_valid(const struct dirty_log *log)
{
	const struct dirty_log_resync *resync = &log->head->resync;
	uint64_t n = log->config.region_count;

	if (resync->cursor > n || resync->nwanted > DIRTY_LOG_WANTED ||
	    (resync->handed >= n && resync->handed != DIRTY_LOG_NO_REGION) ||
	    (resync->failed_early >= n && resync->failed_early != DIRTY_LOG_NO_REGION))
		return false;
	for (unsigned i = 0; i < resync->nwanted; i++)
		if (resync->wanted[i] >= n)
			return false;
	return true;
}

/* The subset rule again, towards dirty: a region more costs a resync, one too few costs data. */
static void repair_word(struct dirty_log *log, uint64_t word)
{
	uint64_t wrong =
		region_bitmap_word(&log->clean, word) & ~region_bitmap_word(&log->sync, word);

	for (uint64_t bits = wrong; bits; bits &= bits - 1)
		region_bitmap_clear(&log->clean, word * 64 + (uint64_t)__builtin_ctzll(bits));
	if (!log->config.persistent)
		return;
	wrong = region_bitmap_word(&log->image, word) & ~region_bitmap_word(&log->clean, word);
	if (wrong)
		change_block_of(log, word * 64);
	for (uint64_t bits = wrong; bits; bits &= bits - 1)
		region_bitmap_clear(&log->image, word * 64 + (uint64_t)__builtin_ctzll(bits));
	if (lazy_word(log, word))
		bit_tree_set(&log->lazy_shards, word / SHARD_WORDS);
}

static void rebuild(struct dirty_log *log)
{
	region_bitmap_rebuild(&log->sync);
	region_bitmap_rebuild(&log->clean);
	if (log->config.persistent) {
		region_bitmap_rebuild(&log->image);
		region_bitmap_rebuild(&log->touched);
		bit_tree_rebuild(&log->changed);
		bit_tree_rebuild(&log->lazy_shards);
	}
	for (uint64_t shard = 0; shard < log->sync.nshards; shard++)
		for (uint64_t w = shard * SHARD_WORDS; w < end_of_shard(log, shard); w++)
			repair_word(log, w);
	reset_resync(log);
}

void dirty_log_lay_over(struct dirty_log *log, void *mem, const struct dirty_log_config *config)
{
	lay_maps(log, mem, config, region_bitmap_take_over);
}

bool dirty_log_settle(struct dirty_log *log)
{
	if (!dirty_log_known(log)) {
		/* Perhaps an image was being read into it. Whoever loads it begins anew. */
		rebuild(log);
		dirty_log_forget(log);
		return true;
	}
	if (atomic_load_explicit(&log->head->changing, memory_order_relaxed)) {
		rebuild(log);
		kill_point("settle");
		end_change(log);
	}
	if (region_bitmap_count(&log->image) > region_bitmap_count(&log->clean) ||
	    region_bitmap_count(&log->clean) > region_bitmap_count(&log->sync) ||
	    !resync_valid(log))
		return false;
	if (log->config.persistent)
		add_lazy(log, (int64_t)(region_bitmap_count(&log->clean) -
					region_bitmap_count(&log->image)));
	return true;
}

bool dirty_log_invariant(const struct dirty_log *log)
{
	uint64_t lazy = 0;

	for (uint64_t r = 0; r < log->config.region_count; r++) {
		bool clean = region_bitmap_test(&log->clean, r);

		if (clean && !region_bitmap_test(&log->sync, r))
			return false;
		if (!log->config.persistent)
			continue;
		if (region_bitmap_test(&log->image, r) && !clean)
			return false;
		lazy += clean && !region_bitmap_test(&log->image, r);
	}
	return lazy == dirty_log_lazy_count(log);
}
