/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/work/rewrite.h"

#include "server/base/clock.h"
#include "server/work/commit.h"

/* Each pause has a list of its own, which is in order. The former owner's write is most often the next thing that its
 * device does. */
#define SOON_NS (100 * NSEC_PER_MSEC)
#define SOON_UNTIL_NS (500 * NSEC_PER_MSEC)
#define PAUSE_NS (2 * NSEC_PER_SEC)
#define UNTIL_NS (6 * NSEC_PER_SEC)
#define SOON_REGIONS_MAX (UINT64_C(1) << 23) /* 1 MiB of bits */
#define REGIONS_MAX \
	(UINT64_C(1) << 27) /* 16 MiB of bits, which the kernel's log would write at each flush */

static int64_t since(_Atomic int64_t *then_ns, int64_t now_ns)
{
	return now_ns - atomic_load_explicit(then_ns, memory_order_relaxed);
}

/* How far behind the RESUME the last time began; before it: negative. */
static int64_t covered(const struct mirror_log *log)
{
	return since(&log->record->read_ns,
		     atomic_load_explicit(&log->record->rewritten_ns, memory_order_relaxed));
}

/* What a damaged record says may be any number. */
static bool is_owed(const struct mirror_log *log, int64_t now_ns)
{
	int64_t read_ns = atomic_load_explicit(&log->record->read_ns, memory_order_relaxed);
	int64_t rewritten_ns =
		atomic_load_explicit(&log->record->rewritten_ns, memory_order_relaxed);

	return read_ns > 0 && read_ns <= now_ns && rewritten_ns >= 0 && rewritten_ns <= now_ns &&
	       covered(log) < UNTIL_NS;
}

void rewrite_watch(struct worker *worker, struct mirror_log *log)
{
	int64_t now_ns = clock_now();
	bool late, soon;

	if (!log->args.disk || log->args.region_count > REGIONS_MAX || !is_owed(log, now_ns))
		return;
	late = since(&log->record->rewritten_ns, now_ns) >= PAUSE_NS;
	soon = covered(log) < SOON_UNTIL_NS && log->args.region_count <= SOON_REGIONS_MAX;
	if (late || soon)
		schedule_rewrite_soon(worker, log, now_ns + SOON_NS);
	else
		schedule_rewrite(worker, log, now_ns + PAUSE_NS);
}

void rewrite_begin(struct worker *worker, struct mirror_log *log)
{
	atomic_store_explicit(&log->record->rewritten_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&log->record->read_ns, clock_now(), memory_order_relaxed);
	rewrite_watch(worker, log);
}

void rewrite_not(struct mirror_log *log)
{
	atomic_store_explicit(&log->record->read_ns, 0, memory_order_relaxed);
}

/* What fails is tried, and told, as if somebody waited: the next mark of a region that is written again would. */
static void write_again(struct worker *worker, struct mirror_log *log)
{
	log->probe.on = true;
	atomic_store_explicit(&log->record->rewritten_ns, clock_now(), memory_order_relaxed);
	dirty_log_change_dirty(&log->dirty);
	commit_start(worker, log);
	rewrite_watch(worker, log);
}

/* One that has failed may be marked all the same, if the kernel has not heard of it. The next table of the mirror may
 * have the device though this one's POSTSUSPEND was lost. */
static bool may_be_written_again(const struct mirror_log *log)
{
	return log->args.disk && mirror_log_state(log) == LOG_ACTIVE &&
	       mirror_log_health(log) != LOG_UNUSABLE && dirty_log_known(&log->dirty) &&
	       log_device_is_active(log->device, log->id);
}

void rewrite_check(struct worker *worker, struct mirror_log *log)
{
	if (!log->sched.rewrite_due)
		return;
	log->sched.rewrite_due = false;
	/* The next RESUME, or the next server, goes on. */
	if (worker->stop_deadline_ns != 0 || !is_owed(log, clock_now()))
		return;
	if (commit_resumes(log) && mirror_log_state(log) == LOG_ACTIVE)
		rewrite_begin(worker, log); /* what comes late comes behind its answer */
	else if (may_be_written_again(log))
		write_again(worker, log);
}

void rewrite_order(struct mirror_log *log)
{
	if (atomic_fetch_add(&log->rewrite.orders, 1) != 0)
		return; /* the mail is on its way */
	log->rewrite.mail.kind = MAIL_REWRITE;
	mirror_log_post(log, &log->rewrite.mail);
}

bool rewrite_is_obeyed(const struct mirror_log *log)
{
	return atomic_load(&log->rewrite.orders) == 0;
}

void rewrite_ordered(struct worker *worker, struct mirror_log *log)
{
	unsigned orders = atomic_load(&log->rewrite.orders);

	do
		if (may_be_written_again(log))
			write_again(worker, log);
	while (!atomic_compare_exchange_strong(&log->rewrite.orders, &orders, 0));
}
