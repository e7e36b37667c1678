/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a log's changed blocks, durably. Called by the one executing the log, worker or receiver,
 * who must not be another until the writes have ended: log->commit.in_flight counts them.
 */
#ifndef SERVER_LOG_LOG_WRITE_H
#define SERVER_LOG_LOG_WRITE_H

#include "server/log/executor.h"
#include "server/log/log.h"

enum log_writer {
	LOG_WRITER_NOT_NOW, /* a commit is in flight, or backs off */
	LOG_WRITER_NEVER, /* the device holds another version's log */
	LOG_WRITER_WORKER, /* in trouble, not active, or somebody waits already: the worker knows more */
	LOG_WRITER_ANYONE, /* whoever executes it */
};

/* May the log be written now, and by whom; apart from the device being ours yet (log_device_claim),
 * which costs a system call. */
enum log_writer log_writer_now(const struct mirror_log *log);

/* Nothing of it is to be written, or on its way. */
static inline bool log_write_is_durable(const struct mirror_log *log)
{
	return log->commit.in_flight == 0 && !dirty_log_has_changed(&log->dirty);
}

/* slot waits for the next commit; those of the log that the kernel has given up do not any more. */
void log_write_wait(struct executor *executor, struct mirror_log *log, struct slot *slot);

/* Write what has changed; those in commit.waiters are in commit.running then. At the end
 * executor->ops->written or write_failed is called. The device is ours. Returns false if there was no
 * buffer at all: nothing has been started, the waiters still wait. */
bool log_write_start(struct executor *executor, struct mirror_log *log);

/* Do not wait for the writes in flight any longer, the executor's: their blocks count as changed, those in
 * commit.running wait again, and the device is not ours before they have ended (strays). */
void log_write_abandon(struct executor *executor, struct mirror_log *log);

#endif
