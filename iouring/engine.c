/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engines share: the end of an operation, the verdict on a transfer, the backlog, the end of a
 * wait. */
#include "iouring/engine.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

void flush_op_finish(struct flush_engine *engine, struct flush_op *op, int error)
{
	assert(engine->pending > 0 && error <= 0);
	engine->pending--;
	op->done(op, error);
}

static enum flush_verdict failed(int *error, int value)
{
	*error = value;
	return FLUSH_VERDICT_ERROR;
}

static enum flush_verdict succeeded(int *error)
{
	*error = 0;
	return FLUSH_VERDICT_DONE;
}

enum flush_verdict flush_op_verdict(struct flush_op *op, long result, int *error)
{
	int64_t left = (int64_t)op->len - op->progress;

	assert(left >= 0);
	if (result == -EINTR || result == -EAGAIN)
		return FLUSH_VERDICT_MORE;
	if (result < 0)
		return failed(error, (int)result);
	/* Nothing moved though something was left: asking again would go on for ever. */
	if (result > left || (result == 0 && left > 0))
		return failed(error, -EIO);
	op->progress += (uint32_t)result;
	return result == left ? succeeded(error) : FLUSH_VERDICT_MORE;
}

void op_queue_push(struct op_queue *queue, struct flush_op *op)
{
	assert(!op->next);
	if (queue->head)
		queue->tail->next = op;
	else
		queue->head = op;
	queue->tail = op;
}

struct flush_op *op_queue_pop(struct op_queue *queue)
{
	struct flush_op *op = queue->head;

	if (op) {
		queue->head = op->next;
		op->next = NULL;
	}
	return op;
}

int flush_op_finish_all(struct flush_engine *engine, struct op_queue *ops)
{
	struct flush_op *op;
	int count = 0;

	while ((op = op_queue_pop(ops))) {
		flush_op_finish(engine, op, op->error);
		count++;
	}
	return count;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

struct wait_end wait_end_after(int64_t timeout_ns)
{
	struct wait_end end = {.timeout_ns = timeout_ns};
	int64_t now;

	if (timeout_ns <= 0)
		return end;
	now = now_ns();
	end.end_ns = timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
	return end;
}

int64_t wait_end_left(const struct wait_end *end)
{
	int64_t left;

	if (end->timeout_ns <= 0)
		return end->timeout_ns;
	left = end->end_ns - now_ns();
	return left > 0 ? left : 0;
}
