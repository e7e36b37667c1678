/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/work/rewrite.h"

#include "server/base/clock.h"
#include "server/work/commit.h"

#define PAUSE_NS (2 * NSEC_PER_SEC) /* the same for all: the list stays in order */
#define LIMIT_NS (7 * NSEC_PER_SEC) /* three times */
#define REGIONS_MAX \
	(UINT64_C(1) << 27) /* 16 MiB of bits, which the kernel's log would write at each flush */

/* What a damaged record says may be any number. */
static bool is_watched(const struct mirror_log *log, int64_t now_ns)
{
	int64_t read_ns = atomic_load_explicit(&log->record->read_ns, memory_order_relaxed);

	return read_ns != 0 && (uint64_t)now_ns - (uint64_t)read_ns < LIMIT_NS;
}

void rewrite_watch(struct worker *worker, struct mirror_log *log)
{
	int64_t now_ns = clock_now();

	if (log->args.disk && log->args.region_count <= REGIONS_MAX && is_watched(log, now_ns))
		schedule_rewrite(worker, log, now_ns + PAUSE_NS);
}

void rewrite_begin(struct worker *worker, struct mirror_log *log)
{
	atomic_store_explicit(&log->record->read_ns, clock_now(), memory_order_relaxed);
	rewrite_watch(worker, log);
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
	}
	rewrite_watch(worker, log);
}
