/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flush engine: reads and durable writes of many logs in one submission.
 *
 * One engine belongs to one worker thread; every call below is that thread's, but for
 * flush_engine_wake. Two engines ship: io_uring, and where that is forbidden system calls by threads, one
 * for each operation in flight.
 * A third, in tests, is a mock that expects calls.
 */
#ifndef IOURING_FLUSH_ENGINE_H
#define IOURING_FLUSH_ENGINE_H

#include <stddef.h>
#include <stdint.h>

enum flush_op_kind {
	FLUSH_OP_READ, /* read len bytes at offset */
	FLUSH_OP_WRITE, /* write them, durable when done */
};

/* One operation. The caller owns the memory of op and buf and keeps both alive until done. */
struct flush_op {
	enum flush_op_kind kind;
	int fd; /* opened O_DIRECT: buf, len and offset aligned to its logical block */
	uint8_t *buf;
	uint32_t len; /* bytes */
	uint64_t offset; /* bytes */
	/* Called once on the worker's thread from flush_engine_run. error is 0 or -errno; a short
	 * transfer is carried on by the engine, and one that stops is -EIO. */
	void (*done)(struct flush_op *op, int error);
	uint32_t progress; /* engine's: bytes done */
	int error; /* engine's */
	struct flush_op *next; /* engine's: backlog link */
};

struct flush_engine;

struct flush_engine_ops {
	const char *name; /* "uring", "sync" */
	void (*submit)(struct flush_engine *engine, struct flush_op *op);
	int (*run)(struct flush_engine *engine, int64_t timeout_ns);
	void (*destroy)(struct flush_engine *engine);
};

/* Embedded first in every engine. The calls below fill and close wake_fd and count pending up; an
 * engine counts it down just before it calls done. */
struct flush_engine {
	const struct flush_engine_ops *ops;
	int wake_fd; /* eventfd, nonblocking: flush_engine_wake writes, run reads */
	int watch_fd; /* see flush_engine_watch; -1: none */
	unsigned pending; /* operations submitted and not done */
};

#define FLUSH_ENGINE_DEPTH_MAX 16384u

enum flush_engine_kind { FLUSH_ENGINE_AUTO, FLUSH_ENGINE_URING, FLUSH_ENGINE_SYNC };

/* Make an engine for depth operations in flight (more wait in its backlog). AUTO takes io_uring and
 * falls back to sync where the kernel refuses it (EPERM, ENOSYS, ENOMEM); the caller can tell by
 * (*engine)->ops->name. 0 or -errno. To be called on the thread that will use it. */
int flush_engine_create(struct flush_engine **engine, enum flush_engine_kind kind, unsigned depth);

/* Destroy. No operation may be pending. */
void flush_engine_destroy(struct flush_engine *engine);

/* Queue one operation; it goes to the kernel with all others at the next flush_engine_run. */
void flush_engine_submit(struct flush_engine *engine, struct flush_op *op);

/* Submit what is queued, call done for what has completed. Blocks until something completed, a wake
 * came, the watched fd is readable, or timeout_ns passed (0: do not block; negative: no limit). Callbacks may submit again.
 * Returns the number of operations done, or -errno if the engine itself is broken. */
int flush_engine_run(struct flush_engine *engine, int64_t timeout_ns);

/* Let run return also when fd is readable, which the caller then reads. fd stays the caller's and
 * outlives the engine. Before the first run. */
void flush_engine_watch(struct flush_engine *engine, int fd);

/* Make the run in progress, or the next one, return. Any thread; async-signal-safe. */
void flush_engine_wake(struct flush_engine *engine);

/* The one verdict on a finished transfer: result is what the kernel returned for a transfer of the
 * len - progress bytes that were left. DONE and ERROR set *error (0, -errno); MORE leaves it: go on
 * with what is left now (progress was advanced, or the kernel asked for another try). */
enum flush_verdict { FLUSH_VERDICT_DONE, FLUSH_VERDICT_MORE, FLUSH_VERDICT_ERROR };
enum flush_verdict flush_op_verdict(struct flush_op *op, long result, int *error);

#endif
