/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flush engine for hosts that forbid io_uring: plain system calls, made inside run. */
#include "iouring/engine.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct sync_engine {
	struct flush_engine base;
	struct op_queue queued;
};

static struct sync_engine *sync_engine(struct flush_engine *engine)
{
	return (struct sync_engine *)engine;
}

static ssize_t transfer(const struct flush_op *op)
{
	struct iovec rest = {
		.iov_base = op->buf + op->progress,
		.iov_len = op->len - op->progress,
	};
	off_t offset = (off_t)(op->offset + op->progress);

	if (op->kind == FLUSH_OP_READ)
		return preadv2(op->fd, &rest, 1, offset, 0);
	return pwritev2(op->fd, &rest, 1, offset, 0);
}

static long try_once(const struct flush_op *op)
{
	ssize_t result = transfer(op);

	return result < 0 ? -errno : result;
}

static int carry_out(struct flush_op *op)
{
	enum flush_verdict verdict;
	int error = 0;

	do
		verdict = flush_op_verdict(op, try_once(op), &error);
	while (verdict == FLUSH_VERDICT_MORE);
	/* RWF_DSYNC would flush a device without FUA twice when it is not done asynchronously:
	 * behind the write, and in generic_write_sync(). */
	if (error == 0 && op->kind == FLUSH_OP_WRITE && fdatasync(op->fd) != 0)
		error = -errno;
	return error;
}

/* What callbacks submit meanwhile waits for the next run, as it would with io_uring: a caller that
 * submits from every callback must get its thread back all the same. */
static int do_queued(struct sync_engine *self)
{
	struct op_queue batch = self->queued;
	struct flush_op *op;
	int count = 0;

	self->queued = (struct op_queue){0};
	while ((op = op_queue_pop(&batch))) {
		flush_op_finish(&self->base, op, carry_out(op));
		count++;
	}
	return count;
}

/* Returns whether there was a wake-up, or -errno. */
static int poll_fds(const struct flush_engine *engine, int64_t timeout_ns)
{
	struct pollfd fds[] = {
		{.fd = engine->wake_fd, .events = POLLIN},
		{.fd = engine->watch_fd, .events = POLLIN}, /* -1 is passed over */
	};
	struct timespec limit = {
		.tv_sec = timeout_ns / NS_PER_S,
		.tv_nsec = timeout_ns % NS_PER_S,
	};
	int count = ppoll(fds, 2, timeout_ns < 0 ? NULL : &limit, NULL);

	return count < 0 ? -errno : (fds[0].revents & POLLIN) != 0;
}

static int wait_for_wake(struct sync_engine *self, int64_t timeout_ns)
{
	struct wait_end end = wait_end_after(timeout_ns);
	uint64_t wakes;
	int result;

	do
		result = poll_fds(&self->base, wait_end_left(&end));
	while (result == -EINTR);
	/* Reading spends all wake-ups so far; only this thread reads, so it cannot come up empty. */
	if (result > 0 && read(self->base.wake_fd, &wakes, sizeof(wakes)) < 0)
		return -errno;
	return result < 0 ? result : 0;
}

static void sync_submit(struct flush_engine *engine, struct flush_op *op)
{
	op_queue_push(&sync_engine(engine)->queued, op);
}

static int sync_run(struct flush_engine *engine, int64_t timeout_ns)
{
	struct sync_engine *self = sync_engine(engine);
	int count = do_queued(self);

	return count > 0 ? count : wait_for_wake(self, timeout_ns);
}

static void sync_destroy(struct flush_engine *engine)
{
	free(sync_engine(engine));
}

static const struct flush_engine_ops sync_ops = {
	.name = "sync",
	.submit = sync_submit,
	.run = sync_run,
	.destroy = sync_destroy,
};

int sync_engine_create(struct flush_engine **engine, int wake_fd)
{
	struct sync_engine *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	self->base.ops = &sync_ops;
	self->base.wake_fd = wake_fd;
	*engine = &self->base;
	return 0;
}
