/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Desks. */
#include "server/log/executor.h"

#include "server/base/crash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void io_done(struct flush_op *op, int error)
{
	struct log_io *io = (struct log_io *)op;

	io->error = error;
	io->desk->ops->io_ended(io->desk, io);
}

static int create_ios(struct desk *desk, unsigned ios)
{
	desk->io_all = calloc(ios, sizeof(*desk->io_all));
	desk->io_arena = aligned_alloc(LOG_IO_BYTES, (size_t)ios * LOG_IO_BYTES);
	if (!desk->io_all || !desk->io_arena)
		return -ENOMEM;
	for (unsigned i = 0; i < ios; i++) {
		struct log_io *io = &desk->io_all[i];

		io->desk = desk;
		io->flight = &desk->kept->flights[i];
		io->op.buf = desk->io_arena + (size_t)i * LOG_IO_BYTES;
		io->op.done = io_done;
		io->next = desk->io_free;
		desk->io_free = io;
	}
	return 0;
}

void desk_set_up(struct desk *desk, struct estate *estate, unsigned number,
		 struct transport *transport, struct slots *slots)
{
	desk->kept = &estate->fixed->desks[number];
	desk->outbox = (struct outbox){
		.transport = transport, .slots = slots, .dispatch = &desk->kept->dispatch};
}

int desk_open(struct desk *desk, enum flush_engine_kind kind, unsigned ios)
{
	int r = create_ios(desk, ios);

	crash_mark(&desk->kept->crashed);
	if (r == 0)
		r = flush_engine_create(&desk->engine, kind, ios);
	return r;
}

void desk_close(struct desk *desk)
{
	if (desk->engine && desk->engine->pending > 0)
		return;
	if (desk->engine)
		flush_engine_destroy(desk->engine);
	desk->engine = NULL;
	free(desk->io_arena);
	free(desk->io_all);
}

struct log_io *desk_io_take(struct desk *desk, struct mirror_log *log)
{
	struct log_io *io = desk->io_free;

	if (!io)
		return NULL;
	desk->io_free = io->next;
	io->log = log;
	return io;
}

void desk_io_give(struct desk *desk, struct log_io *io)
{
	/* A write that failed has put its blocks back before. */
	atomic_signal_fence(memory_order_seq_cst);
	io->flight->log = 0;
	io->next = desk->io_free;
	desk->io_free = io;
}

void desk_io_submit(struct desk *desk, struct log_io *io)
{
	flush_engine_submit(desk->engine, &io->op);
}

void desk_reply(struct desk *desk, struct slot *slot, int error)
{
	wire_reply(&slot->message, error, 0);
	outbox_add(&desk->outbox, slot);
}

void desk_reply_all(struct desk *desk, struct slot_list *list, int error)
{
	struct slot *slot;

	while ((slot = slot_list_pop(list)))
		desk_reply(desk, slot, error);
}
