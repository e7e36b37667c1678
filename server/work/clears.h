/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lazy clears: a region that was cleared stays dirty on the log device for the clear delay, and is
 * written clean only after the mirror's legs were flushed. Called by the worker that executes the
 * log.
 */
#ifndef SERVER_WORK_CLEARS_H
#define SERVER_WORK_CLEARS_H

#include "server/work/schedule.h"

/* Set the deadline of new lazy clears; start a leg flush when it has come, too many regions
 * are lazy, or all shall be written. */
void clears_check(struct worker *worker, struct mirror_log *log, int64_t now);

/* Answer slot (a POSTSUSPEND) when all clears are on the log device, or as many as the legs'
 * flushes allow; they have two seconds. */
void clears_drain(struct worker *worker, struct mirror_log *log, struct slot *slot);

/* The mirror thread has looked for the legs: NULL if it did not find them. The legs are ours then. */
void clears_take_legs(struct worker *worker, struct mirror_log *log, struct log_legs *legs);

/* A flush of the legs has ended, one that was given up perhaps. */
void clears_legs_flushed(struct worker *worker, struct mirror_log *log,
			 const struct leg_flush *flush);

/* Nothing shall wait for the flush of the legs in flight, if there is one: its clears stay in memory. */
void clears_give_up_flush(struct worker *worker, struct mirror_log *log);

/* Those that the predecessor of a log taken over knew. False: it knew none. */
bool clears_take_over_legs(struct worker *worker, struct mirror_log *log);

/* RESUME: the legs may have changed. */
void clears_forget_legs(struct mirror_log *log);

/* RESUME, and memory is good: after a failed flush of a leg what the kernel takes up again is what the log
 * device says. */
void clears_resumed(struct worker *worker, struct mirror_log *log);

#endif
