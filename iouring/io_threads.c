/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An operation goes from queued (the caller's) to ready, to a thread, and to finished, from where the caller
 * takes it. done_fd tells of finished ones. */
#include "iouring/io_threads.h"

#include "iouring/device_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define IDLE_SECONDS 30 /* then a thread ends, if it is not the last */

struct io_threads {
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
static void finish(struct io_threads *self, struct flush_op *op)
{
	const uint64_t one = 1;
	bool first = !self->finished.head;

	op_queue_push(&self->finished, op);
	if (first && write(self->done_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full, and so readable */
}

/* False: there was nothing for long; the last thread waits on. */
static bool wait_for_op(struct io_threads *self)
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

static void do_next(struct io_threads *self)
{
	struct flush_op *op = op_queue_pop(&self->ready);

	self->ready_count--;
	pthread_mutex_unlock(&self->lock);
	op->error = carry_out_borrowed(op);
	pthread_mutex_lock(&self->lock);
	finish(self, op);
}

static void *io_thread(void *argument)
{
	struct io_threads *self = argument;

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

/* Under the lock. Nobody waits for its end but io_threads_destroy, which counts them. */
static int add_io_thread(struct io_threads *self)
{
	int r = device_thread_start(io_thread, self);

	if (r == 0) {
		self->threads++;
		self->idle++;
	}
	return r;
}

/* --- calls --- */

void io_threads_add(struct io_threads *self, struct flush_op *op)
{
	op_queue_push(&self->queued, op);
}

/* Under the lock: a thread for each operation that waits for one. One that cannot be had now is tried for
 * again. */
static void see_to_io_threads(struct io_threads *self)
{
	while (self->ready_count > self->idle && self->threads < self->threads_max &&
	       add_io_thread(self) == 0)
		;
	if (self->ready_count > 0)
		pthread_cond_broadcast(&self->work);
}

void io_threads_go(struct io_threads *self)
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

struct op_queue io_threads_take(struct io_threads *self)
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

int io_threads_fd(const struct io_threads *self)
{
	return self->done_fd;
}

static void free_threads(struct io_threads *self)
{
	pthread_cond_destroy(&self->ended);
	pthread_cond_destroy(&self->work);
	pthread_mutex_destroy(&self->lock);
	device_thread_needs_not(self->done_fd);
	close(self->done_fd);
	free(self);
}

void io_threads_destroy(struct io_threads *self)
{
	pthread_mutex_lock(&self->lock);
	self->stopping = true;
	pthread_cond_broadcast(&self->work);
	while (self->threads > 0)
		pthread_cond_wait(&self->ended, &self->lock);
	pthread_mutex_unlock(&self->lock);
	free_threads(self);
}

static void set_up_lock(struct io_threads *self)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&self->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&self->work, &monotonic);
	pthread_cond_init(&self->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static int start_first(struct io_threads *self)
{
	int r;

	pthread_mutex_lock(&self->lock);
	r = add_io_thread(self);
	pthread_mutex_unlock(&self->lock);
	return r;
}

int io_threads_create(struct io_threads **threads, unsigned max)
{
	struct io_threads *self = calloc(1, sizeof(*self));
	int r;

	if (!self)
		return -ENOMEM;
	self->threads_max = max;
	self->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (self->done_fd < 0) {
		r = -errno;
		free(self);
		return r;
	}
	device_thread_needs(self->done_fd);
	self->own_files = device_thread_can_borrow(self->done_fd);
	set_up_lock(self);
	r = start_first(self);
	if (r < 0)
		free_threads(self);
	else
		*threads = self;
	return r;
}
