/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log's life: made (CTR), taken over, resumed, suspended, ended (DTR, or an orphan). Called by the
 * worker that executes the log.
 */
#ifndef SERVER_WORK_LIFE_H
#define SERVER_WORK_LIFE_H

#include "server/log/mirrors.h"
#include "server/log/opener.h"
#include "server/work/schedule.h"

/* Requests; each is answered, at once or when what it waits for has ended. */
void life_ctr(struct worker *worker, struct mirror_log *log, struct slot *slot);
void life_resume(struct worker *worker, struct mirror_log *log, struct slot *slot);
void life_presuspend(struct worker *worker, struct mirror_log *log, struct slot *slot);
void life_postsuspend(struct worker *worker, struct mirror_log *log, struct slot *slot);

/* The mirror thread has looked for the device of a reconnecting log. */
void life_device_found(struct mirror_log *log, const struct mirror_job *job);

/* A thread has opened its device, or could not: the job is the log's, or to be freed if it waits no longer. */
void life_device_opened(struct open_job *job);

/* A thread has made the bits, or could not (log->life.bits_job). */
void life_bits_made(struct mirror_log *log);

/* A log that opens goes on if what it waits for has come, or has not for too long. */
void life_open(struct worker *worker, struct mirror_log *log, int64_t now);

/* slot: the DTR, NULL for an orphan. */
void life_end(struct worker *worker, struct mirror_log *log, struct slot *slot);

/* A predecessor's log: all there but for its device. */
void life_take_over(struct worker *worker, struct mirror_log *log);

/* What had to wait for earlier I/O. */
void life_read_when_idle(struct worker *worker, struct mirror_log *log, struct slot *slot);
void life_close_when_idle(struct worker *worker, struct mirror_log *log);

/* A suspended log that has nothing left to write lets another one have its device. */
void life_rest(struct mirror_log *log);

#endif
