/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/work/rewrite.h"

#include "server/base/clock.h"
#include "server/work/commit.h"

#define TIMES 3u
#define PAUSE_NS (2 * NSEC_PER_SEC) /* the same for all: the list stays in order */

static void again_later(struct worker *worker, struct mirror_log *log)
{
	schedule_rewrite(worker, log, clock_coarse() + PAUSE_NS);
}

void rewrite_watch(struct worker *worker, struct mirror_log *log)
{
	if (!log->device)
		return;
	log->rewrites_left = TIMES;
	again_later(worker, log);
}

void rewrite_check(struct worker *worker, struct mirror_log *log)
{
	if (!log->sched.rewrite_due)
		return;
	log->sched.rewrite_due = false;
	if (mirror_log_state(log) != LOG_ACTIVE || worker->stop_deadline_ns != 0)
		return;
	if (dirty_log_known(&log->dirty)) {
		dirty_log_change_dirty(&log->dirty);
		commit_start(worker, log);
		log->rewrites_left--;
	}
	if (log->rewrites_left > 0)
		again_later(worker, log);
}
