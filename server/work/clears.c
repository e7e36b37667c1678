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
 * POSTSUSPEND (draining), which does not wait for long, and when the server stops for good. The legs are
 * not known at first: the mirror thread looks for them (mirrors.h), and MAIL_LEGS brings them. They are
 * flushed on threads of their own (leg_flusher.h). After a flush that failed, or that was given up and may
 * fail yet, nothing is written clean until RESUME, which takes for out of sync whatever is dirty on the
 * log device (dirty_log_distrust). clears_state.h draws it.
 */
#include "server/work/clears.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/diag.h"
#include "server/base/stats.h"
#include "server/log/log_write.h"
#include "server/log/mirrors.h"
#include "server/work/commit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NO_LEGS_PAUSE_NS (200 * NSEC_PER_MSEC)
#define DRAIN_LIMIT_NS (2 * NSEC_PER_SEC) /* of a POSTSUSPEND's wait for the legs */

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
	schedule_no_drain(log);
	/* What is never written has nothing to wait for: it must be possible to suspend the mirror. */
	if (mirror_log_health(log) == LOG_UNUSABLE) {
		executor_reply_all(&worker->executor, &log->clears.draining, 0);
		return;
	}
	slot_list_move(&log->commit.waiters, &log->clears.draining);
	/* Nor for a log device that does not answer (commit_lose_patience). */
	schedule_patience(worker, log, clock_coarse() + DRAIN_LIMIT_NS);
	commit_start(worker, log);
}

static int64_t clear_delay_ns(const struct worker *worker)
{
	return atomic_load_explicit(&worker->executor.options->settings->clear_delay_ns,
				    memory_order_relaxed);
}

static void arm_delay(struct worker *worker, struct mirror_log *log, int64_t pause_ns)
{
	int64_t delay = clear_delay_ns(worker);

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

/* Its regions stay dirty on the log device until they have been recovered: those that are so now, and all
 * that are written until RESUME. */
static void legs_failed(struct worker *worker, struct mirror_log *log, int error)
{
	diag_write_about(
		DIAG_WARNING, &(struct diag_subject){DIAG_EVENT_LEG_NOT_FLUSHED, log->uuid, 0, 0},
		"a leg of log %s could not be flushed: %s; what it has lost cannot be known, so "
		"no region of the log is recorded clean until the mirror is suspended and "
		"resumed, which recovers them",
		log->uuid, strerror(-error));
	log->clears.phase = CLEARS_SPOILT;
	mirror_log_record_status(log);
	end_drain(worker, log);
}

static void leg_flush_ended(struct worker *worker, struct mirror_log *log)
{
	int error = log->clears.leg_error;

	CHECK(log->clears.phase == CLEARS_FLUSHING_LEGS && !log->clears.leg_flush);
	CHECK(!deadline_runs(&log->sched.age));
	log->clears.phase = CLEARS_COUNTING;
	if (error && !leg_flush_was_not_tried(error)) {
		legs_failed(worker, log, error);
		return;
	}
	mirror_log_record_status(log);
	if (error) {
		legs_not_flushed(worker, log);
		return;
	}
	legs_flushed(worker, log);
	clears_check(worker, log, clock_coarse());
}

static void flush_legs(struct worker *worker, struct mirror_log *log)
{
	log->clears.phase = CLEARS_FLUSHING_LEGS;
	schedule_no_age(log); /* it has come, and would come again and again */
	mirror_log_record_status(log); /* who dies meanwhile does not learn how it ended */
	log->clears.leg_flush = mirrors_flush_legs(worker->mirrors, log);
	if (log->clears.leg_flush) {
		stats_add(STATS_LEG_FLUSHES, log->clears.legs->count);
		return;
	}
	log->clears.leg_error = -ENOMEM;
	leg_flush_ended(worker, log);
}

/* What is dirty on the log device is recovered, once the kernel asks for it: which a mirror that it knows to be
 * in sync does only after a RESUME. One that resyncs asks by itself, and is suspended and resumed all the same: the
 * region that it recovers now may have lost what the flush would have told, and only a RESUME finds none on its way,
 * and ends what is spoilt. */
static void heal(struct worker *worker, struct mirror_log *log)
{
	uint64_t before = dirty_log_sync_count(&log->dirty);

	log->clears.interrupted = log->clears.legs_answered = false;
	dirty_log_distrust(&log->dirty);
	diag_info(
		"log %s: a server has died while the legs were flushed: %llu regions are resynced",
		log->uuid, (unsigned long long)(before - dirty_log_sync_count(&log->dirty)));
	log->clears.heals = true;
	log->life.nudged = true;
	atomic_store_explicit(&log->answered.resync_work, false, memory_order_relaxed);
	mirror_log_record_status(log);
	mirrors_ask(worker->mirrors, log, MIRROR_JOB_NUDGE, 0);
}

/* A region that is dirty in memory alone would be out of sync while the log device calls it clean, and to what is out
 * of sync the kernel writes without a mark, on one leg. So what a predecessor had marked, or marked ahead, is durable
 * before; what is marked meanwhile the kernel waits for, and nothing is marked ahead. */
static void heal_once_durable(struct worker *worker, struct mirror_log *log)
{
	if (log->clears.legs_answered && mirror_log_state(log) == LOG_ACTIVE &&
	    log_write_is_durable(log))
		heal(worker, log);
}

/* The mirror is not suspended before its legs are seen to answer: that would wait for them, in the way of who
 * wants to suspend it to be rid of one. */
static void try_to_heal(struct worker *worker, struct mirror_log *log)
{
	if (log->clears.interrupted && !log->clears.legs_answered && log->clears.legs &&
	    !log->clears.leg_flush && mirror_log_state(log) == LOG_ACTIVE)
		log->clears.leg_flush = mirrors_flush_legs(worker->mirrors, log);
}

static void legs_were_tried(struct worker *worker, struct mirror_log *log, int error)
{
	if (leg_flush_was_not_tried(error))
		return; /* the next server may */
	if (error) {
		log->clears.interrupted = false;
		legs_failed(worker, log, error);
		return;
	}
	log->clears.legs_answered = true;
	commit_start(worker, log);
	heal_once_durable(worker, log);
}

static void note_leg_error(struct mirror_log *log, int error)
{
	stats_add(STATS_IO_ERRORS, 1);
	tally_failed(&log->tally, TALLY_LEG_FLUSH, error);
}

void clears_legs_flushed(struct worker *worker, struct mirror_log *log,
			 const struct leg_flush *flush)
{
	if (flush != log->clears.leg_flush)
		return; /* given up, and too late */
	log->clears.leg_flush = NULL;
	log->clears.leg_error = flush->error;
	if (flush->error)
		note_leg_error(log, flush->error);
	if (log->clears.phase == CLEARS_FLUSHING_LEGS)
		leg_flush_ended(worker, log);
	else if (log->clears.interrupted && mirror_log_state(log) == LOG_ACTIVE)
		legs_were_tried(worker, log, flush->error);
}

void clears_give_up_flush(struct worker *worker, struct mirror_log *log)
{
	if (!log->clears.leg_flush)
		return;
	mirrors_abandon_flush(worker->mirrors, log->clears.leg_flush);
	log->clears.leg_flush = NULL;
	if (log->clears.phase != CLEARS_FLUSHING_LEGS)
		return;
	/* It may fail yet, and nobody will hear of that. */
	log->clears.phase = CLEARS_SPOILT;
	mirror_log_record_status(log);
}

/* POSTSUSPEND must not wait for a leg that hangs, or that cannot be found: a mirror is suspended to be
 * rid of it. */
static void give_up_drain(struct worker *worker, struct mirror_log *log)
{
	diag_limited(DIAG_WARNING,
		     "log %s is suspended before its legs could be flushed: regions that were "
		     "written last will be resynced",
		     log->uuid);
	if (log->clears.phase != CLEARS_FLUSHING_LEGS) {
		legs_not_flushed(worker, log);
		return;
	}
	clears_give_up_flush(worker, log);
	end_drain(worker, log);
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
	return dirty_log_lazy_count(&log->dirty) >
	       atomic_load_explicit(&worker->executor.options->settings->max_lazy,
				    memory_order_relaxed);
}

static bool due(const struct worker *worker, const struct mirror_log *log, int64_t now)
{
	return now >= log->sched.age.at_ns || all_shall_go(worker, log) ||
	       (overflows(worker, log) && log->clears.phase != CLEARS_PAUSED);
}

static bool wants_all(const struct worker *worker, const struct mirror_log *log)
{
	/* Too many, and all of them young: they have to go nevertheless. */
	return all_shall_go(worker, log) || clear_delay_ns(worker) == 0 ||
	       (overflows(worker, log) && !dirty_log_has_ripe(&log->dirty));
}

/* After POSTSUSPEND another log, that of the next table, may write the same device. */
static bool suspended(const struct mirror_log *log)
{
	return mirror_log_state(log) == LOG_SUSPENDED && !log->clears.draining.first;
}

void clears_check(struct worker *worker, struct mirror_log *log, int64_t now)
{
	heal_once_durable(worker, log);
	if (deadline_runs(&log->sched.drain) && now >= log->sched.drain.at_ns)
		give_up_drain(worker, log);
	if (log->clears.phase == CLEARS_FLUSHING_LEGS)
		return;
	if (dirty_log_lazy_count(&log->dirty) == 0 || suspended(log) ||
	    log->clears.phase == CLEARS_SPOILT) {
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
	slot_list_forget(&log->clears.draining, worker->executor.outbox.slots, clock_coarse());
	slot_list_add(&log->clears.draining, slot);
	if (!deadline_runs(&log->sched.drain))
		schedule_drain(worker, log, clock_coarse() + DRAIN_LIMIT_NS);
	clears_check(worker, log, clock_coarse());
}

/* Their number comes last: a successor finds all of them, or none. */
static void record_legs(struct mirror_log *log)
{
	const struct log_legs *legs = log->clears.legs;
	struct log_record *record = log->record;
	bool fit = legs && legs->count <= ESTATE_LEGS_MAX;

	atomic_store(&record->nlegs, 0);
	atomic_signal_fence(memory_order_seq_cst);
	for (unsigned i = 0; fit && i < legs->count; i++) {
		record->legs[i][0] = legs->legs[i].major;
		record->legs[i][1] = legs->legs[i].minor;
	}
	atomic_signal_fence(memory_order_seq_cst);
	if (fit)
		atomic_store(&record->nlegs, legs->count);
}

bool clears_take_over_legs(struct worker *worker, struct mirror_log *log)
{
	const struct log_record *record = log->record;
	uint32_t count = atomic_load(&record->nlegs);

	if (count == 0 || count > ESTATE_LEGS_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (log_legs_add(&log->clears.legs, record->legs[i][0], record->legs[i][1]))
			continue;
		free(log->clears.legs);
		log->clears.legs = NULL;
		return false;
	}
	try_to_heal(worker, log);
	return true;
}

void clears_resumed(struct worker *worker, struct mirror_log *log)
{
	clears_give_up_flush(worker, log);
	if (log->clears.phase != CLEARS_SPOILT)
		return;
	dirty_log_distrust(&log->dirty);
	log->clears.phase = CLEARS_COUNTING;
	log->clears.interrupted = log->clears.legs_answered = log->clears.heals = false;
}

void clears_take_legs(struct worker *worker, struct mirror_log *log, struct log_legs *legs)
{
	CHECK(log->clears.legs_asked);
	log->clears.legs_asked = false;
	if (log->clears.legs_stale || log->clears.phase == CLEARS_FLUSHING_LEGS ||
	    !mirror_log_is_open(log)) {
		log->clears.legs_stale = false;
		free(legs);
		return;
	}
	free(log->clears.legs);
	log->clears.legs = legs;
	record_legs(log);
	try_to_heal(worker, log);
	if (legs)
		clears_check(worker, log, clock_coarse());
	else
		legs_not_flushed(worker, log);
}

void clears_forget_legs(struct mirror_log *log)
{
	free(log->clears.legs);
	log->clears.legs = NULL;
	record_legs(log);
	log->clears.legs_stale = log->clears.legs_asked;
}
