/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any sequence of requests to a disk log, with writes to its device that end when and how the input says, beside a model
 * of it: what is answered is what the model knows, what is said to be durable is dirty on the device, and at no moment does the
 * device call clean what is written, was cleared and not released, or is out of sync.
 * Input: two bytes for the number of regions, then three for each step.
 */
#include "perf/generator/log_model.h"
#include "server/base/container_of.h"
#include "server/log/answer.h"
#include "server/log/log_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLOCK 512u
#define REGIONS_MAX 5000u
#define IOS 3u
#define STEPS_MAX 400u
#define IMAGE_BYTES (16 * BLOCK)

static struct {
	struct flush_engine engine;
	struct flush_op *ops[IOS];
	struct estate estate;
	struct executor executor;
	struct slots slots;
	struct log_options options;
	struct log_io ios[IOS];
	struct log_device device;
	struct mirror_log *log;
	struct slot slot; /* the one that waits */
	bool waits;
	struct log_model model;
	uint64_t model_memory[1024];
	uint8_t image[IMAGE_BYTES]; /* on the device */
	bool must_be_dirty[REGIONS_MAX]; /* there, whenever the power is cut */
	bool touched[REGIONS_MAX]; /* since the last leg flush began */
} bench;

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* --- the device --- */

static void keep(struct flush_engine *engine, struct flush_op *op)
{
	for (unsigned i = 0; i < IOS; i++)
		if (!bench.ops[i]) {
			bench.ops[i] = op;
			return;
		}
	abort();
}

static const struct flush_engine_ops engine_ops = {.name = "input", .submit = keep};

static void io_done(struct flush_op *op, int error)
{
	struct log_io *io = container_of(op, struct log_io, op);

	io->error = error;
	io->finish(io->executor, io->log, io);
}

static void end_write(unsigned i, bool arrives, int error)
{
	struct flush_op *op = bench.ops[i % IOS];

	if (!op)
		return;
	bench.ops[i % IOS] = NULL;
	bench.engine.pending--;
	check(op->kind == FLUSH_OP_WRITE && op->offset + op->len <= IMAGE_BYTES);
	if (arrives)
		memcpy(bench.image + op->offset, op->buf, op->len);
	op->done(op, error);
}

static bool clean_on_device(uint64_t region)
{
	return bench.image[LOG_IMAGE_BITS_OFFSET + region / 8] >> region % 8 & 1;
}

/* --- its writer: as a worker, which tries again when the input says so --- */

static void go_on(void)
{
	struct mirror_log *log = bench.log;

	if (log->commit.in_flight > 0)
		return;
	if (dirty_log_has_changed(&log->dirty))
		log_write_start(&bench.executor, log);
	else
		executor_reply_all(&bench.executor, &log->commit.waiters, 0);
}

static void written(struct executor *executor, struct mirror_log *log)
{
	go_on();
}

static void write_failed(struct executor *executor, struct mirror_log *log)
{
	slot_list_move(&log->commit.waiters, &log->commit.running);
}

static const struct executor_ops executor_ops = {.written = written, .write_failed = write_failed};

/* What has waited is in the outbox. */
static void take_replies(void)
{
	struct outbox *outbox = &bench.executor.outbox;

	if (outbox->count == 0)
		return;
	check(outbox->count == 1 && bench.waits && bench.slot.message.request.error == 0);
	bench.waits = false;
	slot_set_phase(&bench.slot, SLOT_FREE);
	outbox->count = 0;
}

/* --- a log --- */

static void see_the_device(void)
{
	for (uint64_t region = 0; region < bench.model.regions; region++)
		check(!bench.must_be_dirty[region] || !clean_on_device(region));
}

static void finish_writes(void)
{
	for (unsigned i = 0; i < 64 && !log_write_is_durable(bench.log); i++) {
		go_on();
		end_write(0, true, 0);
		end_write(1, true, 0);
		end_write(2, true, 0);
	}
	check(log_write_is_durable(bench.log));
	take_replies();
}

static void set_up_worker(void)
{
	struct executor *executor = &bench.executor;

	check(estate_create(&bench.estate) == 0);
	bench.engine.ops = &engine_ops;
	bench.options.settings = &bench.estate.fixed->settings;
	atomic_store(&bench.estate.fixed->settings.mark_ahead, 8);
	atomic_store(&bench.estate.fixed->settings.max_lazy, 4096);
	atomic_store(&bench.estate.fixed->settings.clear_delay_ns, 1);
	*executor = (struct executor){.ops = &executor_ops,
				      .options = &bench.options,
				      .engine = &bench.engine,
				      .outbox = {.slots = &bench.slots},
				      .estate = &bench.estate.fixed->executors[0]};
	for (unsigned i = 0; i < IOS; i++) {
		struct log_io *io = &bench.ios[i];

		io->executor = executor;
		io->flight = &executor->estate->flights[i];
		io->op.buf = aligned_alloc(4096, LOG_IO_BYTES);
		io->op.done = io_done;
		io->next = executor->io_free;
		executor->io_free = io;
	}
}

static void make_log(uint64_t regions)
{
	struct ctr_args args = {
		.disk = true, .region_count = regions, .sync = CTR_ARGS_NOSYNC, .region_size = 8};

	bench.log = mirror_log_create(&bench.estate, "fuzz", 1, "", 0, &args);
	bench.device = (struct log_device){.fd = 0, .block_bytes = BLOCK, .claimed = true};
	bench.log->device = &bench.device;
	bench.log->no_legs = true;
	check(mirror_log_make_bits(bench.log) == 0);
	mirror_log_set_state(bench.log, LOG_ACTIVE);
	bench.log->life.ever_resumed = true;
}

static void begin(uint64_t valid, bool first)
{
	uint64_t regions = bench.log->dirty.config.region_count;

	dirty_log_begin(&bench.log->dirty, valid, true, first);
	memset(bench.model_memory, 0, sizeof(bench.model_memory));
	check(log_model_bytes(regions) <= sizeof(bench.model_memory));
	log_model_init(&bench.model, bench.model_memory, regions, first);
	finish_writes();
}

static void drop_log(void)
{
	mirror_log_set_state(bench.log, LOG_CLOSING);
	estate_free(&bench.estate, bench.log->record);
	free(bench.log);
}

/* --- the kernel --- */

static void check_answer(unsigned type, uint64_t region)
{
	const struct wire_message *message = &bench.slot.message;
	uint64_t value[2];

	memcpy(value, message->payload, sizeof(value));
	if (type == DM_ULOG_IN_SYNC)
		check(value[0] == log_model_in_sync(&bench.model, region));
	else if (type == DM_ULOG_IS_CLEAN)
		check(value[0] == log_model_is_clean(&bench.model, region));
	else if (type == DM_ULOG_GET_SYNC_COUNT)
		check(value[0] == bench.model.in_sync);
	else if (type == DM_ULOG_GET_RESYNC_WORK)
		check(log_model_hand_out(&bench.model, value[0], value[1]));
}

static void note(unsigned type, uint64_t region, bool in_sync)
{
	/* What is clean already has been flushed with what came before, or will be. */
	if (type == DM_ULOG_MARK_REGION ||
	    (type == DM_ULOG_CLEAR_REGION && !log_model_is_clean(&bench.model, region)))
		bench.touched[region] = true;
	if (type == DM_ULOG_MARK_REGION)
		log_model_mark(&bench.model, region);
	else if (type == DM_ULOG_CLEAR_REGION)
		log_model_clear(&bench.model, region);
	else if (type == DM_ULOG_SET_REGION_SYNC)
		log_model_set_sync(&bench.model, region, in_sync);
}

/* An answer that the device has to stand by from now on. */
static void note_durable(unsigned type, uint64_t region, bool in_sync)
{
	if (type == DM_ULOG_MARK_REGION || (type == DM_ULOG_SET_REGION_SYNC && !in_sync))
		bench.must_be_dirty[region] = true;
}

static void ask(unsigned type, uint64_t region, bool in_sync)
{
	struct wire_message *message = &bench.slot.message;
	uint64_t payload[2] = {region, in_sync};
	unsigned bytes = type == DM_ULOG_SET_REGION_SYNC ? 16
			 : type == DM_ULOG_FLUSH || type == DM_ULOG_GET_SYNC_COUNT ||
					 type == DM_ULOG_GET_RESYNC_WORK ||
					 type == DM_ULOG_STATUS_INFO
				 ? 0
				 : 8;

	memset(message, 0, sizeof(*message));
	message->request.request_type = type;
	message->request.data_size = bytes;
	memcpy(message->payload, payload, bytes);
	note(type, region, in_sync);
	if (answer(bench.log, message)) {
		check(message->request.error == 0);
		check_answer(type, region);
		note_durable(type, region, in_sync);
		return;
	}
	slot_set_phase(&bench.slot, SLOT_ASKED);
	log_write_wait(&bench.executor, bench.log, &bench.slot);
	bench.waits = true;
	go_on();
	for (unsigned i = 0; bench.waits && i < 64; i++) {
		go_on();
		end_write(0, true, 0);
		end_write(1, true, 0);
		end_write(2, true, 0);
		take_replies();
	}
	check(!bench.waits);
	note_durable(type, region, in_sync);
}

static void age(void)
{
	dirty_log_age(&bench.log->dirty);
	memset(bench.touched, 0, sizeof(bench.touched));
}

/* A flush of the legs that began at the last age has ended, or one that begins now: what was not touched since, and is
 * clean, may be so on the device. */
static void flush_legs(bool begins_now)
{
	if (begins_now)
		age();
	for (uint64_t region = 0; region < bench.model.regions; region++)
		if (log_model_is_clean(&bench.model, region) && !bench.touched[region])
			bench.must_be_dirty[region] = false;
	dirty_log_release(&bench.log->dirty);
	age();
}

/* What was on its way is a stray, and its blocks count as changed. */
static void lose_writes(bool arrive)
{
	for (unsigned i = 0; i < IOS; i++) {
		struct log_io *io = (struct log_io *)bench.ops[i];

		if (!io)
			continue;
		if (arrive)
			memcpy(bench.image + io->op.offset, io->op.buf, io->op.len);
		bench.ops[i] = NULL;
		bench.engine.pending--;
		dirty_log_restore_changed(&bench.log->dirty, io->first, io->count);
		executor_io_give(&bench.executor, io);
	}
	bench.log->commit.in_flight = 0;
}

/* The server dies, and the memory stays: also amid a change. */
static void die(bool amid)
{
	struct dirty_log *dirty = &bench.log->dirty;
	struct dirty_log_config config = dirty->config;

	if (amid)
		atomic_store(&dirty->head->changing, 1);
	dirty_log_lay_over(dirty, log_record_memory(bench.log->record), &config);
	check(dirty_log_settle(dirty));
	lose_writes(amid);
	if (!dirty_log_is_recovering(dirty))
		bench.model.handed = LOG_MODEL_NO_REGION;
}

/* The memory is gone, and what was on its way may have arrived. */
static void crash(bool arrives)
{
	uint64_t regions = bench.model.regions;

	lose_writes(arrives);
	see_the_device();
	drop_log();
	make_log(regions);
	log_image_decode_blocks(&bench.log->dirty.geometry, &bench.log->dirty.image, regions, 0,
				log_image_blocks(&bench.log->dirty.geometry), bench.image);
	begin(regions, false);
	for (uint64_t region = 0; region < regions; region++) {
		bench.must_be_dirty[region] = !clean_on_device(region);
		if (bench.must_be_dirty[region])
			continue;
		log_model_set_sync(&bench.model, region, true);
		log_model_clear(&bench.model, region);
	}
}

static void step(unsigned what, uint64_t region)
{
	static const unsigned types[] = {
		DM_ULOG_IN_SYNC,	 DM_ULOG_IS_CLEAN,	 DM_ULOG_MARK_REGION,
		DM_ULOG_CLEAR_REGION,	 DM_ULOG_FLUSH,		 DM_ULOG_SET_REGION_SYNC,
		DM_ULOG_GET_RESYNC_WORK, DM_ULOG_GET_SYNC_COUNT, DM_ULOG_STATUS_INFO};
	bool flag = what & 0x40;

	what %= 0x10;
	if (what < sizeof(types) / sizeof(types[0]))
		ask(types[what], region, flag);
	else if (what == 9)
		flush_legs(flag);
	else if (what == 10)
		end_write((unsigned)region, flag, flag ? 0 : -EIO);
	else if (what == 11)
		go_on();
	else if (what == 12)
		crash(flag);
	else if (what == 13)
		die(flag);
	else if (what == 14)
		finish_writes();
	take_replies();
	see_the_device();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t regions;

	if (size < 2)
		return 0;
	/* Most faults need few. */
	regions = 1 +
		  (data[1] & 1 ? (data[0] | (uint64_t)data[1] << 8) % REGIONS_MAX : data[0] % 80u);
	if (!bench.estate.fixed)
		set_up_worker();
	memset(bench.must_be_dirty, 0, sizeof(bench.must_be_dirty));
	make_log(regions);
	memset(bench.touched, 0, sizeof(bench.touched));
	begin(0, true);
	for (size_t at = 2; at + 3 <= size && at < (size_t)3 * STEPS_MAX; at += 3)
		step(data[at], (data[at + 1] | (uint64_t)data[at + 2] << 8) % regions);
	check(dirty_log_invariant(&bench.log->dirty));
	finish_writes();
	see_the_device();
	drop_log();
	return 0;
}
