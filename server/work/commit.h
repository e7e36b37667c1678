/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commits: the changed blocks of a log brought to its device, one commit at a time for a log, and
 * all who waited for it answered together. Called by the worker that executes the log.
 */
#ifndef SERVER_WORK_COMMIT_H
#define SERVER_WORK_COMMIT_H

#include "server/work/schedule.h"

/* Answer slot when all that has changed until now is durable, or with the error of the device
 * after retry_limit_ns of trying. */
void commit_wait(struct worker *worker, struct mirror_log *log, struct slot *slot);

/* Write what has changed, if the log may be written now. */
void commit_start(struct worker *worker, struct mirror_log *log);

/* True if the log's device may be read and written (log_device_claim); else the log is executed again
 * in a moment. */
bool commit_claim(struct worker *worker, struct mirror_log *log);

/* A worker's part of executor_ops: a commit has ended. */
void commit_written(struct executor *executor, struct mirror_log *log);
void commit_write_failed(struct executor *executor, struct mirror_log *log);

/* A RESUME waits, for a commit or for the device to be read. */
bool commit_resumes(const struct mirror_log *log);

/* The back-off of a failed commit may have ended. */
void commit_retry(struct worker *worker, struct mirror_log *log, int64_t now);

/* How long a mirror that is being suspended waits for its log device: as long as a write that fails is retried,
 * but never so short that a device which is only slow fails by it. ns. */
int64_t commit_patience(const struct worker *worker);

/* The kernel has told of a suspension, and it may be on its way still: of one that was given up the log hears nothing. */
bool commit_is_presuspended(struct mirror_log *log, int64_t now);

/* A mirror is to be suspended or removed, and patience with its log device ends at at_ns: then its commit in
 * flight is abandoned, and those who wait are answered. A log that is still active has failed then, since
 * its writes cannot be. */
void commit_lose_patience(struct worker *worker, struct mirror_log *log, int64_t now);

#endif
