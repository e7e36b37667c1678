/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The factory of engines, and the calls that no engine differs in. */
#include "iouring/device_thread.h"
#include "iouring/engine.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/eventfd.h>
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
		return sync_engine_create(engine, depth, wake_fd);
	error = uring_engine_create(engine, depth, wake_fd);
	if (kind == FLUSH_ENGINE_AUTO && kernel_refuses_uring(error))
		return sync_engine_create(engine, depth, wake_fd);
	return error;
}

static void close_wake(int wake_fd)
{
	device_thread_needs_not(wake_fd);
	close(wake_fd);
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
	device_thread_needs(wake_fd); /* they wake whom they work for */
	error = create_kind(engine, kind, depth, wake_fd);
	if (error)
		close_wake(wake_fd);
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
		close_wake(wake_fd);
}

void flush_engine_submit(struct flush_engine *engine, struct flush_op *op)
{
	assert(op->done && op->fd >= -1);
	assert(op->buf && op->len > 0);
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
