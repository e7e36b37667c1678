/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a log's changed blocks: runs of neighbouring blocks, each copied into an operation's buffer and
 * submitted, until none is left or the buffers are used up. Before a block stops being "changed" it stands
 * in the operation's flight in the estate, so that a successor writes it again. When the last operation
 * has ended, those who waited are answered, and the executor told (executor_ops). */
#include "server/log/log_write.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/diag.h"
#include "server/base/kill_point.h"
#include "server/base/probe.h"
#include "server/base/stats.h"

enum log_writer log_writer_now(const struct mirror_log *log)
{
	enum log_health health = mirror_log_health(log);

	if (health == LOG_UNUSABLE)
		return LOG_WRITER_NEVER;
	if (log->commit.in_flight > 0 || deadline_runs(&log->sched.retry))
		return LOG_WRITER_NOT_NOW;
	if (health != LOG_SOUND || log->commit.retry_since_ns != 0 ||
	    mirror_log_state(log) != LOG_ACTIVE || log->commit.waiters.first ||
	    log->life.resuming || log->life.presuspended_ns != 0)
		return LOG_WRITER_WORKER;
	return LOG_WRITER_ANYONE;
}

void log_write_wait(struct executor *executor, struct mirror_log *log, struct slot *slot)
{
	int64_t now = clock_coarse();

	slot_list_forget(&log->commit.running, executor->outbox.slots, now);
	slot_list_forget(&log->commit.waiters, executor->outbox.slots, now);
	slot_list_add(&log->commit.waiters, slot);
}

/* The first commit without an error since one failed. */
static void end_trouble(struct mirror_log *log)
{
	if (log->commit.retry_since_ns == 0)
		return;
	/* Blocks are left that no write has covered since they failed. */
	if (log->commit.partial)
		return;
	diag_warning("log device %u:%u of log %s works again", log->device->major,
		     log->device->minor, log->uuid);
	/* A log that has failed stays so (commit_state.h). */
	log->commit.retry_since_ns = 0;
	atomic_store_explicit(&log->tally.backs_off, false, memory_order_relaxed);
}

static void whole_image_is_written(struct mirror_log *log)
{
	log->probe.on = false;
	if (atomic_load_explicit(&log->device->stale, memory_order_relaxed))
		atomic_store_explicit(&log->device->stale, false, memory_order_relaxed);
}

/* Those who waited wait on if some blocks are left to the next commit. */
static void answer_running(struct executor *executor, struct mirror_log *log)
{
	if (log->commit.partial)
		slot_list_move(&log->commit.waiters, &log->commit.running);
	else
		executor_reply_all(executor, &log->commit.running, 0);
}

static void all_written(struct executor *executor, struct mirror_log *log)
{
	PROBE(flush_end, log->id, log->device->major, log->device->minor, log->commit.error);
	tally_commit_ended(&log->tally, log->commit.began_ns, clock_coarse());
	if (log->commit.error) {
		executor->ops->write_failed(executor, log);
		return;
	}
	end_trouble(log);
	if (!log->commit.partial)
		whole_image_is_written(log);
	answer_running(executor, log);
	executor->ops->written(executor, log);
}

static void write_finished(struct executor *executor, struct mirror_log *log, struct log_io *io)
{
	CHECK(log->commit.in_flight > 0 && log->commit.writer == executor);
	log->commit.in_flight--;
	if (io->error) {
		stats_add(STATS_IO_ERRORS, 1);
		tally_failed(&log->tally, TALLY_WRITE, io->error);
		log->commit.error = io->error;
		dirty_log_restore_changed(&log->dirty, io->first, io->count);
	}
	kill_point("written");
	executor_io_give(executor, io);
	if (log->commit.in_flight == 0)
		all_written(executor, log);
}

static void submit_write(struct executor *executor, struct mirror_log *log, struct log_io *io)
{
	uint32_t block = log->device->block_bytes;

	/* A copy: the bits go on changing while the device reads them. */
	log_image_encode_blocks(&log->dirty.geometry, &log->dirty.image, io->first, io->count,
				io->op.buf);
	io->op.kind = FLUSH_OP_WRITE;
	io->op.fd = log->device->fd;
	io->op.len = (uint32_t)(io->count * block);
	io->op.offset = log->dirty.geometry.base + io->first * block;
	io->finish = write_finished;
	log->commit.in_flight++;
	stats_add(STATS_LOG_WRITES, 1);
	stats_add(STATS_LOG_BYTES, io->op.len);
	executor_io_submit(executor, io);
}

/* For a successor the blocks are always in one place or the other. */
static void take_blocks(struct mirror_log *log, struct log_io *io)
{
	io->flight->first = io->first;
	io->flight->count = io->count;
	atomic_signal_fence(memory_order_seq_cst);
	io->flight->log = log->record->number + 1;
	atomic_signal_fence(memory_order_seq_cst);
	dirty_log_take_changed(&log->dirty, io->first, io->count);
	kill_point("taken");
}

/* Submit the next run of changed blocks. Returns false if that has to wait: for a buffer, or, since the
 * header vouches for all other blocks, until these are durable. */
static bool write_next(struct executor *executor, struct mirror_log *log)
{
	uint64_t max = LOG_IO_BYTES / log->device->block_bytes;
	uint64_t count, first = dirty_log_next_changed(&log->dirty, max, &count);
	struct log_io *io;

	if (first == 0 && log->commit.in_flight > 0)
		return false;
	io = executor_io_take(executor, log, log->device);
	if (!io)
		return false;
	io->first = first;
	io->count = count;
	take_blocks(log, io);
	submit_write(executor, log, io);
	return true;
}

bool log_write_start(struct executor *executor, struct mirror_log *log)
{
	unsigned requests;

	CHECK(log->commit.in_flight == 0 && !log->commit.running.first);
	CHECK(mirror_log_health(log) != LOG_UNUSABLE);
	log->commit.error = 0;
	log->commit.writer = executor;
	log->commit.began_ns = clock_coarse();
	log->probe.region = DIRTY_LOG_NO_REGION;
	while (dirty_log_has_changed(&log->dirty) && write_next(executor, log))
		;
	log->commit.partial = dirty_log_has_changed(&log->dirty);
	if (log->commit.in_flight == 0)
		return false;
	mirror_log_writes(log);
	requests = slot_list_move(&log->commit.running, &log->commit.waiters);
	buckets_add(&executor->commit_requests, &executor_commit_scale, requests);
	PROBE(flush_begin, log->id, log->device->major, log->device->minor, requests,
	      log->commit.in_flight);
	return true;
}

void log_write_abandon(struct executor *executor, struct mirror_log *log)
{
	CHECK(log->commit.in_flight == 0 || log->commit.writer == executor);
	CHECK(!log->sched.completed);
	for (unsigned i = 0; log->commit.in_flight > 0 && i < executor->io_count; i++) {
		struct log_io *io = &executor->io_all[i];

		if (io->log != log)
			continue;
		dirty_log_restore_changed(&log->dirty, io->first, io->count);
		executor_io_abandon(io);
		log->commit.in_flight--;
	}
	CHECK(log->commit.in_flight == 0);
	log->probe.on = false;
	slot_list_move(&log->commit.waiters, &log->commit.running);
}
