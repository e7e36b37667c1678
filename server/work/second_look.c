/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The look is an operation like those of a commit, and counts as one (commit.in_flight), so that all that waits for a
 * device to be left alone waits for it too. No request waits for it but, for two seconds, a POSTSUSPEND. */
#include "server/work/second_look.h"

#include "server/base/diag.h"
#include "server/base/stats.h"
#include "server/log/log_write.h"
#include "server/work/clears.h"
#include "server/work/commit.h"

#define WAIT_FIRST_NS (1 * NSEC_PER_SEC)
#define WAIT_MAX_NS (30 * NSEC_PER_SEC)
#define LAST_LIMIT_NS (2 * NSEC_PER_SEC)
#define LAST_PAUSE_NS (20 * NSEC_PER_MSEC)

static void look_later(struct worker *worker, struct mirror_log *log)
{
	schedule_second_look(worker, log, clock_coarse() + log->second_look.wait_ns);
	log->second_look.wait_ns *= 2;
	if (log->second_look.wait_ns > WAIT_MAX_NS)
		log->second_look.wait_ns = WAIT_MAX_NS;
}

void second_look_watch(struct worker *worker, struct mirror_log *log)
{
	if (!log->second_look.wanted || log->device->fd < 0)
		return;
	atomic_store_explicit(&log->device->stale, true, memory_order_relaxed);
	log->second_look.wait_ns = WAIT_FIRST_NS;
	look_later(worker, log);
}

void second_look_forget(struct mirror_log *log)
{
	log->second_look.wanted = false;
	schedule_no_second_look(log);
}

static void look_no_more(struct mirror_log *log)
{
	second_look_forget(log);
	mirror_log_record_status(log);
}

/* Nobody waits for it, and the next is not due. */
static void stop_looking(struct worker *worker, struct mirror_log *log)
{
	if (!log->second_look.looks)
		return;
	log->second_look.looks = false;
	log_write_abandon(&worker->executor, log);
}

/* Another table of the mirror, or another mirror, may have the device by now. */
static bool is_ours_to_write(const struct mirror_log *log)
{
	return (mirror_log_state(log) == LOG_ACTIVE || log->second_look.slot) &&
	       log_device_is_active(log->device, log->id);
}

/* All of its blocks count as changed since it was given up. */
static void write_what_is_known(struct worker *worker, struct mirror_log *log)
{
	diag_warning("log device %u:%u of log %s can be read again: all of its regions are written "
		     "as out of sync",
		     log->device->major, log->device->minor, log->uuid);
	mirror_log_set_health(log, LOG_FAILED); /* and stays so: commit_state.h */
	mirror_log_record_status(log);
	commit_start(worker, log);
}

static void leave_unwritten(struct mirror_log *log)
{
	diag_error("log device %u:%u of log %s can be read again, and there is no log of ours on "
		   "it: it is not written",
		   log->device->major, log->device->minor, log->uuid);
	look_no_more(log);
}

/* The POSTSUSPEND waits for what is to be written now, if anything is. */
static void go_on_suspending(struct worker *worker, struct mirror_log *log)
{
	struct slot *slot = log->second_look.slot;

	log->second_look.slot = NULL;
	if (slot)
		clears_drain(worker, log, slot);
}

static void look_has_ended(struct executor *executor, struct mirror_log *log, struct log_io *io)
{
	struct worker *worker = worker_of(executor);
	enum log_image_verdict verdict = LOG_IMAGE_NEW;
	struct log_image_header header;
	int error = io->error;

	if (error == 0)
		verdict = log_image_decode_header(io->op.buf, &header);
	executor_io_give(executor, io);
	log->second_look.looks = false;
	log->commit.in_flight = 0;
	if (error != 0)
		stats_add(STATS_IO_ERRORS, 1);
	else if (!is_ours_to_write(log))
		; /* it is read when it is resumed */
	else if (verdict == LOG_IMAGE_VALID)
		write_what_is_known(worker, log);
	else
		leave_unwritten(log);
	go_on_suspending(worker, log);
}

/* False: not now. */
static bool look_at_header(struct worker *worker, struct mirror_log *log, int64_t now)
{
	struct log_io *io = NULL;

	if (log_device_is_active(log->device, log->id) && log_device_claim(log->device))
		io = executor_io_take(&worker->executor, log, log->device);
	if (!io)
		return false;
	log->second_look.looks = true;
	log->commit.in_flight = 1;
	log->commit.writer = &worker->executor;
	log->commit.began_ns = now;
	io->first = 0;
	io->count = 1;
	io->op.kind = FLUSH_OP_READ;
	io->op.fd = log->device->fd;
	io->op.len = log->device->block_bytes;
	io->op.offset = log->dirty.geometry.base;
	io->finish = look_has_ended;
	executor_io_submit(&worker->executor, io);
	return true;
}

/* It will be resumed, which reads it; or one of the two will look again. */
static bool is_no_time(const struct worker *worker, struct mirror_log *log, int64_t now)
{
	return !is_ours_to_write(log) || commit_is_presuspended(log, now) ||
	       log->commit.in_flight > 0 || worker->stop_deadline_ns != 0;
}

static void look_or_write(struct worker *worker, struct mirror_log *log, int64_t now)
{
	look_later(worker, log);
	if (is_no_time(worker, log, now))
		return;
	if (mirror_log_health(log) == LOG_UNUSABLE) {
		look_at_header(worker, log, now);
	} else if (dirty_log_has_changed(&log->dirty)) {
		commit_start(worker, log);
	} else {
		atomic_store_explicit(&log->device->stale, false, memory_order_relaxed);
		look_no_more(log);
	}
}

/* Once more, since the next table of the mirror reads the device, or the next boot does. */
static void look_for_the_last_time(struct worker *worker, struct mirror_log *log, int64_t now)
{
	int64_t until_ns = log->second_look.until_ns;

	if (now >= until_ns) {
		stop_looking(worker, log);
		go_on_suspending(worker, log);
		return;
	}
	if (!log->second_look.looks && !look_at_header(worker, log, now))
		until_ns = now + LAST_PAUSE_NS;
	schedule_second_look(worker, log, until_ns);
}

bool second_look_is_last(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	int64_t now = clock_coarse();

	if (!log->second_look.wanted || log->device->fd < 0 ||
	    mirror_log_health(log) != LOG_UNUSABLE || mirror_log_state(log) != LOG_SUSPENDED)
		return false;
	if (log->second_look.slot)
		executor_reply(&worker->executor, log->second_look.slot, 0); /* sent again */
	log->second_look.slot = slot;
	log->second_look.until_ns = now + LAST_LIMIT_NS;
	look_for_the_last_time(worker, log, now);
	return true;
}

void second_look_check(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (!deadline_runs(&log->sched.second_look) || now < log->sched.second_look.at_ns)
		return;
	schedule_no_second_look(log);
	if (log->second_look.slot)
		look_for_the_last_time(worker, log, now);
	else
		look_or_write(worker, log, now);
}

void second_look_yield(struct worker *worker, struct mirror_log *log)
{
	stop_looking(worker, log);
	if (log->second_look.slot)
		executor_reply(&worker->executor, log->second_look.slot, 0);
	log->second_look.slot = NULL;
	second_look_watch(worker, log);
}
