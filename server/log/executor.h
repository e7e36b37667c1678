/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An executor: what a thread that executes logs works with. An engine, operations with their buffers,
 * and an outbox for replies. Each worker has one, and so has the receiver. All calls are the
 * thread's own.
 */
#ifndef SERVER_LOG_EXECUTOR_H
#define SERVER_LOG_EXECUTOR_H

#include "iouring/flush_engine.h"
#include "server/log/log_device.h"
#include "server/restart/estate.h"

struct executor;
struct log_io;
struct log_options;
struct mirror_log;

struct executor_ops {
	/* An operation has ended, io->error says how; called from flush_engine_run. */
	void (*io_ended)(struct executor *executor, struct log_io *io);
	/* A commit of log has ended (log_write.h): all is durable and those who waited are answered; or
	 * log->commit.error says what went wrong, and they still wait. By the one executing it. */
	void (*written)(struct executor *executor, struct mirror_log *log);
	void (*write_failed)(struct executor *executor, struct mirror_log *log);
};

/* One operation on behalf of a log, with its buffer. From the pool of an executor. */
struct log_io {
	struct flush_op op;
	struct executor *executor;
	struct mirror_log *log; /* NULL: free, or a stray */
	struct log_device *device;
	uint64_t first, count; /* blocks of the image */
	struct flight *flight; /* tells a successor of them */
	bool extra; /* its buffer is made for it, and freed again */
	int error;
	/* Called by the one executing the log, once the operation has ended. */
	void (*finish)(struct executor *executor, struct mirror_log *log, struct log_io *io);
	struct log_io *next; /* pool, or the log's completed operations */
};

struct executor {
	const struct executor_ops *ops;
	const struct log_options *options;
	struct flush_engine *engine;
	struct outbox outbox;
	struct estate_executor *estate; /* what outlives us */
	struct log_io *io_all;
	unsigned io_count;
	struct log_io *io_free;
	struct log_io *io_spare; /* extra ones, without buffers: for when devices hang */
	struct mirror_log *to_write; /* the receiver's: linked by express.next (express.h) */
	uint8_t *io_arena;
	struct buckets commit_requests; /* how many each commit was for */
};

extern const struct bucket_scale executor_commit_scale;

/* Set what replies go through and what outlives the executor, number `number` of the estate. */
void executor_set_up(struct executor *executor, struct estate *estate, unsigned number,
		     int netlink_fd, struct slots *slots);

/* The calling thread is the executor's from now on: known to crash.h and the watchdog. */
void executor_enter(struct executor *executor);

/* Make the engine and ios operations for an executor that was set up, with ops and options; and so many extra
 * ones that take memory only while all others are on their way (ESTATE_FLIGHTS together at most). 0 or -errno; to
 * be called on the thread that it is for. */
int executor_open(struct executor *executor, enum flush_engine_kind kind, unsigned ios,
		  unsigned extra);

/* Free all, but nothing at all if a device has an operation that it never ended. */
void executor_close(struct executor *executor);

/* An operation with a buffer of LOG_IO_BYTES for log, on its device; or NULL: none is free, or the device has
 * its share (log_device_is_full). */
struct log_io *executor_io_take(struct executor *executor, struct mirror_log *log,
				struct log_device *device);
void executor_io_give(struct executor *executor, struct log_io *io);

/* Its log waits for it no longer, and may go. It is given back when it has ended. */
void executor_io_abandon(struct log_io *io);

/* All of log's that are on their way. */
void executor_abandon_all(struct executor *executor, struct mirror_log *log);

/* Goes to the kernel at the next flush_engine_run. */
void executor_io_submit(struct executor *executor, struct log_io *io);

/* A request is being executed from here on, or none (NULL): who crashes meanwhile may do so because
 * of it. */
static inline void executor_in_hand(struct executor *executor, const struct slot *slot)
{
	atomic_store_explicit(&executor->estate->duty.executing, slot ? slot_arrival(slot) : 0,
			      memory_order_relaxed);
}

/* A turn begins (watchdog.h): of this log, or in general (NULL); what comes now may take for ever, and is
 * no hang. */
static inline void executor_works(struct executor *executor, const struct log_record *record)
{
	atomic_store_explicit(&executor->estate->at_log, record ? record->number + 1 : 0,
			      memory_order_relaxed);
	estate_works(executor->estate);
}

static inline void executor_waits(struct executor *executor)
{
	estate_waits(executor->estate);
}

/* A predecessor's log is being taken over, or none (NULL). */
static inline void executor_takes_over(struct executor *executor, const struct log_record *record)
{
	atomic_store(&executor->estate->duty.taking_over, record ? record->number + 1 : 0);
}

/* Reply with no payload. */
void executor_reply(struct executor *executor, struct slot *slot, int error);
void executor_reply_all(struct executor *executor, struct slot_list *list, int error);

#endif
