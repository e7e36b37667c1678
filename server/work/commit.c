/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commits: durable before acknowledged.
 *
 * Who waits is in commit.waiters until a commit starts (log_write_start), then in commit.running, and is
 * answered when all of its blocks are on the device. What changes meanwhile belongs to the next commit,
 * which starts when this one has ended. After an error those in running wait again, and the same blocks
 * are tried later and later (retry_wait_ns doubles); when somebody has waited for retry_limit_ns all hear
 * the error, and the log has failed: from then on each commit is tried once. A commit that succeeds ends
 * the trouble (log_write.c), but a log that has failed stays failed. commit_state.h draws it. A probe (probe.h)
 * is a commit for nobody that is tried as long as if somebody waited.
 */
#include "server/work/commit.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/diag.h"
#include "server/log/log_write.h"

#include <errno.h>
#include <string.h>

#define RETRY_FIRST_NS (50 * NSEC_PER_MSEC)
#define RETRY_MAX_NS (500 * NSEC_PER_MSEC)
#define CLAIM_FIRST_NS (1 * NSEC_PER_MSEC) /* what the dead had on its way ends soon, or hangs */
#define CLAIM_MAX_NS (128 * NSEC_PER_MSEC)
#define SUSPENSION_MAX_NS (60 * NSEC_PER_SEC)
#define PATIENCE_MIN_NS (2 * NSEC_PER_SEC)

bool commit_claim(struct worker *worker, struct mirror_log *log)
{
	int64_t wait_ns = log->commit.claim_wait_ns;

	if (log_device_claim(log->device)) {
		log->commit.claim_wait_ns = 0;
		return true;
	}
	wait_ns = wait_ns == 0 ? CLAIM_FIRST_NS
			       : wait_ns * 5 / 4; /* a quarter of what it has waited */
	log->commit.claim_wait_ns = wait_ns < CLAIM_MAX_NS ? wait_ns : CLAIM_MAX_NS;
	schedule_retry(worker, log, clock_coarse() + log->commit.claim_wait_ns);
	return false;
}

static void give_up_trying(struct worker *worker, struct mirror_log *log, int error)
{
	if (mirror_log_health(log) == LOG_SOUND) {
		mirror_log_set_health(log, LOG_FAILED);
		diag_write_about(
			DIAG_ERROR,
			&(struct diag_subject){DIAG_EVENT_LOG_FAILED, log->uuid, log->device->major,
					       log->device->minor},
			"log device %u:%u of log %s has failed: %s; the mirror stops writing "
			"until it gets another log",
			log->device->major, log->device->minor, log->uuid, strerror(-error));
	}
	log->commit.retry_since_ns = 0;
	atomic_store_explicit(&log->tally.backs_off, false, memory_order_relaxed);
	log->probe.on = false;
	mirror_log_record_status(log);
	slot_list_move(&log->commit.running, &log->commit.waiters);
	executor_reply_all(&worker->executor, &log->commit.running, error);
}

static void say_that_it_backs_off(const struct worker *worker, const struct mirror_log *log)
{
	int64_t limit_ns = worker->executor.options->retry_limit_ns;

	diag_warning("write to log device %u:%u of log %s failed: %s; trying again for %lld s",
		     log->device->major, log->device->minor, log->uuid,
		     strerror(-log->commit.error), (long long)(limit_ns / NSEC_PER_SEC));
}

/* Inside the time limit the waiters wait on, and the kernel hears nothing of it. */
static void back_off(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (log->commit.retry_since_ns == 0) {
		atomic_store_explicit(&log->tally.backs_off, true, memory_order_relaxed);
		log->commit.retry_since_ns = now;
		log->commit.retry_wait_ns = RETRY_FIRST_NS;
		say_that_it_backs_off(worker, log);
	}
	slot_list_move(&log->commit.waiters, &log->commit.running);
	schedule_retry(worker, log, now + log->commit.retry_wait_ns);
	log->commit.retry_wait_ns *= 2;
	if (log->commit.retry_wait_ns > RETRY_MAX_NS)
		log->commit.retry_wait_ns = RETRY_MAX_NS;
}

void commit_write_failed(struct executor *executor, struct mirror_log *log)
{
	struct worker *worker = worker_of(executor);
	int64_t now = clock_coarse();
	bool waits = log->commit.running.first || log->commit.waiters.first || log->probe.on;
	bool known = mirror_log_health(log) != LOG_SOUND;
	bool expired = waits && log->commit.retry_since_ns != 0 &&
		       now - log->commit.retry_since_ns >= executor->options->retry_limit_ns;

	CHECK(log->commit.error < 0);
	if (known || expired) {
		give_up_trying(worker, log, log->commit.error);
		return;
	}
	back_off(worker, log, now);
	if (!waits)
		log->commit.retry_since_ns = now; /* the limit is the patience of those who wait */
}

void commit_written(struct executor *executor, struct mirror_log *log)
{
	CHECK(!log->commit.running.first);
	if (log->commit.waiters.first || dirty_log_has_changed(&log->dirty))
		commit_start(worker_of(executor), log);
}

/* A POSTSUSPEND waits for clears, which are in memory still, and on the log device the regions are dirty:
 * nothing is lost. */
static void give_up_waiters(struct worker *worker, struct mirror_log *log)
{
	struct slot *slot;

	schedule_no_retry(log);
	while ((slot = slot_list_pop(&log->commit.waiters)))
		executor_reply(&worker->executor, slot,
			       wire_type(&slot->message) == DM_ULOG_POSTSUSPEND ? 0 : -EIO);
}

/* Its POSTSUSPEND has been answered: another may write its device by now. */
static bool is_left(const struct mirror_log *log)
{
	return mirror_log_state(log) == LOG_SUSPENDED && !log->commit.waiters.first;
}

void commit_start(struct worker *worker, struct mirror_log *log)
{
	enum log_writer writer = log_writer_now(log);

	if (writer == LOG_WRITER_NOT_NOW || is_left(log))
		return;
	if (!dirty_log_has_changed(&log->dirty)) {
		executor_reply_all(&worker->executor, &log->commit.waiters, 0);
		return;
	}
	if (writer == LOG_WRITER_NEVER) {
		if (log->commit.waiters.first)
			mirror_log_record_failure(log);
		executor_reply_all(&worker->executor, &log->commit.waiters, -EIO);
		return;
	}
	if (!commit_claim(worker, log)) {
		/* Each is tried once, and this one cannot be. */
		if (mirror_log_health(log) != LOG_SOUND)
			give_up_waiters(worker, log);
		return;
	}
	if (!log_write_start(&worker->executor, log))
		schedule_starves(worker, log);
}

bool commit_is_presuspended(struct mirror_log *log, int64_t now)
{
	if (log->life.presuspended_ns == 0)
		return false;
	if (now - log->life.presuspended_ns <= SUSPENSION_MAX_NS)
		return true;
	log->life.presuspended_ns = 0;
	mirror_log_record_status(log);
	return false;
}

/* The kernel waits for this request before the mirror is suspended. */
static void be_patient_for_suspension(struct worker *worker, struct mirror_log *log)
{
	int64_t now = clock_coarse();

	if (commit_is_presuspended(log, now) && !deadline_runs(&log->sched.patience))
		schedule_patience(worker, log, now + commit_patience(worker));
}

void commit_wait(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	be_patient_for_suspension(worker, log);
	log_write_wait(&worker->executor, log, slot);
	commit_start(worker, log);
}

static bool has_resume(const struct slot_list *list)
{
	for (const struct slot *slot = list->first; slot; slot = slot->next_waiter)
		if (wire_type(&slot->message) == DM_ULOG_RESUME)
			return true;
	return false;
}

bool commit_resumes(const struct mirror_log *log)
{
	return log->life.resuming || has_resume(&log->commit.waiters) ||
	       has_resume(&log->commit.running);
}

void commit_retry(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (!deadline_runs(&log->sched.retry) || now < log->sched.retry.at_ns)
		return;
	schedule_no_retry(log);
	commit_start(worker, log);
}

int64_t commit_patience(const struct worker *worker)
{
	int64_t limit_ns = worker->executor.options->retry_limit_ns;

	return limit_ns > PATIENCE_MIN_NS ? limit_ns : PATIENCE_MIN_NS;
}

/* Until the commit in flight has been there for so long: another one may have ended since. */
static int64_t patience_ends(const struct worker *worker, const struct mirror_log *log)
{
	bool writes = log->commit.in_flight > 0 &&
		      (mirror_log_state(log) == LOG_ACTIVE || mirror_log_state(log) == LOG_CREATED);

	return writes ? log->commit.began_ns + commit_patience(worker) : log->sched.patience.at_ns;
}

/* Of a mirror that is being suspended, who can only be told that the log has failed. */
static void fail_waiters(struct worker *worker, struct mirror_log *log)
{
	log_write_abandon(&worker->executor, log);
	if (log->commit.waiters.first)
		give_up_trying(worker, log, -EIO);
}

static void release_suspended(struct worker *worker, struct mirror_log *log)
{
	log_write_abandon(&worker->executor, log);
	give_up_waiters(worker, log);
}

void commit_lose_patience(struct worker *worker, struct mirror_log *log, int64_t now)
{
	int64_t ends_ns;

	if (!deadline_runs(&log->sched.patience) || now < log->sched.patience.at_ns)
		return;
	ends_ns = patience_ends(worker, log);
	schedule_no_patience(log);
	if (log->commit.in_flight == 0 && !log->commit.waiters.first)
		return;
	if (now < ends_ns) {
		schedule_patience(worker, log, ends_ns);
		return;
	}
	diag_limited(DIAG_WARNING,
		     "log device %u:%u of log %s does not answer, and its mirror is suspended or "
		     "removed without it",
		     log->device->major, log->device->minor, log->uuid);
	tally_failed(&log->tally, TALLY_WRITE, -ETIMEDOUT);
	if (mirror_log_state(log) == LOG_CLOSING)
		log_write_abandon(&worker->executor, log);
	else if (mirror_log_state(log) == LOG_SUSPENDED)
		release_suspended(worker, log);
	else
		fail_waiters(worker, log);
}
