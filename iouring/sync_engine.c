/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flush engine for hosts that forbid io_uring: plain system calls, by threads. Each operation in
 * flight has one, so that a device that hangs holds up none but its own. They come when they are needed,
 * and end when they were not for long.
 *
 * An operation goes from queued (the caller's, until the next run) to ready, to a thread, and to finished,
 * from where run takes it. done_fd tells run of finished ones; wake_fd is for wake-ups alone, since each
 * of those has to make run return.
 */
#include "iouring/device_thread.h"
#include "iouring/engine.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES (256u * 1024u) /* it is locked memory */
#define IDLE_SECONDS 30 /* then a thread ends, if it is not the last */

struct sync_engine {
	struct flush_engine base;
	struct op_queue queued;
	int done_fd; /* eventfd, nonblocking: readable while something is finished */
	bool own_files; /* threads have file tables of their own */
	unsigned threads_max;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work; /* something is ready, or stopping */
	pthread_cond_t ended; /* a thread */
	struct op_queue ready, finished;
	unsigned ready_count;
	unsigned threads;
	unsigned idle; /* of them, also those that start or were woken */
	bool stopping;
};

static struct sync_engine *sync_engine(struct flush_engine *engine)
{
	return (struct sync_engine *)engine;
}

/* --- an operation, by a thread --- */

static ssize_t transfer(const struct flush_op *op, int fd)
{
	struct iovec rest = {
		.iov_base = op->buf + op->progress,
		.iov_len = op->len - op->progress,
	};
	off_t offset = (off_t)(op->offset + op->progress);

	if (op->kind == FLUSH_OP_READ)
		return preadv2(fd, &rest, 1, offset, 0);
	return pwritev2(fd, &rest, 1, offset, 0);
}

static long try_once(const struct flush_op *op, int fd)
{
	ssize_t result = transfer(op, fd);

	return result < 0 ? -errno : result;
}

static int carry_out(struct flush_op *op, int fd)
{
	enum flush_verdict verdict;
	int error = 0;

	do
		verdict = flush_op_verdict(op, try_once(op, fd), &error);
	while (verdict == FLUSH_VERDICT_MORE);
	/* RWF_DSYNC would flush a device without FUA twice when it is not done asynchronously:
	 * behind the write, and in generic_write_sync(). */
	if (error == 0 && op->kind == FLUSH_OP_WRITE && fdatasync(fd) != 0)
		error = -errno;
	return error;
}

static int carry_out_borrowed(struct flush_op *op)
{
	int fd = device_thread_borrow(op->fd);
	int error;

	if (fd < 0)
		return fd;
	device_thread_enters();
	error = carry_out(op, fd);
	device_thread_leaves();
	device_thread_give_back(fd);
	return error;
}

/* --- threads --- */

/* Under the lock. */
static void finish(struct sync_engine *self, struct flush_op *op)
{
	const uint64_t one = 1;
	bool first = !self->finished.head;

	op_queue_push(&self->finished, op);
	if (first && write(self->done_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full, and so readable */
}

/* False: there was nothing for long; the last thread waits on. */
static bool wait_for_op(struct sync_engine *self)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	self->idle++;
	while (r == 0 && !self->ready.head && !self->stopping) {
		if (self->threads == 1)
			pthread_cond_wait(&self->work, &self->lock);
		else
			r = pthread_cond_timedwait(&self->work, &self->lock, &until);
	}
	self->idle--;
	return r == 0 || self->ready.head || self->threads == 1;
}

static void do_next(struct sync_engine *self)
{
	struct flush_op *op = op_queue_pop(&self->ready);

	self->ready_count--;
	pthread_mutex_unlock(&self->lock);
	op->error = carry_out_borrowed(op);
	pthread_mutex_lock(&self->lock);
	finish(self, op);
}

static void *engine_thread(void *argument)
{
	struct sync_engine *self = argument;

	pthread_setname_np(pthread_self(), "device-io");
	if (self->own_files)
		device_thread_begin();
	pthread_mutex_lock(&self->lock);
	self->idle--;
	while (!self->stopping) {
		if (self->ready.head)
			do_next(self);
		else if (!wait_for_op(self))
			break;
	}
	self->threads--;
	pthread_cond_signal(&self->ended);
	pthread_mutex_unlock(&self->lock);
	return NULL;
}

/* Under the lock. Nobody waits for its end but sync_destroy, which counts them. */
static int add_io_thread(struct sync_engine *self)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attr, engine_thread, self);
	pthread_attr_destroy(&attr);
	if (r == 0) {
		self->threads++;
		self->idle++;
	}
	return -r;
}

/* --- the caller's --- */

/* Under the lock: a thread for each operation that waits for one. One that cannot be had now is tried for
 * again. */
static void see_to_io_threads(struct sync_engine *self)
{
	while (self->ready_count > self->idle && self->threads < self->threads_max &&
	       add_io_thread(self) == 0)
		;
	if (self->ready_count > 0)
		pthread_cond_broadcast(&self->work);
}

static void hand_out_queued(struct sync_engine *self)
{
	struct flush_op *op;

	pthread_mutex_lock(&self->lock);
	while ((op = op_queue_pop(&self->queued))) {
		op_queue_push(&self->ready, op);
		self->ready_count++;
	}
	see_to_io_threads(self);
	pthread_mutex_unlock(&self->lock);
}

static struct op_queue take_finished(struct sync_engine *self)
{
	struct op_queue taken;
	uint64_t times;

	pthread_mutex_lock(&self->lock);
	taken = self->finished;
	self->finished = (struct op_queue){0};
	if (taken.head && read(self->done_fd, &times, sizeof(times)) < 0)
		times = 0; /* what is taken was told of before: it cannot come up empty */
	pthread_mutex_unlock(&self->lock);
	return taken;
}

/* What callbacks submit meanwhile waits for the next run, as it would with io_uring: a caller that
 * submits from every callback must get its thread back all the same. */
static int finish_taken(struct sync_engine *self)
{
	struct op_queue taken = take_finished(self);
	struct flush_op *op;
	int count = 0;

	while ((op = op_queue_pop(&taken))) {
		flush_op_finish(&self->base, op, op->error);
		count++;
	}
	return count;
}

/* Spend all wake-ups so far; only this thread reads. */
static int spend_wakes(const struct flush_engine *engine)
{
	uint64_t wakes;

	return read(engine->wake_fd, &wakes, sizeof(wakes)) < 0 ? -errno : 1;
}

/* 1: there is a wake-up, or something to read; 0: not; or -errno. */
static int poll_fds(const struct sync_engine *self, int64_t timeout_ns)
{
	struct pollfd fds[] = {
		{.fd = self->base.wake_fd, .events = POLLIN},
		{.fd = self->base.watch_fd, .events = POLLIN}, /* -1 is passed over */
		{.fd = self->done_fd, .events = POLLIN},
	};
	struct timespec limit = {
		.tv_sec = timeout_ns / NS_PER_S,
		.tv_nsec = timeout_ns % NS_PER_S,
	};
	int count = ppoll(fds, 3, timeout_ns < 0 ? NULL : &limit, NULL);

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents & POLLIN)
		return spend_wakes(&self->base);
	return (fds[1].revents & POLLIN) != 0;
}

static void sync_submit(struct flush_engine *engine, struct flush_op *op)
{
	op_queue_push(&sync_engine(engine)->queued, op);
}

static int sync_run(struct flush_engine *engine, int64_t timeout_ns)
{
	struct sync_engine *self = sync_engine(engine);
	struct wait_end end = wait_end_after(timeout_ns);
	int64_t left = timeout_ns;

	hand_out_queued(self);
	for (;;) {
		int count = finish_taken(self);
		int told;

		if (count > 0)
			return count;
		told = poll_fds(self, left);
		if (told < 0)
			return told;
		if (told > 0 || left == 0)
			return finish_taken(self);
		left = wait_end_left(&end);
	}
}

/* --- the engine --- */

static void free_engine(struct sync_engine *self)
{
	pthread_cond_destroy(&self->ended);
	pthread_cond_destroy(&self->work);
	pthread_mutex_destroy(&self->lock);
	device_thread_needs_not(self->done_fd);
	close(self->done_fd);
	free(self);
}

/* Nothing is pending, so no thread is in a call that could hang. */
static void sync_destroy(struct flush_engine *engine)
{
	struct sync_engine *self = sync_engine(engine);

	pthread_mutex_lock(&self->lock);
	self->stopping = true;
	pthread_cond_broadcast(&self->work);
	while (self->threads > 0)
		pthread_cond_wait(&self->ended, &self->lock);
	pthread_mutex_unlock(&self->lock);
	free_engine(self);
}

static const struct flush_engine_ops sync_ops = {
	.name = "sync",
	.submit = sync_submit,
	.run = sync_run,
	.destroy = sync_destroy,
};

static void set_up_lock(struct sync_engine *self)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&self->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&self->work, &monotonic);
	pthread_cond_init(&self->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

/* The first thread, without which nothing would go on, is there from the start. */
static int start(struct sync_engine *self)
{
	int r;

	pthread_mutex_lock(&self->lock);
	r = add_io_thread(self);
	pthread_mutex_unlock(&self->lock);
	return r;
}

int sync_engine_create(struct flush_engine **engine, unsigned depth, int wake_fd)
{
	struct sync_engine *self = calloc(1, sizeof(*self));
	int r;

	if (!self)
		return -ENOMEM;
	self->base = (struct flush_engine){.ops = &sync_ops, .wake_fd = wake_fd, .watch_fd = -1};
	self->threads_max = depth;
	self->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (self->done_fd < 0) {
		r = -errno;
		free(self);
		return r;
	}
	device_thread_needs(self->done_fd);
	self->own_files = device_thread_can_borrow(wake_fd);
	set_up_lock(self);
	r = start(self);
	if (r < 0)
		free_engine(self);
	else
		*engine = &self->base;
	return r;
}
