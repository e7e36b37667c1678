/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the flush engines and their factory (flush_engine.c) share; private to iouring/. */
#ifndef IOURING_ENGINE_H
#define IOURING_ENGINE_H

#include "iouring/flush_engine.h"

#define NS_PER_S 1000000000LL

/* Make one engine. wake_fd stays the caller's: it outlives the engine and is closed after it.
 * 0 or -errno; *engine is untouched by a failure. */
int uring_engine_create(struct flush_engine **engine, unsigned depth, int wake_fd);
int sync_engine_create(struct flush_engine **engine, unsigned depth, int wake_fd);

/* The operation is over: it no longer counts as pending, and done is called, which may free it. */
void flush_op_finish(struct flush_engine *engine, struct flush_op *op, int error);

/* A FIFO of operations, linked through op->next. All zero is empty. */
struct op_queue {
	struct flush_op *head;
	struct flush_op *tail; /* valid while head is not NULL */
};

void op_queue_push(struct op_queue *queue, struct flush_op *op);
struct flush_op *op_queue_pop(struct op_queue *queue); /* NULL when empty */

/* Finish all of them as their error says, and empty the queue. How many. */
int flush_op_finish_all(struct flush_engine *engine, struct op_queue *ops);

/* A wait's end on CLOCK_MONOTONIC, for a timeout_ns as flush_engine_run takes it. A wait is
 * resumed after signals and partial transfers, so engines count down to a fixed point. */
struct wait_end {
	int64_t timeout_ns;
	int64_t end_ns; /* meaningful for a positive timeout_ns */
};

struct wait_end wait_end_after(int64_t timeout_ns);
int64_t wait_end_left(const struct wait_end *end); /* ns; 0: over; negative: no limit */

#endif
