/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker as life, commit, clears and image_read see it: what it works with, and when it comes to a
 * log. All calls are the worker's thread's own.
 *
 * Lists of deadlines (lazy clears that age, and that a POSTSUSPEND waits for; commits that are tried again; writes
 * that a suspend waits for; devices that are to be probed, written again, or looked at again; resync that is held
 * back), one of logs that wait for a buffer, and one of all that are the worker's. A log whose time has come is
 * attended: executed from the run queue like any other, since the receiver may hold it at the moment.
 */
#ifndef SERVER_WORK_SCHEDULE_H
#define SERVER_WORK_SCHEDULE_H

#include <semaphore.h>

#include "server/base/clock.h"
#include "server/log/executor.h"
#include "server/log/log.h"

/* How long a thread finishes what is in hand: at the end, or before a successor, which finds what is left
 * in the estate. */
#define STOP_LIMIT_NS (5 * NSEC_PER_SEC)
#define HAND_OVER_LIMIT_NS (100 * NSEC_PER_MSEC)

struct mirrors;
struct placement;

struct worker {
	struct executor executor; /* first: worker_of */
	unsigned index;
	pthread_t thread;
	struct run_queue queue;
	struct mirrors *mirrors;
	struct mailbox *graveyard; /* dead logs, for the receiver */
	struct list aging; /* the oldest deadline first, since all have the same delay */
	struct list draining; /* likewise */
	struct list retrying;
	struct list impatient; /* in no order */
	struct list pacing; /* in no order */
	struct list second_looks; /* in no order */
	struct list probing; /* as aging */
	struct list rewriting, rewriting_soon; /* likewise */
	int64_t next_probes_ns; /* not before */
	int64_t next_pace_ns; /* none of pacing is due before */
	uint32_t settings_seen; /* estate_settings.changes */
	struct list starved; /* wait for a log_io */
	struct list all;
	_Atomic bool stop;
	bool hand_over; /* a successor keeps the clears; set before stop */
	int64_t stop_deadline_ns; /* 0 until stop was seen */
	enum flush_engine_kind engine_kind;
	const struct placement *placement;
	int start_error;
	sem_t started; /* start_error is set */
	sem_t enters; /* or it is to stop */
	bool entered; /* set before enters */
};

static inline struct worker *worker_of(struct executor *executor)
{
	return (struct worker *)executor;
}

/* The log is this worker's from now on / no longer, with all its deadlines. */
void schedule_enrol(struct worker *worker, struct mirror_log *log);
void schedule_dismiss(struct mirror_log *log);

/* Of worker->all. */
struct mirror_log *schedule_log_of(struct list_node *node);

/* The log must be executed soon. Not while it is executed. */
void schedule_attend(struct mirror_log *log);

/* Attend the logs whose time has come. Returns the next deadline, INT64_MAX: none. */
int64_t schedule_attend_due(struct worker *worker, int64_t now);

/* Attend log after log that waits for an operation, as long as there are operations. One log for each
 * would do, but not all of them need one any more. */
void schedule_attend_starved(struct worker *worker);

/* Set and end the deadlines of a log. */
void schedule_age(struct worker *worker, struct mirror_log *log, int64_t at_ns);
void schedule_no_age(struct mirror_log *log);
void schedule_drain(struct worker *worker, struct mirror_log *log, int64_t at_ns);
void schedule_no_drain(struct mirror_log *log);
void schedule_patience(struct worker *worker, struct mirror_log *log, int64_t at_ns);
void schedule_no_patience(struct mirror_log *log);
void schedule_pace(struct worker *worker, struct mirror_log *log, int64_t at_ns);
void schedule_no_pace(struct mirror_log *log);
void schedule_probe(struct worker *worker, struct mirror_log *log, int64_t at_ns);
void schedule_rewrite(struct worker *worker, struct mirror_log *log, int64_t at_ns);
void schedule_rewrite_soon(struct worker *worker, struct mirror_log *log, int64_t at_ns);
void schedule_second_look(struct worker *worker, struct mirror_log *log, int64_t at_ns);
void schedule_no_second_look(struct mirror_log *log);
void schedule_retry(struct worker *worker, struct mirror_log *log, int64_t at_ns);
void schedule_no_retry(struct mirror_log *log);

/* Other settings hold: lazy clears age for delay_ns at most from now on, and each log is attended. */
void schedule_again(struct worker *worker, int64_t delay_ns);

/* As executor_io_take; NULL: the log is executed again when there is one. */
struct log_io *schedule_io_take(struct worker *worker, struct mirror_log *log);

/* Execute log when there is an operation for it. */
void schedule_starves(struct worker *worker, struct mirror_log *log);

#endif
