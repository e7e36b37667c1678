/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commits: durable before acknowledged. */
#include "server/commit.h"

#include "server/clock.h"
#include "server/logging.h"
#include "server/stats.h"

#include <errno.h>
#include <string.h>

#define RETRY_FIRST_NS (50 * NSEC_PER_MSEC)
#define RETRY_MAX_NS (500 * NSEC_PER_MSEC)

static void answer_all(struct worker *worker, struct slot_list *list, int error)
{
	struct slot *slot;

	while ((slot = slot_list_pop(list)))
		worker_reply(worker, slot, error);
}

static void recovered(struct worker *worker, struct mirror_log *log)
{
	if (log->retry_since_ns == 0 && !atomic_load_explicit(&log->failed, memory_order_relaxed))
		return;
	/* Blocks may be left that no write has covered since they failed. */
	if (dirty_log_has_changed(&log->dirty))
		return;
	log_warning("log device %u:%u of log %s works again", log->device->major,
		    log->device->minor, log->uuid);
	atomic_store_explicit(&log->failed, false, memory_order_relaxed);
	log->retry_since_ns = 0;
}

static void give_up(struct worker *worker, struct mirror_log *log, int error)
{
	if (!atomic_exchange_explicit(&log->failed, true, memory_order_relaxed))
		log_error("log device %u:%u of log %s has failed: %s; the mirror stops writing "
			  "until it gets another log",
			  log->device->major, log->device->minor, log->uuid, strerror(-error));
	log->retry_since_ns = 0;
	slot_list_move(&log->committing, &log->waiters);
	answer_all(worker, &log->committing, error);
}

/* Inside the time limit the waiters wait on, and the kernel hears nothing of it. */
static void back_off(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (log->retry_since_ns == 0) {
		log->retry_since_ns = now;
		log->retry_wait_ns = RETRY_FIRST_NS;
		log_warning("write to log device %u:%u of log %s failed: %s; trying again for "
			    "%lld s",
			    log->device->major, log->device->minor, log->uuid,
			    strerror(-log->commit_error),
			    (long long)(worker->options->retry_limit_ns / NSEC_PER_SEC));
	}
	slot_list_move(&log->waiters, &log->committing);
	worker_arm_retry(worker, log, now + log->retry_wait_ns);
	log->retry_wait_ns *= 2;
	if (log->retry_wait_ns > RETRY_MAX_NS)
		log->retry_wait_ns = RETRY_MAX_NS;
}

static void commit_failed(struct worker *worker, struct mirror_log *log)
{
	int64_t now = clock_now();
	bool known = atomic_load_explicit(&log->failed, memory_order_relaxed);
	bool expired = log->retry_since_ns != 0 &&
		       now - log->retry_since_ns >= worker->options->retry_limit_ns;

	if (known || expired)
		give_up(worker, log, log->commit_error);
	else
		back_off(worker, log, now);
}

static void commit_finished(struct worker *worker, struct mirror_log *log)
{
	if (log->commit_error) {
		commit_failed(worker, log);
		return;
	}
	if (log->commit_partial)
		slot_list_move(&log->waiters, &log->committing);
	recovered(worker, log);
	answer_all(worker, &log->committing, 0);
	if (log->waiters.first || dirty_log_has_changed(&log->dirty))
		commit_start(worker, log);
}

static void write_finished(struct worker *worker, struct mirror_log *log, struct log_io *io)
{
	log->in_flight--;
	if (io->error) {
		stats_add(STATS_IO_ERRORS, 1);
		log->commit_error = io->error;
		dirty_log_restore_changed(&log->dirty, io->first, io->count);
	}
	worker_io_give(worker, io);
	if (log->in_flight == 0)
		commit_finished(worker, log);
}

static void submit_write(struct worker *worker, struct mirror_log *log, struct log_io *io)
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
	worker_io_submit(worker, io);
}

static void submit_changed(struct worker *worker, struct mirror_log *log)
{
	uint64_t max = LOG_IO_BYTES / log->device->block_bytes;

	log->commit_partial = false;
	while (dirty_log_has_changed(&log->dirty)) {
		struct log_io *io = worker_io_take(worker, log);

		if (!io) {
			log->commit_partial = true;
			return;
		}
		io->first = dirty_log_take_changed(&log->dirty, max, &io->count);
		submit_write(worker, log, io);
	}
}

void commit_start(struct worker *worker, struct mirror_log *log)
{
	if (log->in_flight > 0 || log->retry_link.on)
		return;
	if (!dirty_log_has_changed(&log->dirty)) {
		answer_all(worker, &log->waiters, 0);
		return;
	}
	if (log->foreign) {
		answer_all(worker, &log->waiters, -EIO);
		return;
	}
	log->commit_error = 0;
	slot_list_move(&log->committing, &log->waiters);
	atomic_store_explicit(&log->device->last_writer, log->id, memory_order_relaxed);
	submit_changed(worker, log);
	/* Not one buffer: wait on, the starved list brings us back. */
	if (log->in_flight == 0)
		slot_list_move(&log->waiters, &log->committing);
}

void commit_wait(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	slot_list_add(&log->waiters, slot);
	commit_start(worker, log);
}

void commit_retry(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (!log->retry_link.on || now < log->retry_at_ns)
		return;
	worker_disarm_retry(worker, log);
	commit_start(worker, log);
}
