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

static void finish(struct worker *worker, struct mirror_log *log, bool readable)
{
	struct log_load load = log->load;

	dirty_log_load(&log->dirty, load.valid, readable, !log->ever_resumed && !load.reconnect);
	log->load = (struct log_load){0};
	log->loads = false;
	mirror_log_writes(log);
	log->ever_resumed = true;
	log_info("log %s: %" PRIu64 " of %" PRIu64 " regions in sync on %u:%u", log->uuid,
		 dirty_log_sync_count(&log->dirty), log->dirty.config.region_count,
		 log->device->major, log->device->minor);
	if (!readable)
		set_failed(log);
	mirror_log_keep(log);
	kill_point("loaded");
	if (log->foreign)
		desk_reply(&worker->desk, load.slot, load.reconnect ? 0 : -EINVAL);
	else if (load.reconnect)
		desk_reply(&worker->desk, load.slot, 0);
	else
		commit_wait(worker, log, load.slot);
}

/* The last block that holds a bit which the header covers. */
static uint64_t last_block(const struct mirror_log *log)
{
	uint64_t n = log->dirty.config.region_count;
	uint64_t valid = log->load.valid < n ? log->load.valid : n;

	return valid == 0 ? 0 : log_image_block_of(&log->dirty.geometry, valid - 1);
}

static bool take_header(struct mirror_log *log, const uint8_t *bytes)
{
	struct log_image_header header;

	switch (log_image_decode_header(bytes, &header)) {
	case LOG_IMAGE_VALID:
		log->load.valid = header.nr_regions;
		return true;
	case LOG_IMAGE_NEW:
		log->load.valid = 0;
		return true;
	case LOG_IMAGE_WRONG_VERSION:
		break;
	}
	log_error("log device %u:%u of log %s holds a log of version %" PRIu32 ", and only 1 and 2 "
		  "are known: nothing is written to it",
		  log->device->major, log->device->minor, log->uuid, header.version);
	log->foreign = true;
	log->load.valid = 0;
	return false;
}

static void read_finished(struct desk *desk, struct mirror_log *log, struct log_io *io)
{
	struct worker *worker = worker_of(desk);
	bool readable = io->error == 0;

	if (io->error) {
		stats_add(STATS_IO_ERRORS, 1);
		log_error("log device %u:%u of log %s cannot be read: %s; all regions count as out "
			  "of sync",
			  log->device->major, log->device->minor, log->uuid, strerror(-io->error));
		log->load.valid = 0;
		region_bitmap_fill_from(&log->dirty.image, 0, false);
	} else if (io->first == 0) {
		readable = take_header(log, io->op.buf);
	}
	if (readable && log->load.valid > 0)
		log_image_decode_blocks(&log->dirty.geometry, &log->dirty.image, log->load.valid,
					io->first, io->count, io->op.buf);
	kill_point("read");
	log->load.next = io->first + io->count;
	desk_io_give(desk, io);
	if (readable && log->load.next <= last_block(log))
		load_continue(worker, log);
	else
		finish(worker, log, readable);
}

void load_continue(struct worker *worker, struct mirror_log *log)
{
	uint32_t block = log->device->block_bytes;
	uint64_t left = log_image_blocks(&log->dirty.geometry) - log->load.next;
	uint64_t max = LOG_IO_BYTES / block;
	struct log_io *io;

	log->load.starved = true;
	if (!commit_claim(worker, log))
		return;
	worker_disarm_retry(worker, log);
	io = worker_io_take(worker, log);
	log->load.starved = io == NULL;
	if (!io)
		return;
	io->first = log->load.next;
	io->count = left < max ? left : max;
	io->op.kind = FLUSH_OP_READ;
	io->op.fd = log->device->fd;
	io->op.len = (uint32_t)(io->count * block);
	io->op.offset = log->dirty.geometry.base + io->first * block;
	io->finish = read_finished;
	desk_io_submit(&worker->desk, io);
}

void load_start(struct worker *worker, struct mirror_log *log, struct slot *slot, bool reconnect)
{
	dirty_log_unload(&log->dirty);
	log->loads = true;
	log->foreign = false;
	log->load = (struct log_load){.slot = slot, .reconnect = reconnect};
	load_continue(worker, log);
}
