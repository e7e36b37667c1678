/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a log's changed blocks, durably. Called by the one executing the log, worker or receiver,
 * who must not be another until the writes have ended: log->in_flight counts them.
 */
#ifndef SERVER_LOG_LOG_WRITE_H
#define SERVER_LOG_LOG_WRITE_H

#include "server/log/executor.h"

/* Write what has changed; those in log->waiters are in log->committing then. At the end
 * executor->ops->written is called, with log->commit_error set. Nothing may be in flight. Returns false
 * if there was no buffer at all: nothing has been started, the waiters still wait. */
bool log_write_start(struct executor *executor, struct mirror_log *log);

/* Of a write without an error: answer those who waited for it, unless buffers ran out and some
 * blocks are left to the next write. */
void log_write_answer(struct executor *executor, struct mirror_log *log);

#endif
