/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The look is an operation like those of a commit, and counts as one (commit.in_flight), so that all that waits for a
 * device to be left alone waits for it too. It has no slot: nobody waits for it. */
#include "server/work/second_look.h"

#include "server/base/diag.h"
#include "server/base/stats.h"
#include "server/log/log_write.h"
#include "server/work/commit.h"

#define WAIT_FIRST_NS (1 * NSEC_PER_SEC)
#define WAIT_MAX_NS (30 * NSEC_PER_SEC)

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
	log->second_look.wait_ns = WAIT_FIRST_NS;
	look_later(worker, log);
}

static void look_no_more(struct mirror_log *log)
{
	log->second_look.wanted = false;
	mirror_log_record_status(log);
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

static void look_has_ended(struct executor *executor, struct mirror_log *log, struct log_io *io)
{
	struct worker *worker = worker_of(executor);
	struct log_image_header header;
	enum log_image_verdict verdict = LOG_IMAGE_NEW;
	int error = io->error;

	if (error == 0)
		verdict = log_image_decode_header(io->op.buf, &header);
	executor_io_give(executor, io);
	log->second_look.looks = false;
	log->commit.in_flight = 0;
	look_later(worker, log);
	if (error != 0)
		stats_add(STATS_IO_ERRORS, 1);
	else if (verdict == LOG_IMAGE_VALID)
		write_what_is_known(worker, log);
	else
		leave_unwritten(log);
}

static void look_at_header(struct worker *worker, struct mirror_log *log, int64_t now)
{
	struct log_io *io = NULL;

	if (log_device_claim(log->device))
		io = executor_io_take(&worker->executor, log, log->device);
	if (!io) {
		look_later(worker, log);
		return;
	}
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
}

/* It is, or will be resumed, which reads it; or one of the two will look again. */
static bool is_no_time(const struct worker *worker, const struct mirror_log *log)
{
	return mirror_log_state(log) != LOG_ACTIVE || log->life.presuspended_ns != 0 ||
	       log->commit.in_flight > 0 || worker->stop_deadline_ns != 0;
}

void second_look_check(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (!deadline_runs(&log->sched.second_look) || now < log->sched.second_look.at_ns)
		return;
	schedule_no_second_look(log);
	if (!log->second_look.wanted)
		return;
	if (is_no_time(worker, log)) {
		look_later(worker, log);
	} else if (mirror_log_health(log) == LOG_UNUSABLE) {
		look_at_header(worker, log, now);
	} else if (dirty_log_has_changed(&log->dirty)) {
		look_later(worker, log);
		commit_start(worker, log);
	} else {
		look_no_more(log);
	}
}

void second_look_yield(struct worker *worker, struct mirror_log *log)
{
	if (!log->second_look.looks)
		return;
	log->second_look.looks = false;
	log_write_abandon(&worker->executor, log);
	look_later(worker, log);
}
