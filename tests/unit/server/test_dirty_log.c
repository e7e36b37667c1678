/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state machine against a model that keeps a few bools for each region, and a log device that
 * is a buffer.
 */
#include "server/protocol/dirty_log.h"
#include "perf/generator/dice.h"
#include "tests/lib/bitmap_fixture.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NONE DIRTY_LOG_NO_REGION

struct model_region {
	bool sync, clean, image;
	bool touched; /* marked or cleared since the last age */
};

/* A log, what it should be, and its device. */
struct bench {
	struct dirty_log log;
	void *mem;
	uint8_t *device;
	struct model_region *model;
	uint64_t n;
	uint64_t dice;
	uint64_t handed; /* by the model */
	const char *step;
};

static struct dirty_log_config config_of(uint64_t n, uint32_t block, enum ctr_args_sync sync)
{
	return (struct dirty_log_config){
		.region_count = n, .block_bytes = block, .persistent = block != 0, .sync = sync};
}

static void make(struct bench *bench, struct dirty_log_config config)
{
	memset(bench, 0, sizeof(*bench));
	bench->n = config.region_count;
	bench->mem = zeroed_memory(dirty_log_bytes(&config));
	bench->model = calloc(bench->n, sizeof(*bench->model));
	bench->handed = NONE;
	bench->step = "start";
	dirty_log_init(&bench->log, bench->mem, &config);
	if (config.persistent)
		bench->device = calloc(1, log_image_bytes(&bench->log.geometry));
}

static void unmake(struct bench *bench)
{
	free(bench->mem);
	free(bench->model);
	free(bench->device);
}

static uint64_t take(struct dirty_log *log, uint64_t max, uint64_t *count)
{
	uint64_t first = dirty_log_next_changed(log, max, count);

	if (first != BIT_TREE_NONE)
		dirty_log_take_changed(log, first, *count);
	return first;
}

static bool device_bit(const struct bench *bench, uint64_t region)
{
	return bench->device[LOG_IMAGE_BITS_OFFSET + region / 8] >> region % 8 & 1;
}

static void set_device_bit(struct bench *bench, uint64_t region)
{
	bench->device[LOG_IMAGE_BITS_OFFSET + region / 8] |= (uint8_t)(1u << region % 8);
}

static void write_blocks(struct bench *bench, uint64_t first, uint64_t count)
{
	log_image_encode_blocks(&bench->log.geometry, &bench->log.image, first, count,
				bench->device + first * bench->log.geometry.block_bytes);
}

static void write_all(struct bench *bench)
{
	uint64_t first, count;

	while ((first = take(&bench->log, 7, &count)) != BIT_TREE_NONE) {
		cr_assert(count > 0 && count <= 7);
		write_blocks(bench, first, count);
	}
	cr_assert_not(dirty_log_has_changed(&bench->log));
}

/* As a RESUME does: read the device, take the bits over. Returns the header's regions. */
static uint64_t load(struct bench *bench, bool first)
{
	struct log_image_header header;
	enum log_image_verdict verdict = log_image_decode_header(bench->device, &header);
	uint64_t valid = verdict == LOG_IMAGE_VALID ? header.nr_regions : 0;

	dirty_log_forget(&bench->log);
	log_image_decode_blocks(&bench->log.geometry, &bench->log.image, valid, 0,
				log_image_blocks(&bench->log.geometry), bench->device);
	dirty_log_begin(&bench->log, valid, true, first);
	return valid;
}

/* --- the random walk --- */

static void model_loaded(struct bench *bench)
{
	for (uint64_t r = 0; r < bench->n; r++) {
		bool clean = device_bit(bench, r);

		bench->model[r] = (struct model_region){clean, clean, clean, false};
	}
}

static void check_counts(struct bench *bench)
{
	uint64_t sync = 0, dirty = 0, lazy = 0;
	bool ripe = false;

	for (uint64_t r = 0; r < bench->n; r++) {
		const struct model_region *m = &bench->model[r];
		bool is_lazy = bench->device && m->clean && !m->image;

		sync += m->sync;
		dirty += !m->clean;
		lazy += is_lazy;
		ripe |= is_lazy && !m->touched;
	}
	cr_assert_eq(dirty_log_sync_count(&bench->log), sync, "after %s", bench->step);
	cr_assert_eq(dirty_log_dirty_count(&bench->log), dirty, "after %s", bench->step);
	cr_assert_eq(dirty_log_lazy_count(&bench->log), lazy, "after %s", bench->step);
	cr_assert_eq(dirty_log_has_ripe(&bench->log), ripe, "after %s", bench->step);
	cr_assert_eq(dirty_log_sync_hint(&bench->log), sync == bench->n ? bench->n : bench->n - 1);
}

static void check_answers(struct bench *bench)
{
	for (uint64_t r = 0; r < bench->n; r++) {
		const struct model_region *m = &bench->model[r];

		cr_assert_eq(region_bitmap_test(&bench->log.sync, r), m->sync, "%s", bench->step);
		cr_assert_eq(dirty_log_is_clean(&bench->log, r), m->clean, "%s", bench->step);
	}
}

static void check(struct bench *bench)
{
	cr_assert(dirty_log_invariant(&bench->log), "after %s", bench->step);
	check_counts(bench);
	check_answers(bench);
}

/* What is written and what is not: nothing may be clean on the device that is dirty in truth. */
static void check_device(struct bench *bench)
{
	struct log_image_header header;

	write_all(bench);
	for (uint64_t r = 0; r < bench->n; r++) {
		const struct model_region *m = &bench->model[r];

		cr_assert(m->clean || !device_bit(bench, r), "dirty region %lu is clean on disk",
			  r);
		cr_assert_eq(device_bit(bench, r), m->image, "region %lu on disk", r);
	}
	cr_assert_eq(log_image_decode_header(bench->device, &header), LOG_IMAGE_VALID);
	cr_assert_eq(header.nr_regions, bench->n);
}

static void step_mark(struct bench *bench, uint64_t r)
{
	struct model_region *m = &bench->model[r];
	bool lazy = m->clean && !m->image;
	bool changed = dirty_log_has_changed(&bench->log);

	bench->step = "mark";
	dirty_log_mark(&bench->log, r);
	if (lazy)
		cr_assert_eq(dirty_log_has_changed(&bench->log), changed, "lazy needs no write");
	if (bench->device && m->image)
		cr_assert(bit_tree_test(&bench->log.changed,
					log_image_block_of(&bench->log.geometry, r)));
	m->clean = m->image = false;
	m->touched = true;
}

static void step_clear(struct bench *bench, uint64_t r)
{
	struct model_region *m = &bench->model[r];
	bool changed = dirty_log_has_changed(&bench->log);

	bench->step = "clear";
	dirty_log_clear(&bench->log, r);
	cr_assert_eq(dirty_log_has_changed(&bench->log), changed, "a clear writes nothing");
	if (!m->sync || m->clean)
		return;
	m->clean = m->touched = true;
}

static void step_set_sync(struct bench *bench, uint64_t r, bool in_sync)
{
	struct model_region *m = &bench->model[r];

	bench->step = in_sync ? "set_region_sync 1" : "set_region_sync 0";
	dirty_log_set_region_sync(&bench->log, r, in_sync);
	m->sync = in_sync;
	if (!in_sync)
		m->clean = m->image = false;
	if (r == bench->handed)
		bench->handed = NONE;
}

static void step_resync(struct bench *bench)
{
	uint64_t r;

	bench->step = "get_resync_work";
	r = dirty_log_get_resync_work(&bench->log);
	if (bench->handed != NONE && !bench->model[bench->handed].sync)
		cr_assert_eq(r, bench->handed, "the same until it is settled");
	if (r != NONE) {
		cr_assert_lt(r, bench->n);
		cr_assert_not(bench->model[r].sync, "region %lu is in sync", r);
	}
	bench->handed = r;
}

static void step_age(struct bench *bench)
{
	bench->step = "age";
	dirty_log_age(&bench->log);
	for (uint64_t r = 0; r < bench->n; r++)
		bench->model[r].touched = false;
}

static void step_release(struct bench *bench)
{
	uint64_t released = 0;

	bench->step = "release";
	for (uint64_t r = 0; bench->device && r < bench->n; r++) {
		struct model_region *m = &bench->model[r];

		if (!m->clean || m->image || m->touched)
			continue;
		m->image = true;
		released++;
	}
	cr_assert_eq(dirty_log_release(&bench->log), released);
	for (uint64_t r = 0; bench->device && r < bench->n; r++)
		cr_assert_eq(region_bitmap_test(&bench->log.image, r), bench->model[r].image,
			     "region %lu", r);
}

/* A write that ends well, is torn, or does not happen at all. */
static void step_write(struct bench *bench)
{
	uint64_t count;
	uint64_t first = take(&bench->log, 1 + dice_roll(&bench->dice) % 9, &count);
	uint64_t luck = dice_roll(&bench->dice) % 3;

	bench->step = "write";
	if (first == BIT_TREE_NONE)
		return;
	if (luck == 0) {
		write_blocks(bench, first, count);
		return;
	}
	if (luck == 1)
		write_blocks(bench, first, count / 2);
	dirty_log_restore_changed(&bench->log, first, count);
}

static void step_in_sync(struct bench *bench, uint64_t r)
{
	bench->step = "in_sync";
	cr_assert_eq(dirty_log_in_sync(&bench->log, r), bench->model[r].sync);
}

static void step_resume(struct bench *bench)
{
	bench->step = "resume";
	dirty_log_resume(&bench->log);
	bench->handed = NONE;
}

/* Half of the steps stay in a few regions, so that they meet. */
static uint64_t some_region(struct bench *bench)
{
	uint64_t where = dice_roll(&bench->dice);

	return where & 1 ? (where >> 1) % bench->n
			 : (where >> 1) % 8 * (bench->n / 8 + 1) % bench->n;
}

static void step(struct bench *bench)
{
	uint64_t r = some_region(bench);

	switch (dice_roll(&bench->dice) % 16) {
	case 0:
	case 1:
	case 2:
		step_mark(bench, r);
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		step_clear(bench, r);
		break;
	case 7:
	case 8:
		step_set_sync(bench, r, true);
		break;
	case 9:
		step_set_sync(bench, r, dice_roll(&bench->dice) % 4 != 0);
		break;
	case 10:
		step_resync(bench);
		break;
	case 11:
		step_in_sync(bench, r);
		break;
	case 12:
		step_age(bench);
		break;
	case 13:
		step_release(bench);
		break;
	case 14:
		if (bench->device)
			step_write(bench);
		break;
	case 15:
		if (bench->handed != NONE)
			step_set_sync(bench, bench->handed, dice_roll(&bench->dice) % 4 != 0);
		else if (dice_roll(&bench->dice) % 8 == 0)
			step_resume(bench);
		break;
	}
}

static void walk(uint64_t n, uint32_t block, uint64_t steps, uint64_t seed)
{
	struct bench bench;

	make(&bench, config_of(n, block, CTR_ARGS_DEFAULTSYNC));
	bench.dice = seed;
	if (block) {
		log_image_encode_header(bench.device, n, 0);
		for (uint64_t r = 0; r < n; r++)
			if (dice_roll(&bench.dice) % 4 != 0)
				set_device_bit(&bench, r);
		load(&bench, true);
		model_loaded(&bench);
	} else {
		dirty_log_begin_core(&bench.log);
	}
	for (uint64_t i = 0; i < steps; i++) {
		step(&bench);
		check(&bench);
		if (block && i % 16 == 0)
			check_device(&bench);
	}
	unmake(&bench);
}

Test(dirty_log, agrees_with_the_model_in_a_small_log)
{
	for (uint64_t seed = 1; seed <= 4; seed++)
		walk(100, 512, 8000, seed);
}

Test(dirty_log, agrees_with_the_model_in_a_log_of_one_region)
{
	walk(1, 512, 20000, 5);
}

Test(dirty_log, agrees_with_the_model_at_a_shard_boundary)
{
	walk(4096, 512, 800, 6);
	walk(4097, 512, 800, 7);
}

Test(dirty_log, agrees_with_the_model_in_many_shards)
{
	walk(5 * 4096 + 77, 512, 200, 8);
	walk(5 * 4096 + 77, 4096, 200, 9);
}

Test(dirty_log, agrees_with_the_model_without_a_device)
{
	walk(100, 0, 20000, 10);
	walk(5000, 0, 400, 11);
}

/* --- one thing at a time --- */

static void start_clean(struct bench *bench, uint64_t n)
{
	make(bench, config_of(n, 512, CTR_ARGS_NOSYNC));
	load(bench, true);
	write_all(bench);
}

Test(dirty_log, a_region_marked_again_while_lazy_needs_no_write)
{
	struct bench bench;

	start_clean(&bench, 100);
	dirty_log_mark(&bench.log, 5);
	cr_assert(dirty_log_has_changed(&bench.log));
	write_all(&bench);
	dirty_log_clear(&bench.log, 5);
	cr_assert_eq(dirty_log_lazy_count(&bench.log), 1);
	dirty_log_mark(&bench.log, 5);
	cr_assert_not(dirty_log_has_changed(&bench.log));
	cr_assert_not(device_bit(&bench, 5));
	unmake(&bench);
}

/* A region of another block would be taken for dirty on the device, where it is not. */
Test(dirty_log, marks_ahead_stay_in_the_block_that_is_written)
{
	struct bench bench;

	start_clean(&bench, 5000);
	cr_assert_eq(dirty_log_mark(&bench.log, 4090), DIRTY_LOG_WAS_CLEAN);
	cr_assert_eq(dirty_log_mark_ahead(&bench.log, 4090, 1, 64), 5);
	cr_assert_eq(dirty_log_lazy_count(&bench.log), 5);
	cr_assert(dirty_log_is_clean(&bench.log, 4095));
	write_all(&bench);
	cr_assert_not(device_bit(&bench, 4095));
	cr_assert(device_bit(&bench, 4096));
	cr_assert_eq(dirty_log_mark(&bench.log, 4095), DIRTY_LOG_WAS_LAZY);
	cr_assert_not(dirty_log_has_changed(&bench.log));
	cr_assert_eq(dirty_log_mark(&bench.log, 4095), DIRTY_LOG_WAS_DIRTY);
	cr_assert_eq(dirty_log_mark(&bench.log, 4097), DIRTY_LOG_WAS_CLEAN);
	cr_assert_eq(dirty_log_mark_ahead(&bench.log, 4097, -1, 64), 1);
	cr_assert(dirty_log_invariant(&bench.log));
	unmake(&bench);
}

/* Nobody has written it, but a flush that began before does not tell. */
Test(dirty_log, what_was_marked_ahead_is_released_after_an_age)
{
	struct bench bench;

	start_clean(&bench, 100);
	dirty_log_mark(&bench.log, 5);
	dirty_log_mark_ahead(&bench.log, 5, 1, 2);
	cr_assert_eq(dirty_log_release(&bench.log), 0);
	dirty_log_age(&bench.log);
	cr_assert_eq(dirty_log_release(&bench.log), 2);
	write_all(&bench);
	cr_assert(device_bit(&bench, 6));
	cr_assert_not(device_bit(&bench, 5));
	unmake(&bench);
}

Test(dirty_log, a_region_cleared_after_the_age_is_not_released)
{
	struct bench bench;

	start_clean(&bench, 100);
	dirty_log_mark(&bench.log, 5);
	dirty_log_mark(&bench.log, 6);
	dirty_log_clear(&bench.log, 5);
	dirty_log_age(&bench.log);
	dirty_log_clear(&bench.log, 6);
	cr_assert_eq(dirty_log_release(&bench.log), 1);
	write_all(&bench);
	cr_assert(device_bit(&bench, 5));
	cr_assert_not(device_bit(&bench, 6));
	unmake(&bench);
}

/* Cleared, aged, marked and cleared again: the last writes are younger than the flush. */
Test(dirty_log, a_region_written_again_after_the_age_is_not_released)
{
	struct bench bench;

	start_clean(&bench, 100);
	dirty_log_mark(&bench.log, 5);
	dirty_log_clear(&bench.log, 5);
	dirty_log_age(&bench.log);
	dirty_log_mark(&bench.log, 5);
	dirty_log_clear(&bench.log, 5);
	cr_assert_not(dirty_log_has_ripe(&bench.log));
	cr_assert_eq(dirty_log_release(&bench.log), 0);
	dirty_log_age(&bench.log);
	cr_assert(dirty_log_has_ripe(&bench.log));
	cr_assert_eq(dirty_log_release(&bench.log), 1);
	unmake(&bench);
}

Test(dirty_log, a_clear_out_of_sync_is_ignored)
{
	struct bench bench;

	make(&bench, config_of(100, 512, CTR_ARGS_SYNC));
	load(&bench, true);
	dirty_log_clear(&bench.log, 5);
	cr_assert_not(dirty_log_is_clean(&bench.log, 5));
	unmake(&bench);
}

Test(dirty_log, a_failed_leg_makes_its_block_changed)
{
	struct bench bench;

	start_clean(&bench, 100);
	dirty_log_set_region_sync(&bench.log, 7, false);
	cr_assert(dirty_log_has_changed(&bench.log));
	cr_assert_not(dirty_log_in_sync(&bench.log, 7));
	cr_assert_not(dirty_log_is_clean(&bench.log, 7));
	write_all(&bench);
	cr_assert_not(device_bit(&bench, 7));
	unmake(&bench);
}

Test(dirty_log, a_block_taken_and_marked_meanwhile_is_changed_again)
{
	struct bench bench;
	uint64_t count;

	start_clean(&bench, 100);
	dirty_log_mark(&bench.log, 1);
	take(&bench.log, 8, &count);
	cr_assert_not(dirty_log_has_changed(&bench.log));
	dirty_log_mark(&bench.log, 2);
	cr_assert(dirty_log_has_changed(&bench.log));
	unmake(&bench);
}

Test(dirty_log, the_hint_is_the_count_only_when_all_is_in_sync)
{
	struct bench bench;

	make(&bench, config_of(3, 0, CTR_ARGS_NOSYNC));
	cr_assert_eq(dirty_log_sync_hint(&bench.log), 2, "nothing is known yet");
	dirty_log_begin_core(&bench.log);
	cr_assert_eq(dirty_log_sync_hint(&bench.log), 3);
	dirty_log_set_region_sync(&bench.log, 0, false);
	cr_assert_eq(dirty_log_sync_hint(&bench.log), 2);
	unmake(&bench);
}

/* --- resync order --- */

static void start_core(struct bench *bench, uint64_t n)
{
	make(bench, config_of(n, 0, CTR_ARGS_DEFAULTSYNC));
	dirty_log_begin_core(&bench->log);
}

static void expect_work(struct bench *bench, uint64_t region)
{
	cr_assert_eq(dirty_log_get_resync_work(&bench->log), region);
	cr_assert_eq(dirty_log_get_resync_work(&bench->log), region, "the same until settled");
}

static void expect_recovery(struct bench *bench, uint64_t region)
{
	expect_work(bench, region);
	dirty_log_set_region_sync(&bench->log, region, true);
}

Test(dirty_log, resync_hands_out_nothing_before_the_load)
{
	struct bench bench;

	make(&bench, config_of(10, 0, CTR_ARGS_DEFAULTSYNC));
	cr_assert_eq(dirty_log_get_resync_work(&bench.log), NONE);
	unmake(&bench);
}

Test(dirty_log, resync_is_last_then_wanted_then_upwards)
{
	struct bench bench;

	start_core(&bench, 8);
	expect_recovery(&bench, 7);
	cr_assert_not(dirty_log_in_sync(&bench.log, 4));
	cr_assert_not(dirty_log_in_sync(&bench.log, 2));
	expect_recovery(&bench, 2);
	expect_recovery(&bench, 4);
	expect_recovery(&bench, 0);
	expect_recovery(&bench, 1);
	expect_recovery(&bench, 3);
	expect_recovery(&bench, 5);
	expect_recovery(&bench, 6);
	expect_work(&bench, NONE);
	cr_assert_eq(dirty_log_sync_hint(&bench.log), 8);
	unmake(&bench);
}

Test(dirty_log, resync_drops_what_was_recovered_meanwhile)
{
	struct bench bench;

	start_core(&bench, 8);
	expect_work(&bench, 7);
	dirty_log_in_sync(&bench.log, 3);
	dirty_log_set_region_sync(&bench.log, 3, true);
	dirty_log_set_region_sync(&bench.log, 0, true);
	expect_recovery(&bench, 7);
	expect_recovery(&bench, 1);
	unmake(&bench);
}

Test(dirty_log, resync_remembers_the_latest_wanted)
{
	struct bench bench;
	uint64_t many = DIRTY_LOG_WANTED + 10;

	start_core(&bench, 1000);
	expect_recovery(&bench, 999);
	for (uint64_t r = 0; r < many; r++)
		dirty_log_in_sync(&bench.log, 100 + r);
	for (uint64_t i = 0; i < DIRTY_LOG_WANTED; i++)
		expect_recovery(&bench, 100 + many - 1 - i);
	expect_recovery(&bench, 0);
	unmake(&bench);
}

Test(dirty_log, resync_does_not_repeat_what_failed_before_a_resume)
{
	struct bench bench;

	start_core(&bench, 4);
	expect_recovery(&bench, 3);
	expect_work(&bench, 0);
	dirty_log_set_region_sync(&bench.log, 0, false);
	cr_assert_not(dirty_log_in_sync(&bench.log, 0));
	expect_recovery(&bench, 1);
	expect_recovery(&bench, 2);
	expect_work(&bench, NONE);
	dirty_log_resume(&bench.log);
	expect_recovery(&bench, 0);
	expect_work(&bench, NONE);
	unmake(&bench);
}

/* docs/protocol.md, SET_REGION_SYNC: a failed recovery is asked again at once. */
Test(dirty_log, resync_does_not_repeat_the_last_region_that_failed)
{
	struct bench bench;

	start_core(&bench, 3);
	expect_work(&bench, 2);
	dirty_log_set_region_sync(&bench.log, 2, false);
	expect_recovery(&bench, 0);
	expect_recovery(&bench, 1);
	expect_work(&bench, NONE);
	dirty_log_resume(&bench.log);
	expect_recovery(&bench, 2);
	unmake(&bench);
}

Test(dirty_log, resync_does_not_repeat_a_wanted_region_that_failed)
{
	struct bench bench;

	start_core(&bench, 4);
	expect_recovery(&bench, 3);
	cr_assert_not(dirty_log_in_sync(&bench.log, 2));
	expect_work(&bench, 2);
	dirty_log_set_region_sync(&bench.log, 2, false);
	expect_recovery(&bench, 0);
	expect_recovery(&bench, 1);
	expect_work(&bench, NONE);
	unmake(&bench);
}

/* --- loading --- */

/* A device whose header covers valid regions, of which every third is clean. */
static void prepare(struct bench *bench, uint64_t n, uint64_t valid, enum ctr_args_sync sync)
{
	make(bench, config_of(n, 512, sync));
	/* What lies behind the image of a smaller log is rubbish. */
	memset(bench->device, 0xFF, log_image_bytes(&bench->log.geometry));
	log_image_encode_header(bench->device, valid, 0);
	for (uint64_t r = 0; r < n && r < valid; r++)
		if (r % 3 != 0)
			bench->device[LOG_IMAGE_BITS_OFFSET + r / 8] &= (uint8_t) ~(1u << r % 8);
}

static void expect_loaded(struct bench *bench, uint64_t valid, bool grown)
{
	for (uint64_t r = 0; r < bench->n; r++) {
		bool clean = r < valid ? r % 3 == 0 : grown;

		bench->model[r] = (struct model_region){clean, clean, clean, false};
	}
	check(bench);
	check_device(bench);
}

static void load_case(uint64_t n, uint64_t nr_regions, enum ctr_args_sync sync, bool first)
{
	struct bench bench;
	uint64_t valid;

	prepare(&bench, n, nr_regions, sync);
	valid = load(&bench, first);
	cr_assert_eq(valid, nr_regions);
	if (sync == CTR_ARGS_SYNC && first)
		valid = 0;
	expect_loaded(&bench, valid, sync == CTR_ARGS_NOSYNC && first);
	unmake(&bench);
}

Test(dirty_log, loads_what_the_image_says)
{
	load_case(5000, 5000, CTR_ARGS_DEFAULTSYNC, true);
	load_case(5000, LOG_IMAGE_ALL_REGIONS, CTR_ARGS_DEFAULTSYNC, true);
	load_case(5000, 5000, CTR_ARGS_NOSYNC, true);
}

Test(dirty_log, a_grown_log_has_its_new_regions_out_of_sync)
{
	load_case(5000, 100, CTR_ARGS_DEFAULTSYNC, true);
	load_case(9000, 4096, CTR_ARGS_DEFAULTSYNC, true);
	load_case(20000, 4097, CTR_ARGS_DEFAULTSYNC, false);
}

Test(dirty_log, a_grown_nosync_log_has_its_new_regions_in_sync)
{
	load_case(5000, 100, CTR_ARGS_NOSYNC, true);
	load_case(9000, 4096, CTR_ARGS_NOSYNC, true);
}

/* The mirror runs: its regions are what the image says, and for what it does not say nobody has answered. */
Test(dirty_log, nosync_counts_at_the_first_resume_only)
{
	load_case(9000, 4096, CTR_ARGS_NOSYNC, false);
	load_case(5000, 0, CTR_ARGS_NOSYNC, false);
}

/* After a leg's flush that failed: lazy and dirty regions have to be recovered, clean ones not. */
Test(dirty_log, distrust_leaves_in_sync_what_the_image_has_clean)
{
	struct bench bench;

	prepare(&bench, 5000, 5000, CTR_ARGS_DEFAULTSYNC);
	load(&bench, true);
	dirty_log_set_region_sync(&bench.log, 1, true);
	dirty_log_mark(&bench.log, 3);
	dirty_log_mark(&bench.log, 6);
	dirty_log_clear(&bench.log, 6);
	cr_assert_eq(dirty_log_lazy_count(&bench.log), 1);
	dirty_log_distrust(&bench.log);
	cr_expect_not(dirty_log_in_sync(&bench.log, 1), "recovered, and dirty on the device");
	cr_expect_not(dirty_log_in_sync(&bench.log, 3), "being written");
	cr_expect_not(dirty_log_in_sync(&bench.log, 6), "lazy");
	cr_expect(dirty_log_in_sync(&bench.log, 9));
	cr_expect_eq(dirty_log_lazy_count(&bench.log), 0);
	cr_expect_not(dirty_log_has_ripe(&bench.log));
	cr_expect(dirty_log_invariant(&bench.log));
	unmake(&bench);
}

/* The header vouches for the bits. */
Test(dirty_log, the_headers_block_comes_when_no_other_is_changed)
{
	struct bench bench;
	uint64_t count, first;

	prepare(&bench, 20000, 4097, CTR_ARGS_DEFAULTSYNC);
	load(&bench, true);
	while ((first = dirty_log_next_changed(&bench.log, 1, &count)) != 0) {
		cr_assert_neq(first, BIT_TREE_NONE, "the header is not written at all");
		dirty_log_take_changed(&bench.log, first, count);
	}
	dirty_log_take_changed(&bench.log, 0, 1);
	cr_expect_eq(dirty_log_next_changed(&bench.log, 1, &count), BIT_TREE_NONE);
	unmake(&bench);
}

Test(dirty_log, a_new_log_covers_nothing)
{
	load_case(5000, 0, CTR_ARGS_DEFAULTSYNC, true);
	load_case(5000, 0, CTR_ARGS_NOSYNC, true);
}

Test(dirty_log, a_shrunk_log_takes_its_part)
{
	load_case(100, 5000, CTR_ARGS_DEFAULTSYNC, true);
	load_case(4096, 4097, CTR_ARGS_NOSYNC, true);
}

Test(dirty_log, sync_counts_at_the_first_load_only)
{
	load_case(5000, 5000, CTR_ARGS_SYNC, true);
	load_case(5000, 5000, CTR_ARGS_SYNC, false);
}

/* Shrunk and grown again: what was clean in the tail long ago is not to be believed. */
Test(dirty_log, a_shrunk_log_leaves_no_old_tail)
{
	struct bench small, big;

	prepare(&small, 100, 200, CTR_ARGS_DEFAULTSYNC);
	load(&small, true);
	write_all(&small);
	make(&big, config_of(200, 512, CTR_ARGS_DEFAULTSYNC));
	memcpy(big.device, small.device, log_image_bytes(&small.log.geometry));
	load(&big, true);
	for (uint64_t r = 100; r < 200; r++)
		cr_assert_not(dirty_log_in_sync(&big.log, r));
	unmake(&small);
	unmake(&big);
}

Test(dirty_log, an_unreadable_image_has_nothing_in_sync)
{
	static const enum ctr_args_sync all[] = {CTR_ARGS_DEFAULTSYNC, CTR_ARGS_SYNC,
						 CTR_ARGS_NOSYNC};

	for (size_t i = 0; i < 3; i++) {
		struct bench bench;

		make(&bench, config_of(5000, 512, all[i]));
		dirty_log_begin(&bench.log, 0, false, true);
		cr_assert_eq(dirty_log_sync_count(&bench.log), 0);
		cr_assert(dirty_log_invariant(&bench.log));
		unmake(&bench);
	}
}

Test(dirty_log, a_core_log_has_the_sync_option_alone)
{
	static const struct {
		enum ctr_args_sync sync;
		uint64_t count;
	} cases[] = {{CTR_ARGS_DEFAULTSYNC, 0}, {CTR_ARGS_SYNC, 0}, {CTR_ARGS_NOSYNC, 5000}};

	for (size_t i = 0; i < 3; i++) {
		struct bench bench;

		make(&bench, config_of(5000, 0, cases[i].sync));
		dirty_log_begin_core(&bench.log);
		cr_assert_eq(dirty_log_sync_count(&bench.log), cases[i].count);
		cr_assert_not(dirty_log_has_changed(&bench.log));
		unmake(&bench);
	}
}

Test(dirty_log, unload_forgets_everything)
{
	struct bench bench;

	start_clean(&bench, 5000);
	dirty_log_mark(&bench.log, 4999);
	dirty_log_clear(&bench.log, 4999);
	dirty_log_mark(&bench.log, 3);
	dirty_log_forget(&bench.log);
	cr_assert_eq(dirty_log_sync_count(&bench.log), 0);
	cr_assert_eq(dirty_log_lazy_count(&bench.log), 0);
	cr_assert_not(dirty_log_has_changed(&bench.log));
	cr_assert_not(dirty_log_has_ripe(&bench.log));
	cr_assert(dirty_log_invariant(&bench.log));
	unmake(&bench);
}

Test(dirty_log, a_size_that_cannot_be_is_told)
{
	struct dirty_log_config config = config_of(UINT64_MAX, 512, CTR_ARGS_DEFAULTSYNC);

	cr_assert_eq(dirty_log_bytes(&config), 0);
	config.region_count = 1;
	cr_assert_eq(dirty_log_bytes(&config) % 64, 0);
	cr_assert_gt(dirty_log_bytes(&config), 0);
}

/* --- after the owner's death --- */

struct owner {
	_Atomic uint64_t done; /* steps that are complete */
	_Atomic uint64_t first, count; /* blocks on their way, as the estate has them */
};

#define OWNER_REGIONS 9000u /* three shards, the last one short */

/* Step i of an owner's life. */
static void owner_step(struct dirty_log *log, struct owner *owner, uint64_t i)
{
	uint64_t dice = i * UINT64_C(0x9E3779B97F4A7C15);
	uint64_t region = (dice >> 20) % OWNER_REGIONS, first, count;

	switch ((dice >> 50) % 8) {
	case 0:
	case 1:
		dirty_log_mark(log, region);
		break;
	case 2:
	case 3:
		dirty_log_clear(log, region);
		break;
	case 4:
		dirty_log_set_region_sync(log, region, i % 3);
		break;
	case 5: /* not both: who redoes the two has flushed the legs again */
		if (i % 2)
			dirty_log_release(log);
		else
			dirty_log_age(log);
		break;
	case 6:
		first = dirty_log_next_changed(log, 3, &count);
		atomic_store(&owner->first, first);
		atomic_store(&owner->count, count);
		if (first != BIT_TREE_NONE)
			dirty_log_take_changed(log, first, count);
		break;
	default:
		dirty_log_in_sync(log, region);
		dirty_log_get_resync_work(log);
	}
}

static pid_t start_owner(struct dirty_log *log, struct owner *owner)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (uint64_t i = 0;; i++) {
		owner_step(log, owner, i);
		atomic_store(&owner->done, i + 1);
		atomic_store(&owner->count, 0);
	}
}

static void *shared_memory(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(at, MAP_FAILED);
	return at;
}

static void expect_same(const struct dirty_log *a, const struct dirty_log *b)
{
	cr_assert_eq(dirty_log_sync_count(a), dirty_log_sync_count(b));
	cr_assert_eq(dirty_log_dirty_count(a), dirty_log_dirty_count(b));
	cr_assert_eq(dirty_log_lazy_count(a), dirty_log_lazy_count(b));
	for (uint64_t r = 0; r < OWNER_REGIONS; r++) {
		cr_assert_eq(region_bitmap_test(&a->sync, r), region_bitmap_test(&b->sync, r));
		cr_assert_eq(region_bitmap_test(&a->clean, r), region_bitmap_test(&b->clean, r));
		cr_assert_eq(region_bitmap_test(&a->image, r), region_bitmap_test(&b->image, r));
	}
	for (uint64_t block = 0; block < a->changed.nbits; block++)
		cr_assert(bit_tree_test(&a->changed, block) || !bit_tree_test(&b->changed, block),
			  "block %lu would never be written", block);
}

static bool take_over(struct dirty_log *log, void *mem, const struct dirty_log_config *config)
{
	dirty_log_lay_over(log, mem, config);
	return dirty_log_settle(log);
}

/* An owner is killed at any instruction, and the step that it was at is done again: the log is then
 * what it would be if that had not happened, but for blocks that are written once too often. */
static void kill_owner(struct dirty_log_config config, unsigned usec)
{
	size_t bytes = dirty_log_bytes(&config);
	void *mem = shared_memory(bytes), *other_mem = zeroed_memory(bytes);
	struct owner *owner = shared_memory(sizeof(*owner));
	struct dirty_log log, undisturbed;
	struct owner other;
	pid_t pid;

	dirty_log_init(&log, mem, &config);
	dirty_log_begin(&log, 0, true, true);
	pid = start_owner(&log, owner);
	usleep(usec);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	dirty_log_lay_over(&log, mem, &config);
	dirty_log_restore_changed(&log, owner->first, owner->count);
	cr_assert(dirty_log_settle(&log));
	cr_assert(dirty_log_invariant(&log), "after %lu steps", owner->done);
	owner_step(&log, owner, owner->done);
	cr_assert(dirty_log_invariant(&log));

	dirty_log_init(&undisturbed, other_mem, &config);
	dirty_log_begin(&undisturbed, 0, true, true);
	for (uint64_t i = 0; i <= owner->done; i++)
		owner_step(&undisturbed, &other, i);
	expect_same(&log, &undisturbed);
	munmap(mem, bytes);
	munmap(owner, sizeof(*owner));
	free(other_mem);
}

Test(dirty_log, an_owner_killed_at_any_instruction_leaves_a_log)
{
	for (unsigned i = 0; i < 200; i++)
		kill_owner(config_of(OWNER_REGIONS, 512, CTR_ARGS_NOSYNC), 200 + i * 37 % 2000);
}

Test(dirty_log, memory_that_is_no_log_is_not_taken_over)
{
	struct dirty_log_config config = config_of(OWNER_REGIONS, 512, CTR_ARGS_NOSYNC);
	void *mem = zeroed_memory(dirty_log_bytes(&config));
	struct dirty_log log;

	dirty_log_init(&log, mem, &config);
	dirty_log_begin(&log, 0, true, true);
	cr_assert(take_over(&log, mem, &config));
	log.head->resync.cursor = OWNER_REGIONS + 1;
	cr_assert_not(take_over(&log, mem, &config));
	log.head->resync.cursor = 0;
	log.head->resync.nwanted = DIRTY_LOG_WANTED + 1;
	cr_assert_not(take_over(&log, mem, &config));
	log.head->resync.nwanted = 0;
	log.sync.shard_ones[0] -= 1; /* fewer in sync than clean */
	cr_assert_not(take_over(&log, mem, &config));
	free(mem);
}
