/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log's life, step by step as the kernel tells it (life_state.h draws it):
 *
 * CTR opens the device and makes the bits, which others do for us if they can take long (enum opening_phase); of
 * a reconnect it reads the image too, since the mirror runs.
 * RESUME reads the image, unless memory is younger, and brings it to the device; it is answered when all
 * is durable. POSTSUSPEND writes the lazy clears. DTR waits for I/O on its way, closes the device, and
 * leaves the log in the graveyard, where the receiver finds it. After a RESUME the mirror thread is asked
 * for the legs, and to let the kernel settle its idea of the mirror (mirrors.h).
 */
#include "server/work/life.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/diag.h"
#include "server/base/kill_point.h"
#include "server/log/bits_job.h"
#include "server/log/mirrors.h"
#include "server/work/clears.h"
#include "server/work/commit.h"
#include "server/work/image_read.h"
#include "server/work/pace.h"
#include "server/work/probe.h"
#include "server/work/rewrite.h"
#include "server/work/second_look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_DELAY_NS (200 * NSEC_PER_MSEC)
#define NUDGE_DELAY_NS (3 * NSEC_PER_SEC)
#define CLOSE_LIMIT_NS (2 * NSEC_PER_SEC) /* of a DTR's wait for the log device */
#define LOOK_LIMIT_NS (2 * NSEC_PER_SEC) /* for a device in device-mapper's tables */
#define OPEN_LIMIT_NS (5 * NSEC_PER_SEC) /* a device's, of a mirror that runs */
#define FIRST_OPEN_LIMIT_NS (10 * NSEC_PER_SEC) /* before the kernel asks again (15 s) */

/* The device as the kernel shall open it; a reconnect has no room for it (docs/protocol.md). */
static void reply_ctr(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	struct wire_message *message = &slot->message;
	int bytes = 0;

	if (log->args.disk && message->request.version >= 2)
		bytes = snprintf((char *)message->payload, WIRE_PAYLOAD_MAX, "%u:%u",
				 log->device->major, log->device->minor) +
			1;
	wire_reply(message, 0, (uint32_t)bytes);
	outbox_add(&worker->executor.outbox, slot);
}

static bool is_reconnect(const struct slot *slot)
{
	const struct wire_message *message = &slot->message;

	return message->payload[message->request.data_size - 1] == '\0';
}

/* A mirror that runs must not be refused its log: the kernel would ask again every two seconds, for ever,
 * and the mirror could not even be suspended to be given another one. It is served without its device:
 * status D, reads go on, and a FLUSH that would have to write fails. */
static int go_without_device(struct mirror_log *log, uint32_t major, uint32_t minor,
			     uint32_t block_bytes)
{
	log->device = log_device_absent(major, minor, block_bytes);
	if (!log->device)
		return -ENOMEM;
	mirror_log_set_health(log, LOG_UNUSABLE);
	diag_error("log %s is served as failed, without its log device: its mirror writes one leg "
		   "alone, or none, until it gets another log",
		   log->uuid);
	return 0;
}

/* The name as the kernel has it; of a mirror that runs the number, if it is known. */
static const char *device_name(const struct mirror_log *log)
{
	return log->life.device[0] ? log->life.device : log->args.device;
}

static bool device_is_anothers(struct mirror_log *log)
{
	char other[DM_UUID_LEN];

	if (!log->device || log->device->fd < 0 ||
	    log_device_activate(log->device, log->id, log->uuid, other))
		return false;
	diag_error("log %s: its log device %u:%u is written by log %s, which is active: it is not "
		   "written, "
		   "all regions count as out of sync, and the mirror writes one leg alone until it "
		   "gets a log device of its own",
		   log->uuid, log->device->major, log->device->minor, other);
	tally_failed(&log->tally, TALLY_OPEN, -EBUSY);
	mirror_log_set_health(log, LOG_UNUSABLE);
	second_look_forget(log);
	return true;
}

static bool has_io(const struct mirror_log *log)
{
	return log->commit.in_flight > 0;
}

/* From here on all requests to it are answered as unknown; the receiver takes it out and lets go
 * of it. It must be on its way before the reply is, so that a CTR that follows finds it gone. */
static void bury(struct worker *worker, struct mirror_log *log)
{
	CHECK(!has_io(log) && log->image_read.phase == IMAGE_NOT_READING);
	mirror_log_set_state(log, LOG_DEAD);
	schedule_dismiss(log);
	/* Before the reply: then the administrator removes the log device. */
	mirror_log_leave_devices(log);
	if (log->record)
		estate_drop(log->record);
	mailbox_push(worker->graveyard, &log->registry.grave_link);
}

/* The mirror of a reconnect runs: what is asked next must find the bits. The RESUME that the kernel sends
 * behind the CTR finds nothing to do. */
static void begin_reconnected(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	bool readable = log->args.disk && !device_is_anothers(log) &&
			mirror_log_health(log) != LOG_UNUSABLE;

	if (readable) {
		rewrite_begin(worker, log);
		image_read_start(worker, log, slot, true);
		return;
	}
	log->life.ever_resumed = true;
	dirty_log_begin_unknown(&log->dirty); /* nosync or not */
	mirror_log_record_status(log);
	executor_reply(&worker->executor, slot, 0);
}

static void refuse(struct worker *worker, struct mirror_log *log, struct slot *slot, int error)
{
	bury(worker, log);
	executor_reply(&worker->executor, slot, error);
}

/* Its device is open, and its bits are made or cannot be. */
static void finish_making(struct worker *worker, struct mirror_log *log, struct slot *slot,
			  int error)
{
	bool reconnect = is_reconnect(slot);

	if (error < 0) {
		diag_error("log %s: no memory for %llu regions", log->uuid,
			   (unsigned long long)log->args.region_count);
		refuse(worker, log, slot, error);
		return;
	}
	schedule_enrol(worker, log);
	probe_watch(worker, log);
	mirror_log_set_state(log, LOG_CREATED);
	log->life.reconnects = reconnect;
	mirror_log_record_status(log);
	kill_point("ctr");
	diag_info("log %s (%llx) %s: %s", log->uuid, (unsigned long long)log->luid,
		  reconnect ? "reconnected" : "made", log->ctr_text);
	if (reconnect)
		begin_reconnected(worker, log, slot);
	else
		reply_ctr(worker, log, slot);
}

/* --- opening: a CTR is carried out, or a predecessor's log gets its device --- */

static bool is_taken_over(const struct mirror_log *log)
{
	return !log->life.asks;
}

/* limit_ns 0: for ever. */
static void open_waits(struct worker *worker, struct mirror_log *log, enum opening_phase phase,
		       int64_t limit_ns)
{
	log->life.opening = phase;
	log->life.attained = false;
	schedule_no_retry(log);
	if (limit_ns > 0)
		schedule_retry(worker, log, clock_coarse() + limit_ns);
}

static void open_ends(struct mirror_log *log)
{
	log->life.opening = OPENING_NOTHING;
	log->life.asks = NULL;
	schedule_no_retry(log);
}

static void made(struct worker *worker, struct mirror_log *log, int error)
{
	struct slot *slot = log->life.asks;

	open_ends(log);
	finish_making(worker, log, slot, error);
}

static void make_bits(struct worker *worker, struct mirror_log *log)
{
	log->life.bits_job = bits_job_start(log, mirror_log_make_bits);
	if (log->life.bits_job)
		open_waits(worker, log, OPENING_BITS, 0);
	else
		made(worker, log, mirror_log_make_bits(log));
}

void life_bits_made(struct mirror_log *log)
{
	log->life.attained = true;
	schedule_attend(log);
}

/* The receiver's reference keeps the log, beside the job's. */
static int end_bits_job(struct mirror_log *log)
{
	int error = log->life.bits_job->error;

	free(log->life.bits_job);
	log->life.bits_job = NULL;
	mirror_log_put(log);
	return error;
}

/* Of a CTR: what comes of its device. */
static void go_on_making(struct worker *worker, struct mirror_log *log, int error)
{
	struct slot *slot = log->life.asks;

	if (error < 0 && is_reconnect(slot))
		error = go_without_device(log, 0, 0, SHARD_BYTES);
	if (error == 0) {
		make_bits(worker, log);
		return;
	}
	open_ends(log);
	refuse(worker, log, slot, error);
}

static void finish_take_over(struct worker *worker, struct mirror_log *log, int error);

static void device_is_open(struct worker *worker, struct mirror_log *log, int error)
{
	if (is_taken_over(log))
		finish_take_over(worker, log, error);
	else
		go_on_making(worker, log, error);
}

static void cannot_open(struct worker *worker, struct mirror_log *log, const char *name,
			const char *why, int error)
{
	diag_error("log %s: cannot use log device %s: %s", log->uuid, name, why);
	tally_failed(&log->tally, TALLY_OPEN, error);
	device_is_open(worker, log, error);
}

/* A mirror that runs is not refused for lack of descriptors, if there is one. */
static unsigned spare_for(const struct mirror_log *log)
{
	return is_taken_over(log) || is_reconnect(log->life.asks) ? 0 : LOG_DEVICE_SPARE;
}

static int64_t open_limit(const struct mirror_log *log)
{
	return is_taken_over(log) || is_reconnect(log->life.asks) ? OPEN_LIMIT_NS
								  : FIRST_OPEN_LIMIT_NS;
}

static void open_device(struct worker *worker, struct mirror_log *log, const char *name)
{
	int r = opener_open(log, name, &log->life.device_job);

	if (r == 0)
		open_waits(worker, log, OPENING_DEVICE, open_limit(log));
	else
		cannot_open(worker, log, name,
			    r == -EBUSY ? "an earlier try to open it still waits for it: it hangs"
					: strerror(-r),
			    r);
}

void life_device_opened(struct open_job *job)
{
	if (!job->log) {
		opener_free(job);
		return;
	}
	job->log->life.attained = true;
	schedule_attend(job->log);
}

static void device_came(struct worker *worker, struct mirror_log *log)
{
	struct open_job *job = log->life.device_job;
	struct log_device *fresh = opener_take(job);
	int r = job->error;

	log->life.device_job = NULL;
	if (fresh)
		r = log_device_share(fresh, spare_for(log), &log->device, job->why,
				     sizeof(job->why));
	if (r == 0)
		device_is_open(worker, log, 0);
	else
		cannot_open(worker, log, job->name, job->why, r);
	opener_free(job);
}

/* A device is not to blame for those that are opened before it. */
static void device_does_not_come(struct worker *worker, struct mirror_log *log, int64_t now)
{
	struct open_job *job = log->life.device_job;
	int64_t began_ns = opener_began(job);
	char name[sizeof(job->name)];

	if (began_ns == 0 || now < began_ns + open_limit(log)) {
		schedule_retry(worker, log, (began_ns ? began_ns : now) + open_limit(log));
		return;
	}
	memcpy(name, job->name, sizeof(name)); /* the job is the thread's */
	opener_abandon(job);
	log->life.device_job = NULL;
	cannot_open(worker, log, name, "it has not been opened for seconds: it hangs", -ETIMEDOUT);
}

static void open_device_of_ctr(struct worker *worker, struct mirror_log *log)
{
	if (log->args.disk)
		open_device(worker, log, device_name(log));
	else
		make_bits(worker, log);
}

/* A name may have moved since the mirror got its table; a number cannot, while the table holds it. */
static bool must_look(const struct worker *worker, struct mirror_log *log, const struct slot *slot)
{
	return is_reconnect(slot) && log->args.disk && !log->no_legs &&
	       log->args.device[0] == '/' &&
	       mirrors_ask(worker->mirrors, log, MIRROR_JOB_DEVICE, 0) == 0;
}

static void make(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	CHECK(mirror_log_state(log) == LOG_OPENING && !log->record && !log->life.asks);
	log->no_legs = slot->from.nl_pid != 0;
	log->life.asks = slot;
	if (must_look(worker, log, slot))
		open_waits(worker, log, OPENING_LOOKS, LOOK_LIMIT_NS);
	else
		open_device_of_ctr(worker, log);
}

void life_device_found(struct mirror_log *log, const struct mirror_job *job)
{
	if (log->life.opening != OPENING_LOOKS)
		return; /* too late */
	log->life.attained = true;
	if (job->found)
		snprintf(log->life.device, sizeof(log->life.device), "%u:%u", job->major,
			 job->minor);
	schedule_attend(log);
}

static void looked(struct worker *worker, struct mirror_log *log)
{
	if (!log->life.device[0])
		diag_warning("log %s: its log device is not found in the mirror's table: %s is "
			     "taken for it",
			     log->uuid, log->args.device);
	open_device_of_ctr(worker, log);
}

static void filled(struct worker *worker, struct mirror_log *log);
static void settled(struct worker *worker, struct mirror_log *log, int error);

static void open_next(struct worker *worker, struct mirror_log *log, int64_t now)
{
	switch (log->life.opening) {
	case OPENING_LOOKS:
		looked(worker, log);
		break;
	case OPENING_DEVICE:
		if (log->life.attained)
			device_came(worker, log);
		else
			device_does_not_come(worker, log, now);
		break;
	case OPENING_BITS:
		made(worker, log, end_bits_job(log));
		break;
	case OPENING_FILLS:
		end_bits_job(log);
		filled(worker, log);
		break;
	case OPENING_SETTLES:
		settled(worker, log, end_bits_job(log));
		break;
	case OPENING_NOTHING:
		break;
	}
}

void life_open(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (log->life.opening == OPENING_NOTHING ||
	    (!log->life.attained &&
	     (!deadline_runs(&log->sched.retry) || now < log->sched.retry.at_ns)))
		return;
	executor_in_hand(&worker->executor, log->life.asks);
	open_next(worker, log, now);
}

/* --- a predecessor's log --- */

/* What a predecessor had in mind for the mirror, and took with it. */
static void ask_mirrors_again(struct worker *worker, struct mirror_log *log)
{
	if (log->no_legs || mirror_log_state(log) != LOG_ACTIVE)
		return;
	/* At once: a mirror that is about to go is in no table any more when its clears shall be written. */
	if (log->args.disk && !clears_take_over_legs(worker, log))
		log->clears.legs_asked = mirrors_ask(worker->mirrors, log, MIRROR_JOB_LEGS, 0) == 0;
	if (!atomic_load_explicit(&log->answered.sync_count, memory_order_relaxed))
		mirrors_ask(worker->mirrors, log, MIRROR_JOB_SETTLE, SETTLE_DELAY_NS);
	if (log->life.nudged &&
	    (log->clears.heals ||
	     !atomic_load_explicit(&log->answered.resync_work, memory_order_relaxed)))
		mirrors_ask(worker->mirrors, log, MIRROR_JOB_NUDGE, NUDGE_DELAY_NS);
}

static void drop_device(struct mirror_log *log)
{
	log_device_leave(log->device);
	log_device_put(log->device);
	log->device = NULL;
}

/* Its number was free between two servers. */
static bool is_another(const struct log_device *device, const struct log_record *record)
{
	return device->diskseq != 0 && record->diskseq != 0 && device->diskseq != record->diskseq;
}

/* As the record has it; or none, if it is gone, or is another. */
static int take_over_device(struct mirror_log *log, int error)
{
	const struct log_record *record = log->record;

	if (error == 0 && log->device && log->device->block_bytes != record->block_bytes) {
		diag_error("log %s: its log device %u:%u has other blocks than it had", log->uuid,
			   record->major, record->minor);
		drop_device(log);
		error = -EINVAL;
	} else if (error == 0 && log->device && is_another(log->device, record)) {
		diag_error("log %s: its log device is gone, and %u:%u is another one by now",
			   log->uuid, record->major, record->minor);
		drop_device(log);
		error = -ENODEV;
	}
	if (error < 0)
		return go_without_device(log, record->major, record->minor, record->block_bytes);
	if (log->device)
		log_device_take_over_writer(log->device, log->life.writer_id,
					    log->life.writer_wrote);
	return 0;
}

static void be_what_it_was(struct worker *worker, struct mirror_log *log)
{
	schedule_enrol(worker, log);
	probe_watch(worker, log);
	rewrite_watch(worker, log);
	second_look_watch(worker, log);
	mirror_log_set_state(log, log->life.former_state);
	if (mirror_log_state(log) == LOG_ACTIVE || log->life.reconnects > 0)
		device_is_anothers(log); /* which only another server could have brought about */
	ask_mirrors_again(worker, log);
	pace_take_over(worker, log);
	if (mirror_log_state(log) == LOG_ACTIVE && dirty_log_known(&log->dirty))
		commit_start(worker, log);
}

static void give_up_take_over(struct worker *worker, struct mirror_log *log, const char *why)
{
	diag_error("log %s is not taken over: %s; the kernel has to make it again", log->uuid, why);
	bury(worker, log);
}

static void finish_take_over(struct worker *worker, struct mirror_log *log, int error)
{
	executor_takes_over(&worker->executor, log->record);
	open_ends(log);
	if (take_over_device(log, error) == 0)
		be_what_it_was(worker, log);
	else
		give_up_take_over(worker, log, "no memory");
	executor_takes_over(&worker->executor, NULL);
}

static void settled(struct worker *worker, struct mirror_log *log, int error)
{
	char number[32];

	executor_takes_over(&worker->executor, NULL);
	open_ends(log);
	if (error < 0) {
		give_up_take_over(worker, log, "its bits are damaged");
		return;
	}
	if (!log->args.disk) {
		finish_take_over(worker, log, 0);
		return;
	}
	/* By number: the name may mean another device by now. */
	snprintf(number, sizeof(number), "%u:%u", log->record->major, log->record->minor);
	open_device(worker, log, number);
}

void life_take_over(struct worker *worker, struct mirror_log *log)
{
	CHECK(mirror_log_state(log) == LOG_OPENING && log->record && is_taken_over(log));
	executor_takes_over(&worker->executor, log->record);
	if (log->life.unsettled)
		log->life.bits_job = bits_job_start(log, mirror_log_settle);
	if (log->life.bits_job) {
		executor_takes_over(&worker->executor, NULL);
		open_waits(worker, log, OPENING_SETTLES, 0);
		return;
	}
	settled(worker, log, mirror_log_settle(log));
}

void life_ctr(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	if (mirror_log_state(log) == LOG_OPENING)
		make(worker, log, slot);
	else if (!is_reconnect(slot))
		reply_ctr(worker, log, slot);
	else {
		/* Another thread of the same mirror has met the restart too. */
		log->life.reconnects++;
		mirror_log_record_status(log);
		executor_reply(&worker->executor, slot, 0);
	}
}

static void ask_mirrors_after_resume(struct worker *worker, struct mirror_log *log)
{
	if (log->no_legs)
		return;
	clears_forget_legs(log);
	if (log->args.disk && !log->clears.legs_asked)
		log->clears.legs_asked = mirrors_ask(worker->mirrors, log, MIRROR_JOB_LEGS,
						     SETTLE_DELAY_NS / 2) == 0;
	atomic_store_explicit(&log->answered.sync_count, false, memory_order_relaxed);
	mirrors_ask(worker->mirrors, log, MIRROR_JOB_SETTLE, SETTLE_DELAY_NS);
}

static void reconnected(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	log->life.reconnects--;
	atomic_store_explicit(&log->answered.resync_work, false, memory_order_relaxed);
	log->life.nudged = true;
	mirror_log_record_status(log);
	if (!log->no_legs)
		mirrors_ask(worker->mirrors, log, MIRROR_JOB_NUDGE, NUDGE_DELAY_NS);
	executor_reply(&worker->executor, slot, 0);
}

/* The image is not read while writes of an earlier life are on their way. */
void life_read_when_idle(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	if (log->life.resuming && log->life.resuming != slot)
		executor_reply(&worker->executor, log->life.resuming,
			       0); /* sent again: nobody waits for this one */
	log->life.resuming = slot;
	clears_give_up_flush(worker, log);
	if (has_io(log))
		return;
	log->life.resuming = NULL;
	image_read_start(worker, log, slot, false);
}

/* The bits in memory are younger than the image: nobody else has written it. */
static bool memory_is_good(const struct mirror_log *log)
{
	uint64_t writer;

	if (!dirty_log_known(&log->dirty) || !log->device || log->device->fd < 0)
		return dirty_log_known(&log->dirty);
	writer = atomic_load_explicit(&log->device->last_writer, memory_order_relaxed);
	/* 0: nobody since we started. The RESUME of a reconnect must not lose the marks that came
	 * between it and its CTR. */
	return writer == log->id || (writer == 0 && log->life.reconnects > 0);
}

/* That it was made with, and that could not be opened since. */
static bool has_no_device(const struct mirror_log *log)
{
	return log->device && log->device->fd < 0;
}

/* Its device is another mirror's log, or not there: nothing is known, and nothing is written. */
static void resume_unusable(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	dirty_log_forget(&log->dirty);
	dirty_log_begin_unknown(&log->dirty);
	log->life.ever_resumed = true;
	mirror_log_record_status(log);
	executor_reply(&worker->executor, slot, -EBUSY); /* a warning to the kernel */
}

static void finish_resume(struct worker *worker, struct mirror_log *log, struct slot *slot,
			  bool good)
{
	log->life.ever_resumed |= good;
	mirror_log_record_status(log);
	kill_point("resume");
	if (good) {
		commit_wait(worker, log, slot);
		return;
	}
	rewrite_begin(worker, log);
	life_read_when_idle(worker, log, slot);
}

static int fill_core(struct mirror_log *log)
{
	dirty_log_begin_core(&log->dirty);
	kill_point("fill");
	return 0;
}

static void filled(struct worker *worker, struct mirror_log *log)
{
	struct slot *slot = log->life.asks;

	open_ends(log);
	finish_resume(worker, log, slot, true);
}

/* A core log's first RESUME. */
static void begin_core(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	log->life.asks = slot;
	log->life.bits_job = bits_job_start(log, fill_core);
	if (log->life.bits_job) {
		open_waits(worker, log, OPENING_FILLS, 0);
		return;
	}
	fill_core(log);
	filled(worker, log);
}

void life_resume(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	bool good = memory_is_good(log);

	second_look_yield(worker, log);
	mirror_log_set_state(log, LOG_ACTIVE);
	log->life.presuspended_ns = 0;
	schedule_no_patience(log);
	pace_restarts(log);
	ask_mirrors_after_resume(worker, log);
	rewrite_watch(worker, log);
	if (device_is_anothers(log) || (!good && has_no_device(log))) {
		resume_unusable(worker, log, slot);
		return;
	}
	if (good && log->life.reconnects > 0) {
		reconnected(worker, log, slot);
		return;
	}
	log->life.reconnects = 0;
	clears_resumed(worker, log);
	dirty_log_resume(&log->dirty);
	if (!log->device && !good)
		begin_core(worker, log, slot);
	else
		finish_resume(worker, log, slot, good);
}

/* The kernel waits for the writes of the mirror next, and they may wait for a mark that does not come to be
 * durable: whoever suspends the mirror may want to give it another log. */
void life_presuspend(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	second_look_yield(worker, log);
	if (has_io(log) || log->commit.waiters.first)
		schedule_patience(worker, log, clock_coarse() + commit_patience(worker));
	log->life.presuspended_ns = clock_coarse(); /* writes may come for a moment yet */
	mirror_log_record_status(log);
	executor_reply(&worker->executor, slot, 0);
}

void life_postsuspend(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	if (mirror_log_state(log) == LOG_ACTIVE)
		mirror_log_set_state(log, LOG_SUSPENDED);
	log->life.reconnects = 0;
	log->life.presuspended_ns = 0;
	pace_restarts(log);
	mirror_log_record_status(log);
	if (!second_look_is_last(worker, log, slot))
		clears_drain(worker, log, slot);
}

void life_rest(struct mirror_log *log)
{
	bool rests = mirror_log_state(log) == LOG_SUSPENDED && !has_io(log) &&
		     !log->clears.draining.first && !log->commit.waiters.first &&
		     !log->second_look.slot;

	if (rests && log->device)
		log_device_deactivate(log->device, log->id);
}

/* Without a DTR the kernel shall make the log again, and ask again. */
static void answer_waiters_of_the_gone(struct worker *worker, struct mirror_log *log)
{
	struct slot *slot;

	while ((slot = slot_list_pop(&log->commit.waiters))) {
		if (log->life.closing)
			wire_reply(&slot->message, -EIO, 0);
		else
			wire_reply_unknown_log(&slot->message);
		outbox_add(&worker->executor.outbox, slot);
	}
}

void life_close_when_idle(struct worker *worker, struct mirror_log *log)
{
	struct slot *slot = log->life.closing;

	clears_give_up_flush(worker, log);
	if (has_io(log))
		return;
	slot_list_move(&log->commit.waiters, &log->clears.draining);
	if (log->life.resuming)
		slot_list_add(&log->commit.waiters, log->life.resuming);
	answer_waiters_of_the_gone(worker, log);
	bury(worker, log);
	kill_point("dtr");
	diag_info("log %s (%llx) gone", log->uuid, (unsigned long long)log->luid);
	log->life.closing = NULL;
	if (slot)
		executor_reply(&worker->executor, slot, 0);
}

void life_end(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	if (!mirror_log_is_open(log)) {
		if (slot)
			executor_reply(&worker->executor, slot, 0);
		return;
	}
	second_look_yield(worker, log);
	second_look_forget(log);
	mirror_log_set_state(log, LOG_CLOSING);
	if (has_io(log))
		schedule_patience(worker, log, clock_coarse() + CLOSE_LIMIT_NS);
	/* What is due is not done any more. */
	schedule_no_age(log);
	schedule_no_retry(log);
	log->life.closing = slot;
}
