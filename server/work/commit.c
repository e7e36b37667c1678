/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commits: durable before acknowledged. */
#include "server/work/commit.h"

#include "server/base/clock.h"
#include "server/log/log_device.h"
#include "server/log/log_write.h"
#include "server/base/diag.h"

#include <errno.h>
#include <string.h>

#define RETRY_FIRST_NS (50 * NSEC_PER_MSEC)
#define RETRY_MAX_NS (500 * NSEC_PER_MSEC)
#define CLAIM_PAUSE_NS (1 * NSEC_PER_MSEC)

bool commit_claim(struct worker *worker, struct mirror_log *log)
{
	bool ours = log_device_claim(log->device);

	if (!ours)
		worker_arm_retry(worker, log, clock_coarse() + CLAIM_PAUSE_NS);
	return ours;
}

static void recovered(struct worker *worker, struct mirror_log *log)
{
	if (log->retry_since_ns == 0 && !atomic_load_explicit(&log->failed, memory_order_relaxed))
		return;
	/* Blocks are left that no write has covered since they failed. */
	if (log->commit_partial)
		return;
	diag_warning("log device %u:%u of log %s works again", log->device->major,
		     log->device->minor, log->uuid);
	atomic_store_explicit(&log->failed, false, memory_order_relaxed);
	log->retry_since_ns = 0;
	mirror_log_record_status(log);
}

static void give_up_trying(struct worker *worker, struct mirror_log *log, int error)
{
	if (!atomic_exchange_explicit(&log->failed, true, memory_order_relaxed))
		diag_error("log device %u:%u of log %s has failed: %s; the mirror stops writing "
			   "until it gets another log",
			   log->device->major, log->device->minor, log->uuid, strerror(-error));
	log->retry_since_ns = 0;
	mirror_log_record_status(log);
	slot_list_move(&log->committing, &log->waiters);
	executor_reply_all(&worker->executor, &log->committing, error);
}

/* Inside the time limit the waiters wait on, and the kernel hears nothing of it. */
static void back_off(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (log->retry_since_ns == 0) {
		log->retry_since_ns = now;
		log->retry_wait_ns = RETRY_FIRST_NS;
		diag_warning("write to log device %u:%u of log %s failed: %s; trying again for "
			     "%lld s",
			     log->device->major, log->device->minor, log->uuid,
			     strerror(-log->commit_error),
			     (long long)(worker->executor.options->retry_limit_ns / NSEC_PER_SEC));
	}
	slot_list_move(&log->waiters, &log->committing);
	worker_arm_retry(worker, log, now + log->retry_wait_ns);
	log->retry_wait_ns *= 2;
	if (log->retry_wait_ns > RETRY_MAX_NS)
		log->retry_wait_ns = RETRY_MAX_NS;
}

static void commit_failed(struct worker *worker, struct mirror_log *log)
{
	int64_t now = clock_coarse();
	bool waits = log->committing.first || log->waiters.first;
	bool known = waits && atomic_load_explicit(&log->failed, memory_order_relaxed);
	bool expired = waits && log->retry_since_ns != 0 &&
		       now - log->retry_since_ns >= worker->executor.options->retry_limit_ns;

	if (known || expired) {
		give_up_trying(worker, log, log->commit_error);
		return;
	}
	back_off(worker, log, now);
	if (!waits)
		log->retry_since_ns = now; /* the limit is the patience of those who wait */
}

void commit_written(struct worker *worker, struct mirror_log *log)
{
	if (log->commit_error) {
		commit_failed(worker, log);
		return;
	}
	recovered(worker, log);
	log_write_answer(&worker->executor, log);
	if (log->waiters.first || dirty_log_has_changed(&log->dirty))
		commit_start(worker, log);
}

void commit_start(struct worker *worker, struct mirror_log *log)
{
	if (log->in_flight > 0 || log->retry_link.on)
		return;
	if (!dirty_log_has_changed(&log->dirty)) {
		executor_reply_all(&worker->executor, &log->waiters, 0);
		return;
	}
	if (log->foreign) {
		executor_reply_all(&worker->executor, &log->waiters, -EIO);
		return;
	}
	if (!commit_claim(worker, log))
		return;
	if (!log_write_start(&worker->executor, log))
		worker_starves(worker, log);
}

void commit_wait(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	slot_list_add(&log->waiters, slot);
	commit_start(worker, log);
}

void commit_retry(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (!log->retry_link.on || now < log->retry_at_ns)
		return;
	worker_disarm_retry(worker, log);
	commit_start(worker, log);
}
