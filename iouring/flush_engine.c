/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of the flush engine that no engine differs in: choice, wake-up, counting, the verdict. */
#include "iouring/engines.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Containers and hardened hosts forbid io_uring, old kernels lack it, and small memlock limits
 * starve it. Any other error is a mistake of the caller's that sync would only hide. */
static bool kernel_refuses_uring(int error)
{
	return error == -EPERM || error == -ENOSYS || error == -ENOMEM;
}

static int create_kind(struct flush_engine **engine, enum flush_engine_kind kind, unsigned depth,
		       int wake_fd)
{
	int error;

	if (kind == FLUSH_ENGINE_SYNC)
		return sync_engine_create(engine, wake_fd);
	error = uring_engine_create(engine, depth, wake_fd);
	if (kind == FLUSH_ENGINE_AUTO && kernel_refuses_uring(error))
		return sync_engine_create(engine, wake_fd);
	return error;
}

int flush_engine_create(struct flush_engine **engine, enum flush_engine_kind kind, unsigned depth)
{
	int wake_fd;
	int error;

	if (depth == 0 || depth > FLUSH_ENGINE_DEPTH_MAX)
		return -EINVAL;
	wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake_fd < 0)
		return -errno;
	error = create_kind(engine, kind, depth, wake_fd);
	if (error)
		close(wake_fd);
	else
		(*engine)->watch_fd = -1;
	return error;
}

void flush_engine_watch(struct flush_engine *engine, int fd)
{
	engine->watch_fd = fd;
}

void flush_engine_destroy(struct flush_engine *engine)
{
	int wake_fd = engine->wake_fd;

	assert(engine->pending == 0);
	engine->ops->destroy(engine);
	if (wake_fd >= 0)
		close(wake_fd);
}

void flush_engine_submit(struct flush_engine *engine, struct flush_op *op)
{
	op->progress = 0;
	op->next = NULL;
	engine->pending++;
	engine->ops->submit(engine, op);
}

int flush_engine_run(struct flush_engine *engine, int64_t timeout_ns)
{
	return engine->ops->run(engine, timeout_ns);
}

void flush_engine_wake(struct flush_engine *engine)
{
	const uint64_t one = 1;
	int saved_errno = errno; /* a signal handler may be the caller */

	/* It fails only when the counter is full, and then a wake-up is waiting already. */
	if (write(engine->wake_fd, &one, sizeof(one)) < 0)
		errno = saved_errno;
}

void flush_op_finish(struct flush_engine *engine, struct flush_op *op, int error)
{
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

	if (result == -EINTR || result == -EAGAIN)
		return FLUSH_VERDICT_MORE;
	if (result < 0)
		return failed(error, (int)result);
	if (op->kind == FLUSH_OP_SYNC)
		return succeeded(error);
	/* Nothing moved though something was left: asking again would go on for ever. */
	if (result > left || (result == 0 && left > 0))
		return failed(error, -EIO);
	op->progress += (uint32_t)result;
	return result == left ? succeeded(error) : FLUSH_VERDICT_MORE;
}

void op_queue_push(struct op_queue *queue, struct flush_op *op)
{
	op->next = NULL;
	if (queue->head)
		queue->tail->next = op;
	else
		queue->head = op;
	queue->tail = op;
}

struct flush_op *op_queue_pop(struct op_queue *queue)
{
	struct flush_op *op = queue->head;

	if (op)
		queue->head = op->next;
	return op;
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
