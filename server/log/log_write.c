/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a log's changed blocks. */
#include "server/log/log_write.h"

#include "server/base/kill_point.h"
#include "server/base/stats.h"

static void write_finished(struct executor *executor, struct mirror_log *log, struct log_io *io)
{
	log->in_flight--;
	if (io->error) {
		stats_add(STATS_IO_ERRORS, 1);
		log->commit_error = io->error;
		dirty_log_restore_changed(&log->dirty, io->first, io->count);
	}
	kill_point("written");
	executor_io_give(executor, io);
	if (log->in_flight == 0)
		executor->ops->written(executor, log);
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
	log->in_flight++;
	stats_add(STATS_LOG_WRITES, 1);
	stats_add(STATS_LOG_BYTES, io->op.len);
	executor_io_submit(executor, io);
}

/* For a successor the blocks are always in one place or the other. */
static void take_blocks(struct mirror_log *log, struct log_io *io, uint64_t max)
{
	io->first = dirty_log_next_changed(&log->dirty, max, &io->count);
	io->flight->first = io->first;
	io->flight->count = io->count;
	atomic_signal_fence(memory_order_seq_cst);
	io->flight->log = log->record->number + 1;
	atomic_signal_fence(memory_order_seq_cst);
	dirty_log_take_changed(&log->dirty, io->first, io->count);
	kill_point("taken");
}

bool log_write_start(struct executor *executor, struct mirror_log *log)
{
	uint64_t max = LOG_IO_BYTES / log->device->block_bytes;

	log->commit_error = 0;
	log->commit_partial = false;
	while (dirty_log_has_changed(&log->dirty)) {
		struct log_io *io = executor_io_take(executor, log);

		if (!io) {
			log->commit_partial = true;
			break;
		}
		take_blocks(log, io, max);
		submit_write(executor, log, io);
	}
	if (log->in_flight == 0)
		return false;
	mirror_log_writes(log);
	slot_list_move(&log->committing, &log->waiters);
	return true;
}

void log_write_answer(struct executor *executor, struct mirror_log *log)
{
	if (log->commit_partial)
		slot_list_move(&log->waiters, &log->committing);
	else
		executor_reply_all(executor, &log->committing, 0);
}
