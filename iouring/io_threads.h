/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations by plain system calls, each by a thread that may wait for its device, for ever if that hangs
 * (device_thread.h). Threads come when they are needed, and end when they were not for long. Private to
 * iouring/; all calls are the engine's thread's.
 */
#ifndef IOURING_IO_THREADS_H
#define IOURING_IO_THREADS_H

#include "iouring/engine.h"

struct io_threads;

/* Threads for max operations at a time; the first one is there from the start. 0 or -errno. */
int io_threads_create(struct io_threads **threads, unsigned max);

/* Nothing may be on its way. */
void io_threads_destroy(struct io_threads *threads);

/* What is left of op goes to a thread at the next _go. */
void io_threads_add(struct io_threads *threads, struct flush_op *op);
void io_threads_go(struct io_threads *threads);

/* What has been carried out since the last call; op->error says how. */
struct op_queue io_threads_take(struct io_threads *threads);

/* Readable while there is something to take. */
int io_threads_fd(const struct io_threads *threads);

#endif
