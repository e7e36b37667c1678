/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One log at run time: its identity, who may execute it, its device and what waits for it.
 *
 * Threads. The inbox decides who executes a log: the receiver (INBOX_HELD; for a moment, or while it
 * writes the log: express.h), else its worker (INBOX_SCHEDULED). "Owned" below means: only touched by the one executing. "Worker" means:
 * only by the log's worker, also when it doesn't execute the log (timers, completions).
 */
#ifndef SERVER_LOG_LOG_H
#define SERVER_LOG_LOG_H

#include <pthread.h>

#include "iouring/flush_engine.h"
#include "server/protocol/ctr_args.h"
#include "server/protocol/dirty_log.h"
#include "server/restart/estate.h"
#include "server/log/inbox.h"
#include "server/protocol/mirror_table.h"
#include "server/netlink/slot.h"

#define LOG_IO_BYTES 65536u /* of one operation: the largest logical block of a log device */

/* What the kernel has told of a log. Owned; read by control. */
enum log_state {
	LOG_OPENING, /* in the registry, its CTR is not answered yet */
	LOG_CREATED, /* CTR answered, never resumed */
	LOG_ACTIVE, /* resumed */
	LOG_SUSPENDED, /* after POSTSUSPEND */
	LOG_CLOSING, /* DTR, or an orphan: waits for its I/O */
	LOG_DEAD, /* answers as if it were unknown, until the receiver frees it */
};

/* The mirror's legs, opened for flushing. */
struct log_legs {
	unsigned count;
	int fds[MIRROR_TABLE_LEGS_MAX];
};

/* A log device, shared by the logs (live and inactive table) that use it. */
struct log_device {
	struct log_device *next;
	unsigned refs; /* under the table's lock: who may look at it */
	unsigned users; /* under the table's lock: who may use fd; it is closed with the last */
	uint32_t major, minor;
	int fd; /* O_DIRECT */
	uint32_t block_bytes;
	uint64_t bytes;
	_Atomic bool claimed; /* see log_device_claim */
	uint64_t wrote; /* under the table's lock: see log_device_take_over_writer */
	_Atomic uint64_t last_writer; /* log->id of the log that wrote or loaded last */
};

struct run_queue {
	struct mailbox logs;
	_Atomic bool asleep;
	struct flush_engine *engine; /* to be woken */
};

struct slot_list {
	struct slot *first, *last;
};

/* One operation on behalf of a log, with its buffer. From the pool of a executor (executor.h). */
struct log_io {
	struct flush_op op;
	struct executor *executor;
	struct mirror_log *log;
	uint64_t first, count; /* blocks of the image */
	struct flight *flight; /* tells a successor of them */
	int error;
	/* Called by the one executing the log, once the operation has ended. */
	void (*finish)(struct executor *executor, struct mirror_log *log, struct log_io *io);
	struct log_io *next; /* pool, or the log's completed operations */
};

/* An image being read: block after block, then the bits are taken over. */
struct image_read {
	struct slot *slot; /* the RESUME or CTR to be answered */
	uint64_t next; /* block */
	uint64_t valid; /* regions that the header covers */
	bool reconnect;
	bool starved; /* waits for a buffer */
};

struct log_options {
	int64_t clear_delay_ns; /* 0: as soon as the legs are flushed */
	uint64_t max_lazy;
	int64_t retry_limit_ns; /* how long a failed write is tried again before the kernel hears */
};

struct log_link {
	struct mirror_log *prev, *next;
	bool on;
};

/* A worker's list of logs. */
struct log_list {
	struct mirror_log *first, *last;
};

struct mirror_log {
	/* First line: what a request of another thread touches. */
	struct inbox inbox;
	struct mail run_link; /* on its worker's run queue */
	struct run_queue *run_queue;
	uint64_t luid;
	_Atomic int state; /* enum log_state */
	_Atomic unsigned
		refs; /* registry, run queue or keeping worker, each job of the mirror thread */

	/* Owned. */
	_Alignas(64) struct dirty_log dirty;
	bool reads; /* the image is being read: the worker keeps the log SCHEDULED */
	bool ever_resumed;
	bool nudged; /* mirrors.h: was asked for since the last reconnect */
	enum log_state
		former_state; /* of a predecessor's log, until its worker has taken it over */
	unsigned reconnects; /* reconnect CTRs whose RESUME has not come yet */
	bool overflow_paused; /* too many lazy regions, but the legs can't be flushed now */
	_Atomic bool failed; /* the kernel was told, or the image could not be read */
	bool foreign; /* the image is of another version: never written */
	struct mirror_log *express_next;
	bool express; /* the receiver keeps it HELD while it writes it */
	bool no_legs; /* made by a load generator, not by a kernel */
	unsigned in_flight; /* writes of the commit that runs */
	int commit_error;
	bool commit_partial; /* buffers ran out: some changed blocks wait for the next one */
	struct slot_list waiters; /* for the next commit */
	struct slot_list committing; /* for the one that runs */
	struct slot *closing; /* a DTR to answer when I/O has ended */
	struct slot *resuming; /* a RESUME that waits for earlier writes to end */
	struct slot_list draining; /* POSTSUSPENDs: wait until lazy clears are written */
	bool leg_flush_runs;
	unsigned leg_ops;
	int leg_error;
	struct log_legs *legs;
	bool legs_asked;
	struct image_read image_read;
	struct mail *unread; /* taken from the inbox, not handled yet */
	bool kept; /* the worker keeps it SCHEDULED between two executions */

	/* Read by control and the mirror thread. */
	_Atomic bool sync_count_asked; /* since the last RESUME, and all was in sync */
	_Atomic bool resync_asked; /* GET_RESYNC_WORK came since the load */

	/* Worker. */
	bool attend_posted; /* attend_mail is in the inbox */
	bool on_run_queue; /* put there by the worker that keeps it */
	int64_t age_at_ns;
	int64_t retry_at_ns;
	int64_t retry_since_ns; /* first failure of those that are tried again, 0: none */
	int64_t retry_wait_ns;
	struct log_io *completed;
	/* The receiver too reads these, and retry_since_ns, while it holds the log. */
	struct log_link aging_link, retry_link, starved_link, all_link;

	/* Constant after the log is in the registry, but device and record, which CTR sets. */
	struct ctr_args args;
	char ctr_text[CTR_ARGS_TEXT_MAX + 1];
	char uuid[DM_UUID_LEN];
	uint64_t id; /* unique in the estate */
	struct log_device *device;
	bool device_left;
	struct estate *estate;
	struct log_record *record; /* what outlives us; NULL until CTR is carried out */

	/* The receiver's registry. */
	struct mirror_log *luid_next, *uuid_next;
	struct mail grave_link;
	struct log_mail retire_mail, take_over_mail;
	struct log_mail attend_mail; /* the worker's, to itself */
};

/* Allocate a log (state LOG_OPENING, one reference). text: length bytes, already parsed into args.
 * NULL: no memory. */
struct mirror_log *mirror_log_create(struct estate *estate, const char *uuid, uint64_t luid,
				     const char *text, size_t length, const struct ctr_args *args);

/* Give it bits, in the estate; not loaded. The device is open already. 0 or -errno. */
int mirror_log_make_bits(struct mirror_log *log);

/* A log that a predecessor has left, but for its device. NULL, with the reason in *why (a static
 * string): its record is of no use. The record is the log's, and given back with it. */
struct mirror_log *mirror_log_take_over(struct estate *estate, struct log_record *record,
					const char **why);

/* Tell a successor what has changed in state, ever_resumed, reconnects, failed, foreign, nudged and
 * the two asked; before the kernel hears of it. The one executing it. */
void mirror_log_record_status(struct mirror_log *log);

/* The request on whose behalf the log is executed when none has just come; NULL: none waits. */
struct slot *mirror_log_waiter(const struct mirror_log *log);

/* This log begins to write its device. Its executor's thread. */
void mirror_log_writes(struct mirror_log *log);

/* Drop a reference. The last one closes the legs and the device and frees all. Any thread; not
 * while it is on a run queue. */
void mirror_log_put(struct mirror_log *log);
void mirror_log_get(struct mirror_log *log);

/* Close the fds and free; NULL is allowed. */
void log_legs_close(struct log_legs *legs);

/* Close what the log has open; no I/O of it runs. The one executing it, or the last reference. */
void mirror_log_leave_devices(struct mirror_log *log);

/* Leave mail and see that the worker comes. Any thread. */
void mirror_log_post(struct mirror_log *log, struct log_mail *mail);

/* Put a log whose inbox has just become SCHEDULED on its run queue, waking the worker. The queue
 * holds a reference, which the worker drops when it has released the log. */
void mirror_log_enqueue(struct mirror_log *log);

void run_queue_wake(struct run_queue *queue);

/* The receiver, which holds the log, leaves it to its worker. */
void mirror_log_pass(struct mirror_log *log);

/* The receiver, which holds the log, is done with it for now. */
void mirror_log_let_go(struct mirror_log *log, const struct log_options *options);

static inline enum log_state mirror_log_state(const struct mirror_log *log)
{
	/* acquire: who sees LOG_CREATED sees the device too (control). */
	return (enum log_state)atomic_load_explicit(&log->state, memory_order_acquire);
}

static inline void mirror_log_set_state(struct mirror_log *log, enum log_state state)
{
	atomic_store_explicit(&log->state, (int)state, memory_order_release);
}

static inline bool mirror_log_is_open(const struct mirror_log *log)
{
	enum log_state state = mirror_log_state(log);

	return state == LOG_CREATED || state == LOG_ACTIVE || state == LOG_SUSPENDED;
}

void slot_list_add(struct slot_list *list, struct slot *slot);
struct slot *slot_list_pop(struct slot_list *list);
void slot_list_move(struct slot_list *to, struct slot_list *from);

#endif
