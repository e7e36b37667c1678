/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Executors: operations and their buffers, made once, for an engine of their own; replies. */
#include "server/log/executor.h"

#include "server/base/check.h"
#include "server/base/crash.h"
#include "server/base/diag.h"
#include "server/log/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* None: clears alone. */
const struct bucket_scale executor_commit_scale = {
	.count = 10, .unit = 1, .limits = {0, 1, 2, 4, 8, 16, 32, 64, 128, 256}};

/* Its device is left behind it. */
static void end_stray(struct executor *executor, struct log_io *io)
{
	struct log_device *device = io->device;

	diag_debug("I/O of log device %u:%u that nobody waited for any more has ended",
		   device->major, device->minor);
	executor_io_give(executor, io);
	log_device_end_stray(device);
}

static void io_done(struct flush_op *op, int error)
{
	struct log_io *io = (struct log_io *)op;
	struct executor *executor = io->executor;

	if (!io->log) {
		end_stray(executor, io);
		return;
	}
	io->error = error;
	executor_works(executor, io->log->record);
	executor->ops->io_ended(executor, io);
	executor_waits(executor);
}

static void push(struct log_io **list, struct log_io *io)
{
	io->next = *list;
	*list = io;
}

static void set_up_io(struct executor *executor, unsigned number, bool extra)
{
	struct log_io *io = &executor->io_all[number];

	io->executor = executor;
	io->flight = &executor->estate->flights[number];
	io->op.done = io_done;
	io->extra = extra;
	if (!extra)
		io->op.buf = executor->io_arena + (size_t)number * LOG_IO_BYTES;
	push(extra ? &executor->io_spare : &executor->io_free, io);
}

static int create_ios(struct executor *executor, unsigned ios, unsigned extra)
{
	executor->io_all = calloc(ios + extra, sizeof(*executor->io_all));
	executor->io_arena = aligned_alloc(LOG_IO_BYTES, (size_t)ios * LOG_IO_BYTES);
	if (!executor->io_all || !executor->io_arena)
		return -ENOMEM;
	executor->io_count = ios + extra;
	for (unsigned i = 0; i < ios + extra; i++)
		set_up_io(executor, i, i >= ios);
	return 0;
}

void executor_set_up(struct executor *executor, struct estate *estate, unsigned number,
		     int netlink_fd, struct slots *slots)
{
	executor->estate = &estate->fixed->executors[number];
	executor->outbox = (struct outbox){
		.fd = netlink_fd, .slots = slots, .dispatch = &executor->estate->dispatch};
}

void executor_enter(struct executor *executor)
{
	crash_mark(&executor->estate->duty.crashed);
	atomic_store(&executor->estate->thread, (uint32_t)gettid());
}

int executor_open(struct executor *executor, enum flush_engine_kind kind, unsigned ios,
		  unsigned extra)
{
	int r = create_ios(executor, ios, extra);

	if (r == 0)
		r = flush_engine_create(&executor->engine, kind, ios + extra);
	return r;
}

void executor_close(struct executor *executor)
{
	if (executor->engine && executor->engine->pending > 0)
		return;
	if (executor->engine)
		flush_engine_destroy(executor->engine);
	executor->engine = NULL;
	for (unsigned i = 0; i < executor->io_count; i++)
		if (executor->io_all[i].extra)
			free(executor->io_all[i].op.buf);
	free(executor->io_arena);
	free(executor->io_all);
}

static struct log_io *take_extra(struct executor *executor)
{
	struct log_io *io = executor->io_spare;

	if (!io)
		return NULL;
	io->op.buf = aligned_alloc(LOG_IO_BYTES, LOG_IO_BYTES);
	if (!io->op.buf)
		return NULL;
	executor->io_spare = io->next;
	return io;
}

static struct log_io *take_io(struct executor *executor)
{
	struct log_io *io = executor->io_free;

	if (!io)
		return take_extra(executor);
	executor->io_free = io->next;
	return io;
}

/* The last free one is kept, whichever it is: who waits for one looks there. */
static void give_back(struct executor *executor, struct log_io *io)
{
	if (!io->extra || !executor->io_free) {
		push(&executor->io_free, io);
		return;
	}
	free(io->op.buf);
	io->op.buf = NULL;
	push(&executor->io_spare, io);
}

struct log_io *executor_io_take(struct executor *executor, struct mirror_log *log,
				struct log_device *device)
{
	struct log_io *io = log_device_is_full(device) ? NULL : take_io(executor);

	if (!io)
		return NULL;
	atomic_fetch_add_explicit(&device->ios, 1, memory_order_relaxed);
	io->log = log;
	io->device = device;
	return io;
}

void executor_io_give(struct executor *executor, struct log_io *io)
{
	CHECK(io->executor == executor);
	/* A write that failed has put its blocks back before. */
	atomic_signal_fence(memory_order_seq_cst);
	io->flight->log = 0;
	io->log = NULL;
	atomic_fetch_sub_explicit(&io->device->ios, 1, memory_order_relaxed);
	give_back(executor, io);
}

void executor_io_abandon(struct log_io *io)
{
	CHECK(io->log);
	log_device_begin_stray(io->device);
	io->log = NULL;
}

void executor_abandon_all(struct executor *executor, struct mirror_log *log)
{
	for (unsigned i = 0; i < executor->io_count; i++)
		if (executor->io_all[i].log == log)
			executor_io_abandon(&executor->io_all[i]);
}

void executor_io_submit(struct executor *executor, struct log_io *io)
{
	assert(io->executor == executor && io->finish);
	flush_engine_submit(executor->engine, &io->op);
}

void executor_reply(struct executor *executor, struct slot *slot, int error)
{
	wire_reply(&slot->message, error, 0);
	outbox_add(&executor->outbox, slot);
}

void executor_reply_all(struct executor *executor, struct slot_list *list, int error)
{
	struct slot *slot;

	while ((slot = slot_list_pop(list)))
		executor_reply(executor, slot, error);
}
