/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lazy clears: legs flushed first, clears written behind them. */
#include "server/work/clears.h"

#include "server/base/clock.h"
#include "server/work/commit.h"
#include "server/base/diag.h"
#include "server/log/mirrors.h"
#include "server/base/stats.h"

#include <errno.h>
#include <string.h>

#define NO_LEGS_PAUSE_NS (200 * NSEC_PER_MSEC)

static bool stopping(const struct worker *worker)
{
	return worker->stop_deadline_ns != 0 && !worker->hand_over;
}

static bool all_shall_go(const struct worker *worker, const struct mirror_log *log)
{
	return log->draining.first || stopping(worker);
}

static void end_drain(struct worker *worker, struct mirror_log *log)
{
	if (!log->draining.first)
		return;
	slot_list_move(&log->waiters, &log->draining);
	commit_start(worker, log);
}

static void arm_delay(struct worker *worker, struct mirror_log *log, int64_t pause_ns)
{
	int64_t delay = worker->executor.options->clear_delay_ns;

	if (dirty_log_lazy_count(&log->dirty) > 0)
		worker_arm_aging(worker, log,
				 clock_coarse() + (delay > pause_ns ? delay : pause_ns));
	else
		worker_disarm_aging(worker, log);
}

/* Writes that were done before the flush began are on the legs now: their regions may be clean. */
static void legs_flushed(struct worker *worker, struct mirror_log *log)
{
	stats_add(STATS_CLEARS_WRITTEN, dirty_log_release(&log->dirty));
	dirty_log_age(&log->dirty);
	arm_delay(worker, log, 0);
	commit_start(worker, log);
}

/* The clears stay in memory: a crash now costs a resync of their regions, no data. */
static void legs_not_flushed(struct worker *worker, struct mirror_log *log)
{
	log->overflow_paused = true;
	arm_delay(worker, log, NO_LEGS_PAUSE_NS);
	end_drain(worker, log);
}

static void leg_flush_ended(struct worker *worker, struct mirror_log *log)
{
	log->leg_flush_runs = false;
	if (log->leg_error) {
		diag_limited(DIAG_WARNING,
			     "a leg of log %s cannot be flushed: %s; its clears stay "
			     "in memory",
			     log->uuid, strerror(-log->leg_error));
		legs_not_flushed(worker, log);
		return;
	}
	legs_flushed(worker, log);
	clears_check(worker, log, clock_coarse());
}

static void leg_finished(struct executor *executor, struct mirror_log *log, struct log_io *io)
{
	struct worker *worker = worker_of(executor);
	if (io->error) {
		stats_add(STATS_IO_ERRORS, 1);
		log->leg_error = io->error;
	}
	executor_io_give(executor, io);
	if (--log->leg_ops == 0)
		leg_flush_ended(worker, log);
}

/* fsync on a block device: the kernel drops it for a leg whose cache is not volatile, and knows
 * better than sysfs did a moment ago (blkdev_issue_flush()). */
static void flush_legs(struct worker *worker, struct mirror_log *log)
{
	log->leg_error = 0;
	log->leg_ops = 0;
	log->leg_flush_runs = true;
	for (unsigned i = 0; i < log->legs->count; i++) {
		struct log_io *io = worker_io_take(worker, log);

		if (!io) {
			log->leg_error = -EAGAIN;
			break;
		}
		io->op.kind = FLUSH_OP_SYNC;
		io->op.fd = log->legs->fds[i];
		io->finish = leg_finished;
		log->leg_ops++;
		stats_add(STATS_LEG_FLUSHES, 1);
		executor_io_submit(&worker->executor, io);
	}
	if (log->leg_ops == 0)
		leg_flush_ended(worker, log);
}

static void ask_for_legs(struct worker *worker, struct mirror_log *log)
{
	if (!log->legs_asked)
		log->legs_asked = mirrors_ask(worker->mirrors, log, MIRROR_JOB_LEGS, 0) == 0;
	if (!log->legs_asked)
		legs_not_flushed(worker, log);
	else
		arm_delay(worker, log, NO_LEGS_PAUSE_NS);
	log->overflow_paused = true;
}

static void start_leg_flush(struct worker *worker, struct mirror_log *log)
{
	if (log->no_legs)
		legs_flushed(worker, log);
	else if (log->legs)
		flush_legs(worker, log);
	else
		ask_for_legs(worker, log);
}

static bool overflows(const struct worker *worker, const struct mirror_log *log)
{
	return dirty_log_lazy_count(&log->dirty) > worker->executor.options->max_lazy;
}

static bool due(const struct worker *worker, const struct mirror_log *log, int64_t now)
{
	return now >= log->age_at_ns || all_shall_go(worker, log) ||
	       (overflows(worker, log) && !log->overflow_paused);
}

static bool wants_all(const struct worker *worker, const struct mirror_log *log)
{
	/* Too many, and all of them young: they have to go nevertheless. */
	return all_shall_go(worker, log) || worker->executor.options->clear_delay_ns == 0 ||
	       (overflows(worker, log) && !dirty_log_has_ripe(&log->dirty));
}

/* After POSTSUSPEND another log, that of the next table, may write the same device. */
static bool suspended(const struct mirror_log *log)
{
	return mirror_log_state(log) == LOG_SUSPENDED && !log->draining.first;
}

void clears_check(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (log->leg_flush_runs)
		return;
	if (dirty_log_lazy_count(&log->dirty) == 0 || suspended(log)) {
		worker_disarm_aging(worker, log);
		end_drain(worker, log);
		return;
	}
	if (now >= log->age_at_ns)
		log->overflow_paused = false;
	if (!log->aging_link.on)
		arm_delay(worker, log, 0);
	if (!due(worker, log, now))
		return;
	if (wants_all(worker, log))
		dirty_log_age(&log->dirty);
	if (dirty_log_has_ripe(&log->dirty)) {
		start_leg_flush(worker, log);
		return;
	}
	dirty_log_age(&log->dirty);
	arm_delay(worker, log, 0);
}

void clears_drain(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	slot_list_add(&log->draining, slot);
	clears_check(worker, log, clock_coarse());
}

void clears_take_legs(struct worker *worker, struct mirror_log *log, struct log_legs *legs)
{
	log->legs_asked = false;
	if (log->leg_flush_runs || !mirror_log_is_open(log)) { /* the old ones are in use */
		log_legs_close(legs);
		return;
	}
	log_legs_close(log->legs);
	log->legs = legs;
	if (legs)
		clears_check(worker, log, clock_coarse());
	else
		legs_not_flushed(worker, log);
}

void clears_forget_legs(struct worker *worker, struct mirror_log *log)
{
	if (log->leg_flush_runs)
		return;
	log_legs_close(log->legs);
	log->legs = NULL;
}
