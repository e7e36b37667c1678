/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flush engine on io_uring: everything queued by many logs goes to the kernel in one call.
 *
 * The ring has a place for depth operations and three more for the polls of the wake-up eventfd, the watched
 * fd, and what tells of threads.
 *
 * Nothing is left to the kernel's own threads for this ring (io-wq): they are few, so that some devices
 * which hang would hold up all others, and a killed process waits for them. Operations say that they
 * must not wait (RWF_NOWAIT), and those that would have to are done by threads of ours (io_threads.h).
 * An operation takes a submission entry only while it is counted in in_flight, and in_flight never
 * passes depth: so io_uring_get_sqe cannot fail.
 */
#include "iouring/engine.h"
#include "iouring/io_threads.h"

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* SINGLE_ISSUER and COOP_TASKRUN spare locks and interrupts of this thread; TASKRUN_FLAG tells
 * liburing when a call is needed to collect completions, so that an idle run(0) makes none;
 * SUBMIT_ALL: one bad operation does not hold back those behind it. All exist since Linux 6.0. */
#define PREFERRED_FLAGS                                                                       \
	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | \
	 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED)

/* A wait takes its timeout without a submission entry. Linux 5.11. */
#define NEEDED_FEATURES IORING_FEAT_EXT_ARG

struct uring_engine {
	struct flush_engine base;
	struct io_uring ring;
	struct op_queue backlog;
	unsigned depth;
	unsigned in_flight; /* operations with a submission entry or in the kernel */
	struct io_threads *threads; /* for those that would have to wait */
	unsigned left_to_threads;
	bool threads_armed; /* the poll of what tells of them is on the ring */
	bool wake_armed; /* the poll of wake_fd is on the ring */
	bool watch_armed; /* the poll of watch_fd is */
	bool watch_stale; /* it was armed by an earlier run: what it tells may be read already */
	bool woken; /* one of them fired since run was entered */
};

/* User data of the polls; that of an operation is the operation. */
static char wake_tag, watch_tag, threads_tag;

static struct uring_engine *uring_engine(struct flush_engine *engine)
{
	return (struct uring_engine *)engine;
}

static struct io_uring_sqe *next_sqe(struct uring_engine *self)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	assert(sqe);
	return sqe;
}

/* Queue what is left of op. */
static void prepare(struct uring_engine *self, struct flush_op *op)
{
	struct io_uring_sqe *sqe = next_sqe(self);
	uint32_t len = op->len - op->progress;
	uint64_t offset = op->offset + op->progress;

	switch (op->kind) {
	case FLUSH_OP_READ:
		io_uring_prep_read(sqe, op->fd, op->buf + op->progress, len, offset);
		break;
	case FLUSH_OP_WRITE:
		io_uring_prep_write(sqe, op->fd, op->buf + op->progress, len, offset);
		sqe->rw_flags = RWF_DSYNC;
		break;
	}
	sqe->rw_flags |= RWF_NOWAIT;
	io_uring_sqe_set_data(sqe, op);
}

/* A one-shot poll is level-triggered when armed, so it reports wake-ups that came before it; and any
 * number of wake-ups makes one completion, where a multishot poll could flood the ring. */
static void arm_poll(struct uring_engine *self, int fd, void *tag, bool *armed)
{
	struct io_uring_sqe *sqe;

	if (*armed || fd < 0)
		return;
	sqe = next_sqe(self);
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	io_uring_sqe_set_data(sqe, tag);
	*armed = true;
}

static void arm_wake(struct uring_engine *self)
{
	arm_poll(self, self->base.wake_fd, &wake_tag, &self->wake_armed);
}

static void arm_watch(struct uring_engine *self)
{
	arm_poll(self, self->base.watch_fd, &watch_tag, &self->watch_armed);
}

static void arm_threads(struct uring_engine *self)
{
	if (self->left_to_threads > 0)
		arm_poll(self, io_threads_fd(self->threads), &threads_tag, &self->threads_armed);
}

static void start_backlog(struct uring_engine *self)
{
	while (self->backlog.head && self->in_flight < self->depth) {
		self->in_flight++;
		prepare(self, op_queue_pop(&self->backlog));
	}
}

/* Spend all wake-ups so far. One that comes after the read makes the next poll fire. */
static void note_wake(struct uring_engine *self)
{
	uint64_t wakes;
	ssize_t result = read(self->base.wake_fd, &wakes, sizeof(wakes));

	(void)result; /* an empty counter is no harm */
	self->wake_armed = false;
	self->woken = true;
}

/* -EAGAIN: the device takes no more requests now, or its table was swapped under the open device, which
 * is refused for ever. -EOPNOTSUPP: it takes none that must not wait. */
static bool would_wait(int result)
{
	return result == -EAGAIN || result == -EOPNOTSUPP;
}

/* One completion. Returns how many operations it finished, 0 or 1. */
static int complete(struct uring_engine *self, const struct io_uring_cqe *cqe)
{
	void *data = io_uring_cqe_get_data(cqe);
	struct flush_op *op = data;
	int error = 0;

	if (data == &wake_tag) {
		note_wake(self);
		return 0;
	}
	if (data == &watch_tag) {
		self->watch_armed = false;
		/* If it is stale it is armed again, and fires at once if there is something. */
		self->woken |= !self->watch_stale;
		self->watch_stale = false;
		return 0;
	}
	if (data == &threads_tag) {
		self->threads_armed = false;
		return 0;
	}
	if (would_wait(cqe->res)) {
		self->in_flight--;
		self->left_to_threads++;
		io_threads_add(self->threads, op);
		return 0;
	}
	if (flush_op_verdict(op, cqe->res, &error) == FLUSH_VERDICT_MORE) {
		prepare(self, op);
		return 0;
	}
	self->in_flight--;
	flush_op_finish(&self->base, op, error);
	return 1;
}

static int reap(struct uring_engine *self)
{
	struct io_uring_cqe *cqe;
	unsigned head;
	unsigned seen = 0;
	int count = 0;

	io_uring_for_each_cqe(&self->ring, head, cqe)
	{
		count += complete(self, cqe);
		seen++;
	}
	io_uring_cq_advance(&self->ring, seen);
	return count;
}

static int attend_threads(struct uring_engine *self)
{
	struct op_queue taken;
	int count;

	if (self->left_to_threads == 0)
		return 0;
	io_threads_go(self->threads);
	taken = io_threads_take(self->threads);
	count = flush_op_finish_all(&self->base, &taken);
	self->left_to_threads -= (unsigned)count;
	return count;
}

/* Errors of io_uring_enter that pass: the wait ended early, or the kernel was short of memory or of
 * completion slots, which reaping gives back. What was not submitted stays in the ring. */
static bool passes(int error)
{
	return error == -ETIME || error == -EINTR || error == -EAGAIN || error == -EBUSY;
}

static int enter_ring(struct uring_engine *self, int64_t timeout_ns)
{
	struct __kernel_timespec limit = {
		.tv_sec = timeout_ns / NS_PER_S,
		.tv_nsec = timeout_ns % NS_PER_S,
	};
	struct io_uring_cqe *cqe;
	int result;

	if (timeout_ns == 0)
		result = io_uring_submit(&self->ring);
	else
		result = io_uring_submit_and_wait_timeout(&self->ring, &cqe, 1,
							  timeout_ns < 0 ? NULL : &limit, NULL);
	return result < 0 && !passes(result) ? result : 0;
}

static void uring_submit(struct flush_engine *engine, struct flush_op *op)
{
	struct uring_engine *self = uring_engine(engine);

	op_queue_push(&self->backlog, op);
	start_backlog(self);
}

static int uring_run(struct flush_engine *engine, int64_t timeout_ns)
{
	struct uring_engine *self = uring_engine(engine);
	struct wait_end end = wait_end_after(timeout_ns);
	int64_t left = timeout_ns;
	int count;
	int error;

	self->woken = false;
	self->watch_stale = self->watch_armed;
	for (;;) {
		arm_wake(self);
		arm_threads(self);
		if (left != 0)
			arm_watch(self);
		start_backlog(self);
		error = enter_ring(self, left);
		if (error)
			return error;
		count = reap(self) + attend_threads(self);
		if (count > 0 || self->woken || left == 0)
			return count;
		left = wait_end_left(&end);
	}
}

static void uring_destroy(struct flush_engine *engine)
{
	struct uring_engine *self = uring_engine(engine);

	io_uring_queue_exit(&self->ring);
	io_threads_destroy(self->threads);
	free(self);
}

static const struct flush_engine_ops uring_ops = {
	.name = "uring",
	.submit = uring_submit,
	.run = uring_run,
	.destroy = uring_destroy,
};

/* liburing 2.3 declares functions for both that it does not export. */
static long register_with(struct io_uring *ring, unsigned what, void *argument, unsigned count)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, what, argument, count);
}

/* What goes through a ring no seccomp filter sees: it opens nothing, connects nothing, and its rules stay. */
static int restrict_ring(struct io_uring *ring)
{
	struct io_uring_restriction allowed[] = {
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READ},
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITE},
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_ADD},
		{.opcode = IORING_RESTRICTION_REGISTER_OP,
		 .register_op = IORING_REGISTER_ENABLE_RINGS}};

	if (register_with(ring, IORING_REGISTER_RESTRICTIONS, allowed,
			  sizeof(allowed) / sizeof(allowed[0])) != 0 ||
	    register_with(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0) != 0)
		return -errno;
	return 0;
}

/* Kernels before 5.10 know no ring that begins disabled, nor restrictions. */
static int unknown_is_missing(int error)
{
	return error == -EINVAL ? -ENOSYS : error;
}

static int open_ring(struct io_uring *ring, unsigned entries)
{
	int error = io_uring_queue_init(entries, ring, PREFERRED_FLAGS);

	if (error == -EINVAL)
		error = io_uring_queue_init(entries, ring, IORING_SETUP_R_DISABLED);
	if (error)
		return unknown_is_missing(error);
	error = -ENOSYS;
	if ((ring->features & NEEDED_FEATURES) == NEEDED_FEATURES)
		error = unknown_is_missing(restrict_ring(ring));
	if (error)
		io_uring_queue_exit(ring);
	return error;
}

/* A sandbox may allow the set-up of a ring and forbid its use: that must show here, while there is
 * still another engine to take. */
static int try_ring(struct uring_engine *self)
{
	int result;

	arm_wake(self);
	result = io_uring_submit(&self->ring);
	return result < 0 ? result : 0;
}

int uring_engine_create(struct flush_engine **engine, unsigned depth, int wake_fd)
{
	struct uring_engine *self = calloc(1, sizeof(*self));
	int error;

	if (!self)
		return -ENOMEM;
	self->base.ops = &uring_ops;
	self->base.wake_fd = wake_fd;
	self->base.watch_fd = -1;
	self->depth = depth;
	error = open_ring(&self->ring, depth + 3);
	if (error)
		goto err_free;
	error = try_ring(self);
	if (error)
		goto err_close_ring;
	error = io_threads_create(&self->threads, depth);
	if (error)
		goto err_close_ring;
	*engine = &self->base;
	return 0;

err_close_ring:
	io_uring_queue_exit(&self->ring);
err_free:
	free(self);
	return error;
}
