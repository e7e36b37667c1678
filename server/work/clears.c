/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lazy clears: legs flushed first, clears written behind them.
 *
 * A region is lazy when it is clean in memory and still dirty on the log device. When the deadline of a
 * log comes, its lazy regions are in two generations: those that were lazy at the deadline before
 * already, and have not been touched since (ripe), and younger ones. The legs are flushed for the ripe
 * ones: all writes to them had ended before the flush began, so that when it has ended the data is on
 * the legs, and the regions may become clean in the image (dirty_log_release), which a commit brings to
 * the device. Then the younger ones age (dirty_log_age) and wait for the next deadline; never while a
 * flush is on its way, since what is untouched when it ends would not have been before it began.
 *
 * The deadline does not count when too many regions are lazy, and when all shall be written: at
 * POSTSUSPEND (draining), and when the server stops for good. The legs are not known at first: the mirror
 * thread looks for them (mirrors.h), and MAIL_LEGS brings them. clears_state.h draws it.
 */
#include "server/work/clears.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/diag.h"
#include "server/base/stats.h"
#include "server/log/mirrors.h"
#include "server/work/commit.h"

#include <errno.h>
#include <string.h>

#define NO_LEGS_PAUSE_NS (200 * NSEC_PER_MSEC)

static bool stopping(const struct worker *worker)
{
	return worker->stop_deadline_ns != 0 && !worker->hand_over;
}

static bool all_shall_go(const struct worker *worker, const struct mirror_log *log)
{
	return log->clears.draining.first || stopping(worker);
}

static void end_drain(struct worker *worker, struct mirror_log *log)
{
	if (!log->clears.draining.first)
		return;
	slot_list_move(&log->commit.waiters, &log->clears.draining);
	commit_start(worker, log);
}

static void arm_delay(struct worker *worker, struct mirror_log *log, int64_t pause_ns)
{
	int64_t delay = worker->executor.options->clear_delay_ns;

	if (dirty_log_lazy_count(&log->dirty) > 0)
		schedule_age(worker, log, clock_coarse() + (delay > pause_ns ? delay : pause_ns));
	else
		schedule_no_age(log);
}

/* Never while the legs are being flushed: see above. */
static void age_lazy(struct mirror_log *log)
{
	CHECK(log->clears.phase != CLEARS_FLUSHING_LEGS);
	dirty_log_age(&log->dirty);
}

/* Writes that were done before the flush began are on the legs now: their regions may be clean. */
static void legs_flushed(struct worker *worker, struct mirror_log *log)
{
	stats_add(STATS_CLEARS_WRITTEN, dirty_log_release(&log->dirty));
	age_lazy(log);
	arm_delay(worker, log, 0);
	commit_start(worker, log);
}

/* The clears stay in memory: a crash now costs a resync of their regions, no data. */
static void legs_not_flushed(struct worker *worker, struct mirror_log *log)
{
	log->clears.phase = CLEARS_PAUSED;
	arm_delay(worker, log, NO_LEGS_PAUSE_NS);
	end_drain(worker, log);
}

static void leg_flush_ended(struct worker *worker, struct mirror_log *log)
{
	CHECK(log->clears.phase == CLEARS_FLUSHING_LEGS && log->clears.leg_ops == 0);
	log->clears.phase = CLEARS_COUNTING;
	if (log->clears.leg_error) {
		diag_limited(DIAG_WARNING,
			     "a leg of log %s cannot be flushed: %s; its clears stay "
			     "in memory",
			     log->uuid, strerror(-log->clears.leg_error));
		legs_not_flushed(worker, log);
		return;
	}
	legs_flushed(worker, log);
	clears_check(worker, log, clock_coarse());
}

static void leg_finished(struct executor *executor, struct mirror_log *log, struct log_io *io)
{
	CHECK(log->clears.leg_ops > 0);
	if (io->error) {
		stats_add(STATS_IO_ERRORS, 1);
		log->clears.leg_error = io->error;
	}
	executor_io_give(executor, io);
	if (--log->clears.leg_ops == 0)
		leg_flush_ended(worker_of(executor), log);
}

/* fsync on a block device: the kernel drops it for a leg whose cache is not volatile, and knows
 * better than sysfs did a moment ago (blkdev_issue_flush()). */
static void flush_legs(struct worker *worker, struct mirror_log *log)
{
	log->clears.leg_error = 0;
	log->clears.leg_ops = 0;
	log->clears.phase = CLEARS_FLUSHING_LEGS;
	for (unsigned i = 0; i < log->clears.legs->count; i++) {
		struct log_io *io = schedule_io_take(worker, log);

		if (!io) {
			log->clears.leg_error = -EAGAIN;
			break;
		}
		io->op.kind = FLUSH_OP_SYNC;
		io->op.fd = log->clears.legs->legs[i].fd;
		io->finish = leg_finished;
		log->clears.leg_ops++;
		stats_add(STATS_LEG_FLUSHES, 1);
		executor_io_submit(&worker->executor, io);
	}
	if (log->clears.leg_ops == 0)
		leg_flush_ended(worker, log);
}

static void ask_for_legs(struct worker *worker, struct mirror_log *log)
{
	if (!log->clears.legs_asked)
		log->clears.legs_asked = mirrors_ask(worker->mirrors, log, MIRROR_JOB_LEGS, 0) == 0;
	if (!log->clears.legs_asked)
		legs_not_flushed(worker, log);
	else
		arm_delay(worker, log, NO_LEGS_PAUSE_NS);
	log->clears.phase = CLEARS_PAUSED;
}

static void start_leg_flush(struct worker *worker, struct mirror_log *log)
{
	if (log->no_legs)
		legs_flushed(worker, log);
	else if (log->clears.legs)
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
	return now >= log->sched.age.at_ns || all_shall_go(worker, log) ||
	       (overflows(worker, log) && log->clears.phase != CLEARS_PAUSED);
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
	return mirror_log_state(log) == LOG_SUSPENDED && !log->clears.draining.first;
}

void clears_check(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (log->clears.phase == CLEARS_FLUSHING_LEGS)
		return;
	if (dirty_log_lazy_count(&log->dirty) == 0 || suspended(log)) {
		schedule_no_age(log);
		end_drain(worker, log);
		return;
	}
	if (now >= log->sched.age.at_ns)
		log->clears.phase = CLEARS_COUNTING;
	if (!deadline_runs(&log->sched.age))
		arm_delay(worker, log, 0);
	if (!due(worker, log, now))
		return;
	if (wants_all(worker, log))
		age_lazy(log);
	if (dirty_log_has_ripe(&log->dirty)) {
		start_leg_flush(worker, log);
		return;
	}
	age_lazy(log);
	arm_delay(worker, log, 0);
}

void clears_drain(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	slot_list_add(&log->clears.draining, slot);
	clears_check(worker, log, clock_coarse());
}

void clears_take_legs(struct worker *worker, struct mirror_log *log, struct log_legs *legs)
{
	CHECK(log->clears.legs_asked);
	log->clears.legs_asked = false;
	if (log->clears.phase == CLEARS_FLUSHING_LEGS ||
	    !mirror_log_is_open(log)) { /* the old ones are in use */
		log_legs_close(legs);
		return;
	}
	log_legs_close(log->clears.legs);
	log->clears.legs = legs;
	if (legs)
		clears_check(worker, log, clock_coarse());
	else
		legs_not_flushed(worker, log);
}

void clears_forget_legs(struct mirror_log *log)
{
	if (log->clears.phase == CLEARS_FLUSHING_LEGS)
		return;
	log_legs_close(log->clears.legs);
	log->clears.legs = NULL;
}
