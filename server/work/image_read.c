/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a log's image. */
#include "server/work/image_read.h"

#include "server/work/commit.h"
#include "server/base/kill_point.h"
#include "server/log/log_device.h"
#include "server/base/diag.h"
#include "server/base/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void set_failed(struct mirror_log *log)
{
	atomic_store_explicit(&log->failed, true, memory_order_relaxed);
}

static void finish_reading(struct worker *worker, struct mirror_log *log, bool readable)
{
	struct image_read load = log->image_read;

	dirty_log_begin(&log->dirty, load.valid, readable, !log->ever_resumed && !load.reconnect);
	log->image_read = (struct image_read){0};
	log->reads = false;
	mirror_log_writes(log);
	log->ever_resumed = true;
	diag_info("log %s: %" PRIu64 " of %" PRIu64 " regions in sync on %u:%u", log->uuid,
		  dirty_log_sync_count(&log->dirty), log->dirty.config.region_count,
		  log->device->major, log->device->minor);
	if (!readable)
		set_failed(log);
	mirror_log_record_status(log);
	kill_point("loaded");
	if (log->foreign)
		executor_reply(&worker->executor, load.slot, load.reconnect ? 0 : -EINVAL);
	else if (load.reconnect)
		executor_reply(&worker->executor, load.slot, 0);
	else
		commit_wait(worker, log, load.slot);
}

/* The last block that holds a bit which the header covers. */
static uint64_t last_block(const struct mirror_log *log)
{
	uint64_t n = log->dirty.config.region_count;
	uint64_t valid = log->image_read.valid < n ? log->image_read.valid : n;

	return valid == 0 ? 0 : log_image_block_of(&log->dirty.geometry, valid - 1);
}

static bool take_header(struct mirror_log *log, const uint8_t *bytes)
{
	struct log_image_header header;

	switch (log_image_decode_header(bytes, &header)) {
	case LOG_IMAGE_VALID:
		log->image_read.valid = header.nr_regions;
		return true;
	case LOG_IMAGE_NEW:
		log->image_read.valid = 0;
		return true;
	case LOG_IMAGE_WRONG_VERSION:
		break;
	}
	diag_error("log device %u:%u of log %s holds a log of version %" PRIu32
		   ", and only 1 and 2 "
		   "are known: nothing is written to it",
		   log->device->major, log->device->minor, log->uuid, header.version);
	log->foreign = true;
	log->image_read.valid = 0;
	return false;
}

static void read_finished(struct executor *executor, struct mirror_log *log, struct log_io *io)
{
	struct worker *worker = worker_of(executor);
	bool readable = io->error == 0;

	if (io->error) {
		stats_add(STATS_IO_ERRORS, 1);
		diag_error(
			"log device %u:%u of log %s cannot be read: %s; all regions count as out "
			"of sync",
			log->device->major, log->device->minor, log->uuid, strerror(-io->error));
		log->image_read.valid = 0;
		region_bitmap_fill_from(&log->dirty.image, 0, false);
	} else if (io->first == 0) {
		readable = take_header(log, io->op.buf);
	}
	if (readable && log->image_read.valid > 0)
		log_image_decode_blocks(&log->dirty.geometry, &log->dirty.image,
					log->image_read.valid, io->first, io->count, io->op.buf);
	kill_point("read");
	log->image_read.next = io->first + io->count;
	executor_io_give(executor, io);
	if (readable && log->image_read.next <= last_block(log))
		image_read_continue(worker, log);
	else
		finish_reading(worker, log, readable);
}

void image_read_continue(struct worker *worker, struct mirror_log *log)
{
	uint32_t block = log->device->block_bytes;
	uint64_t left = log_image_blocks(&log->dirty.geometry) - log->image_read.next;
	uint64_t max = LOG_IO_BYTES / block;
	struct log_io *io;

	log->image_read.starved = true;
	if (!commit_claim(worker, log))
		return;
	worker_disarm_retry(worker, log);
	io = worker_io_take(worker, log);
	log->image_read.starved = io == NULL;
	if (!io)
		return;
	io->first = log->image_read.next;
	io->count = left < max ? left : max;
	io->op.kind = FLUSH_OP_READ;
	io->op.fd = log->device->fd;
	io->op.len = (uint32_t)(io->count * block);
	io->op.offset = log->dirty.geometry.base + io->first * block;
	io->finish = read_finished;
	executor_io_submit(&worker->executor, io);
}

void image_read_start(struct worker *worker, struct mirror_log *log, struct slot *slot,
		      bool reconnect)
{
	dirty_log_forget(&log->dirty);
	log->reads = true;
	log->foreign = false;
	log->image_read = (struct image_read){.slot = slot, .reconnect = reconnect};
	image_read_continue(worker, log);
}
