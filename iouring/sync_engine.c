/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flush engine for hosts that forbid io_uring: all operations are left to threads, and run waits for
 * those that are done, wake-ups and the watched fd together. */
#include "iouring/engine.h"
#include "iouring/io_threads.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct sync_engine {
	struct flush_engine base;
	struct io_threads *threads;
};

static struct sync_engine *sync_engine(struct flush_engine *engine)
{
	return (struct sync_engine *)engine;
}

/* What callbacks submit meanwhile waits for the next run, as it would with io_uring: a caller that
 * submits from every callback must get its thread back all the same. */
static int finish_taken(struct sync_engine *self)
{
	struct op_queue taken = io_threads_take(self->threads);

	return flush_op_finish_all(&self->base, &taken);
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
		{.fd = io_threads_fd(self->threads), .events = POLLIN},
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
	io_threads_add(sync_engine(engine)->threads, op);
}

static int sync_run(struct flush_engine *engine, int64_t timeout_ns)
{
	struct sync_engine *self = sync_engine(engine);
	struct wait_end end = wait_end_after(timeout_ns);
	int64_t left = timeout_ns;

	io_threads_go(self->threads);
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

static void sync_destroy(struct flush_engine *engine)
{
	struct sync_engine *self = sync_engine(engine);

	io_threads_destroy(self->threads);
	free(self);
}

static const struct flush_engine_ops sync_ops = {
	.name = "sync",
	.submit = sync_submit,
	.run = sync_run,
	.destroy = sync_destroy,
};

int sync_engine_create(struct flush_engine **engine, unsigned depth, int wake_fd)
{
	struct sync_engine *self = calloc(1, sizeof(*self));
	int r;

	if (!self)
		return -ENOMEM;
	self->base = (struct flush_engine){.ops = &sync_ops, .wake_fd = wake_fd, .watch_fd = -1};
	r = io_threads_create(&self->threads, depth);
	if (r < 0)
		free(self);
	else
		*engine = &self->base;
	return r;
}
