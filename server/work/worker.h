/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker: a thread that owns its logs' waiting work, one flush engine and their timers.
 *
 * A log is executed from its run queue: what has completed, then its mail, then what is due. For a
 * completion or a timer the worker leaves mail for itself, since the receiver can hold the log.
 */
#ifndef SERVER_WORK_WORKER_H
#define SERVER_WORK_WORKER_H

#include "server/work/schedule.h"

/* Start the thread of a worker that has options, mirrors, graveyard, placement and engine_kind,
 * and whose executor was set up. It is ready then, and touches nothing of the estate before worker_enter.
 * 0 or -errno. */
int worker_start(struct worker *worker);

/* Let it work. */
void worker_enter(struct worker *worker);

/* The settings have changed. Any thread. */
void worker_sees_settings(struct worker *worker);

/* Let it finish: answer what is in hand, write pending clears unless a successor takes over. */
void worker_ask_to_stop(struct worker *worker, bool hand_over);

/* Wait for the end of its thread, after worker_ask_to_stop. Bounded in time. */
void worker_stop(struct worker *worker);

/* Free what is left, once nobody can post to the worker's logs any more. */
void worker_destroy(struct worker *worker);

/* The worker of a mirror. By uuid: its live and its inactive table share a worker, as they do a
 * device. */
struct worker *worker_for(struct worker *workers, unsigned count, const char *uuid);

#endif
