/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a log is probed: probe_ns after its first use (a mark that was answered without a write), if it has been
 * used since its last write, and that was as long ago. An idle log costs nothing: the use wakes its worker by
 * mail, once in each period. The block is that of the region marked last, which the kernel's log would have
 * written; so a device that has lost all but its header is found out, too. probe_state.h draws it.
 */
#include "server/work/probe.h"

#include "server/base/clock.h"
#include "server/base/kill_point.h"
#include "server/base/stats.h"
#include "server/log/log_write.h"
#include "server/work/commit.h"

static int64_t period(const struct worker *worker)
{
	return worker->executor.options->probe_ns;
}

static void count_down(struct worker *worker, struct mirror_log *log)
{
	schedule_probe(worker, log, clock_coarse() + period(worker));
}

void probe_watch(const struct worker *worker, struct mirror_log *log)
{
	log->probe.region = DIRTY_LOG_NO_REGION;
	log->probe.asleep = log->args.disk && period(worker) > 0;
}

void probe_used(struct worker *worker, struct mirror_log *log)
{
	if (mirror_log_is_open(log))
		count_down(worker, log);
}

static bool worth_it(const struct worker *worker, const struct mirror_log *log)
{
	return log->probe.region != DIRTY_LOG_NO_REGION && mirror_log_state(log) == LOG_ACTIVE &&
	       mirror_log_health(log) == LOG_SOUND && worker->stop_deadline_ns == 0;
}

static void start(struct worker *worker, struct mirror_log *log)
{
	uint64_t block = log_image_block_of(&log->dirty.geometry, log->probe.region);

	log->probe.asleep = log->probe.on = true;
	stats_add(STATS_PROBES, 1);
	dirty_log_restore_changed(&log->dirty, block, 1);
	kill_point("probe");
	commit_start(worker, log);
}

void probe_check(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (!log->sched.probe_due)
		return;
	log->sched.probe_due = false;
	if (!worth_it(worker, log))
		log->probe.asleep = true;
	else if (log_writer_now(log) != LOG_WRITER_ANYONE ||
		 now - log->commit.began_ns < period(worker))
		count_down(worker, log);
	else
		start(worker, log);
}
