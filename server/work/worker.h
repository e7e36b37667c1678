/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker: a thread that owns its logs' waiting work, one flush engine and their timers.
 *
 * A log is executed from its run queue: what has completed, then its mail, then what is due. For a
 * completion or a timer the worker leaves mail for itself, since the receiver can hold the log.
 */
#ifndef SERVER_WORK_WORKER_H
#define SERVER_WORK_WORKER_H

#include <semaphore.h>

#include "server/log/executor.h"

struct mirrors;
struct placement;

struct worker {
	struct executor executor; /* first: worker_of */
	unsigned index;
	pthread_t thread;
	struct run_queue queue;
	struct mirrors *mirrors;
	struct mailbox *graveyard; /* dead logs, for the receiver */
	struct log_list aging; /* the oldest deadline first, since all have the same delay */
	struct log_list retrying; /* failed commits */
	struct log_list starved; /* wait for a log_io */
	struct log_list all;
	_Atomic bool stop;
	bool hand_over; /* a successor keeps the clears; set before stop */
	int64_t stop_deadline_ns; /* 0 until stop was seen */
	enum flush_engine_kind engine_kind;
	const struct placement *placement;
	int start_error;
	sem_t started; /* start_error is set */
};

/* Start the thread of a worker that has options, mirrors, graveyard, placement and engine_kind,
 * and whose executor was set up.
 * 0 or -errno. */
int worker_start(struct worker *worker);

/* Let it finish: answer what is in hand, write pending clears unless a successor takes over. */
void worker_ask_to_stop(struct worker *worker, bool hand_over);

/* Wait for the end of its thread, after worker_ask_to_stop. Bounded in time. */
void worker_stop(struct worker *worker);

/* Free what is left, once nobody can post to the worker's logs any more. */
void worker_destroy(struct worker *worker);

/* The worker of a mirror. By uuid: its live and its inactive table share a worker, as they do a
 * device. */
struct worker *worker_for(struct worker *workers, unsigned count, const char *uuid);

/* For commit, clears and load, on the worker's thread: */

static inline struct worker *worker_of(struct executor *executor)
{
	return (struct worker *)executor;
}

/* As executor_io_take; NULL: the log is executed again when there is one. */
struct log_io *worker_io_take(struct worker *worker, struct mirror_log *log);

/* Execute log when there is an operation for it. */
void worker_starves(struct worker *worker, struct mirror_log *log);

/* The log must be executed soon. */
void worker_attend(struct worker *worker, struct mirror_log *log);

/* Deadlines of a log. */
void worker_arm_aging(struct worker *worker, struct mirror_log *log, int64_t at_ns);
void worker_disarm_aging(struct worker *worker, struct mirror_log *log);
void worker_arm_retry(struct worker *worker, struct mirror_log *log, int64_t at_ns);
void worker_disarm_retry(struct worker *worker, struct mirror_log *log);

#endif
