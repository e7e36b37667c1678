/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's recovery cannot be told to wait: it asks for work in the thread that writes the mirror too, so a reply
 * must not be late; and being told that there is none it asks no more until that thread runs again (do_mirror() in
 * drivers/md/dm-raid1.c). Each read of the mirror makes it run, since the kernel asks us first whether its region is
 * in sync (userspace_in_sync() in dm-log-userspace-base.c). So what is held back is told to be none, and when it may
 * go on the mirror is read (mirror_wake.h). */
#include "server/work/pace.h"

#include "server/base/clock.h"
#include "server/base/kill_point.h"
#include "server/base/stats.h"
#include "server/log/mirrors.h"

#define AGAIN_NS (5 * NSEC_PER_SEC) /* a read that did not make the kernel ask */

static bool is_on_hold(const struct mirror_log *log)
{
	return atomic_load_explicit(&log->pace.paused, memory_order_relaxed);
}

static bool has_all_in_sync(const struct mirror_log *log)
{
	return dirty_log_sync_count(&log->dirty) == log->args.region_count;
}

void pace_order(struct mirror_log *log, unsigned order)
{
	if (atomic_exchange(&log->pace.orders, order) != 0)
		return; /* the mail is on its way */
	log->pace.order_mail.kind = MAIL_PACE_ORDER;
	mirror_log_post(log, &log->pace.order_mail);
}

static void owe(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	log->pace.owed = true;
	schedule_pace(worker, log, at_ns);
	mirror_log_record_status(log);
}

/* The kernel asks of itself, or has nothing to ask for. */
static void owe_nothing(struct mirror_log *log)
{
	log->pace.owed = false;
	schedule_no_pace(log);
	mirror_log_record_status(log);
}

static void take_order(struct worker *worker, struct mirror_log *log, unsigned order)
{
	if (!mirror_log_is_open(log))
		return;
	atomic_store_explicit(&log->pace.paused, order == PACE_PAUSE, memory_order_relaxed);
	if (order == PACE_CONTINUE && !has_all_in_sync(log))
		owe(worker, log, clock_coarse());
	else
		mirror_log_record_status(log);
}

/* It is taken when it is on record. */
void pace_ordered(struct worker *worker, struct mirror_log *log)
{
	unsigned order = atomic_load(&log->pace.orders);

	do
		take_order(worker, log, order);
	while (!atomic_compare_exchange_strong(&log->pace.orders, &order, 0));
}

bool pace_is_obeyed(const struct mirror_log *log)
{
	return atomic_load(&log->pace.orders) == 0;
}

void pace_owed(struct worker *worker, struct mirror_log *log)
{
	kill_point("held-back");
	if (log->pace.owed)
		schedule_pace(worker, log, log->pace.paid_ns + PACE_STEP_NS);
}

void pace_take_over(struct worker *worker, struct mirror_log *log)
{
	if (log->pace.owed)
		schedule_pace(worker, log, clock_coarse() + PACE_STEP_NS);
}

void pace_restarts(struct mirror_log *log)
{
	if (log->pace.owed)
		owe_nothing(log);
}

/* What was reckoned by another rate does not count. */
static void see_rate(struct worker *worker, struct mirror_log *log, int64_t now)
{
	uint64_t rate = atomic_load_explicit(&worker->executor.options->settings->resync_rate,
					     memory_order_relaxed);

	if (!log->pace.owed || rate == log->pace.rate)
		return;
	log->pace.rate = rate;
	log->pace.paid_ns = 0;
	schedule_pace(worker, log, now);
}

void pace_check(struct worker *worker, struct mirror_log *log, int64_t now)
{
	see_rate(worker, log, now);
	if (!deadline_runs(&log->sched.pace) || now < log->sched.pace.at_ns)
		return;
	schedule_no_pace(log);
	if (!log->pace.owed || is_on_hold(log) || mirror_log_state(log) != LOG_ACTIVE)
		return;
	if (has_all_in_sync(log)) {
		owe_nothing(log);
		return;
	}
	stats_add(STATS_RESYNC_WAKES, 1);
	/* A log in front of ours does not let the kernel's thread run for what it knows to be in sync. */
	atomic_store_explicit(&log->pace.offset,
			      dirty_log_first_out_of_sync(&log->dirty) * log->args.region_size,
			      memory_order_relaxed);
	if (!log->no_legs)
		mirrors_ask(worker->mirrors, log, MIRROR_JOB_WAKE, 0);
	schedule_pace(worker, log, now + AGAIN_NS);
}
