/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a log's image, one operation at a time, from the header's block on to the last block that the
 * header covers. Each block's bits go straight into dirty.image; dirty_log_begin makes of them what is in
 * sync and clean. Without a buffer, or while a predecessor's writes to the device are on their way, the
 * reading stalls, and goes on when the log is executed again. A block that cannot be read is tried again, later and
 * later, for as long as a write would be: what is given up here makes all regions out of sync.
 */
#include "server/work/image_read.h"

#include "server/base/check.h"
#include "server/base/container_of.h"
#include "server/base/diag.h"
#include "server/base/kill_point.h"
#include "server/base/stats.h"
#include "server/log/answer.h"
#include "server/work/commit.h"
#include "server/work/rewrite.h"
#include "server/work/second_look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_LOOK_NS (1 * NSEC_PER_SEC)
#define RETRY_FIRST_NS (50 * NSEC_PER_MSEC)
#define RETRY_MAX_NS (1 * NSEC_PER_SEC)

/* A device that has not been seen to hold a log of ours, or nothing at the first RESUME of all, is never
 * written: it may be another volume by now. One that has been written may be tried again. */
static void judge_health(struct mirror_log *log, const struct image_read_state *read, bool readable)
{
	enum log_health health = mirror_log_health(log);

	if (readable && health == LOG_UNUSABLE)
		mirror_log_set_health(log, LOG_FAILED); /* and stays so: commit_state.h */
	else if (!readable && health == LOG_SOUND)
		mirror_log_set_health(log, read->reconnect ? LOG_UNUSABLE : LOG_FAILED);
}

static void take_bits(struct mirror_log *log, const struct image_read_state *read, bool readable)
{
	dirty_log_begin(&log->dirty, read->valid, readable && !read->distrusted,
			!log->life.ever_resumed && !read->reconnect);
	judge_health(log, read, readable);
	/* What stands on the device may not be what we know, and nobody's request may bring it there. */
	log->second_look.wanted |= mirror_log_health(log) == LOG_FAILED;
	if (mirror_log_health(log) != LOG_UNUSABLE)
		mirror_log_writes(log);
	log->life.ever_resumed = true;
	diag_info("log %s: %" PRIu64 " of %" PRIu64 " regions in sync on %u:%u", log->uuid,
		  dirty_log_sync_count(&log->dirty), log->dirty.config.region_count,
		  log->device->major, log->device->minor);
	mirror_log_record_status(log);
}

static void finish_reading(struct worker *worker, struct mirror_log *log, bool readable)
{
	struct image_read_state read = log->image_read;

	log->image_read = (struct image_read_state){0};
	schedule_no_patience(log);
	take_bits(log, &read, readable);
	kill_point("loaded");
	if (read.reconnect)
		executor_reply(&worker->executor, read.slot, 0);
	else if (mirror_log_health(log) == LOG_UNUSABLE)
		executor_reply(&worker->executor, read.slot, -EINVAL);
	else
		commit_wait(worker, log, read.slot);
	second_look_watch(worker, log);
}

/* The last block that holds a bit which the header covers. */
static uint64_t last_block(const struct mirror_log *log)
{
	uint64_t n = log->dirty.config.region_count;
	uint64_t valid = log->image_read.valid < n ? log->image_read.valid : n;

	return valid == 0 ? 0 : log_image_block_of(&log->dirty.geometry, valid - 1);
}

/* How many sectors a bit of the image stands for; 0: not known. */
static uint32_t region_size_of(const struct mirror_log *log, const struct log_image_header *header)
{
	uint32_t live = atomic_load_explicit(&log->device->region_size, memory_order_relaxed);

	return live ? live : header->region_size;
}

static void distrust(struct mirror_log *log)
{
	log->image_read.valid = 0;
	log->image_read.distrusted = true;
}

/* Bits of regions of another size tell nothing of ours. */
static void take_valid_header(struct mirror_log *log, const struct log_image_header *header)
{
	uint64_t n = log->dirty.config.region_count;
	uint32_t size = region_size_of(log, header);

	log->image_read.valid = header->nr_regions;
	if (size != 0 && size != log->args.region_size) {
		distrust(log);
		diag_warning("log device %u:%u of log %s holds a log of regions of %" PRIu32
			     " sectors, and these are of %" PRIu32 ": all are out of sync",
			     log->device->major, log->device->minor, log->uuid, size,
			     log->args.region_size);
	} else if (size == 0 && header->nr_regions != n &&
		   header->nr_regions != LOG_IMAGE_ALL_REGIONS) {
		diag_warning("log device %u:%u of log %s holds a log of %" PRIu64
			     " regions that does "
			     "not tell their size, and the mirror has %" PRIu64 ": it is taken for "
			     "this mirror before it was %s; if its region size has changed, "
			     "resync it (log option sync)",
			     log->device->major, log->device->minor, log->uuid, header->nr_regions,
			     n, header->nr_regions < n ? "extended" : "reduced");
	}
}

/* Never to be written. */
static bool leave_alone(struct mirror_log *log, const char *why)
{
	diag_error("log device %u:%u of log %s is not written, %s; all regions count as out of "
		   "sync, and its mirror writes one leg alone until it gets another log",
		   log->device->major, log->device->minor, log->uuid, why);
	mirror_log_set_health(log, LOG_UNUSABLE);
	tally_failed(&log->tally, TALLY_READ, -EMEDIUMTYPE);
	return false;
}

/* A mirror that was told that nothing is in sync, since its device could not be read, has written to one leg alone
 * and marked nothing. */
static bool mirror_ran_blind(const struct mirror_log *log)
{
	return log->life.ever_resumed && mirror_log_health(log) == LOG_UNUSABLE;
}

/* Returns whether the image's bits, as far as they are valid, can be taken. */
static bool take_header(struct mirror_log *log, const uint8_t *bytes)
{
	struct log_image_header header;
	char why[80];

	log->image_read.valid = 0;
	switch (log_image_decode_header(bytes, &header)) {
	case LOG_IMAGE_VALID:
		take_valid_header(log, &header);
		if (mirror_ran_blind(log) ||
		    atomic_load_explicit(&log->device->stale, memory_order_relaxed))
			distrust(log);
		return true;
	case LOG_IMAGE_NEW:
		rewrite_not(log);
		/* The log of a mirror that runs or ran was written: this is another volume by now. */
		return (!log->image_read.reconnect && !log->life.ever_resumed) ||
		       leave_alone(log, "since there is no log on it, and there was");
	case LOG_IMAGE_WRONG_VERSION:
		break;
	}
	snprintf(why, sizeof(why),
		 "since the log on it is of version %" PRIu32 ", and not of 1 or 2",
		 header.version);
	return leave_alone(log, why);
}

/* Returns whether the image can be taken so far. */
static bool take_image_blocks(struct mirror_log *log, const struct log_io *io)
{
	if (io->first == 0 && !take_header(log, io->op.buf))
		return false;
	if (log->image_read.valid > 0)
		log_image_decode_blocks(&log->dirty.geometry, &log->dirty.image,
					log->image_read.valid, io->first, io->count, io->op.buf);
	log->image_read.next = io->first + io->count;
	return true;
}

static void give_up_image(struct worker *worker, struct mirror_log *log)
{
	log->image_read.valid = 0;
	region_bitmap_fill_from(&log->dirty.image, 0, false);
	log->second_look.wanted = log->image_read.reconnect || mirror_ran_blind(log);
	finish_reading(worker, log, false);
}

static void begin_trouble(const struct worker *worker, struct mirror_log *log, int error,
			  int64_t now)
{
	int64_t limit_ns = worker->executor.options->retry_limit_ns;

	log->image_read.failing_since_ns = now;
	log->image_read.retry_wait_ns = RETRY_FIRST_NS;
	if (limit_ns == 0)
		return;
	diag_warning("read of log device %u:%u of log %s failed: %s; trying again for %lld s",
		     log->device->major, log->device->minor, log->uuid, strerror(-error),
		     (long long)(limit_ns / NSEC_PER_SEC));
}

/* Returns false if it has been tried for long enough. */
static bool reads_again(struct worker *worker, struct mirror_log *log, int error)
{
	struct image_read_state *read = &log->image_read;
	int64_t now = clock_coarse();

	if (read->failing_since_ns == 0)
		begin_trouble(worker, log, error, now);
	if (now - read->failing_since_ns >= worker->executor.options->retry_limit_ns)
		return false;
	read->phase = IMAGE_STALLED;
	read->not_before_ns = now + read->retry_wait_ns;
	schedule_retry(worker, log, read->not_before_ns);
	read->retry_wait_ns *= 2;
	if (read->retry_wait_ns > RETRY_MAX_NS)
		read->retry_wait_ns = RETRY_MAX_NS;
	return true;
}

static void read_failed(struct worker *worker, struct mirror_log *log, int error)
{
	stats_add(STATS_IO_ERRORS, 1);
	tally_failed(&log->tally, TALLY_READ, error);
	if (reads_again(worker, log, error))
		return;
	diag_error("log device %u:%u of log %s cannot be read: %s; all regions count as out of "
		   "sync, and its mirror writes one leg alone until it gets another log",
		   log->device->major, log->device->minor, log->uuid, strerror(-error));
	give_up_image(worker, log);
}

static void read_finished(struct executor *executor, struct mirror_log *log, struct log_io *io)
{
	struct worker *worker = worker_of(executor);
	int error = io->error;
	bool readable = error == 0 && take_image_blocks(log, io);

	kill_point("read");
	executor_io_give(executor, io);
	if (error != 0) {
		read_failed(worker, log, error);
		return;
	}
	log->image_read.failing_since_ns = 0;
	if (readable && log->image_read.next <= last_block(log))
		image_read_continue(worker, log);
	else
		finish_reading(worker, log, readable);
}

void image_read_continue(struct worker *worker, struct mirror_log *log)
{
	uint32_t block = log->device->block_bytes;
	uint64_t left = log_image_blocks(&log->dirty.geometry) - log->image_read.next;
	uint64_t max = LOG_IO_BYTES / block;
	struct log_io *io;

	log->image_read.phase = IMAGE_STALLED;
	if (clock_coarse() < log->image_read.not_before_ns || !commit_claim(worker, log))
		return;
	schedule_no_retry(log);
	io = schedule_io_take(worker, log);
	if (!io)
		return;
	log->image_read.phase = IMAGE_READING;
	io->first = log->image_read.next;
	io->count = left < max ? left : max;
	io->op.kind = FLUSH_OP_READ;
	io->op.fd = log->device->fd;
	io->op.len = (uint32_t)(io->count * block);
	io->op.offset = log->dirty.geometry.base + io->first * block;
	io->finish = read_finished;
	executor_io_submit(&worker->executor, io);
}

void image_read_start(struct worker *worker, struct mirror_log *log, struct slot *slot,
		      bool reconnect)
{
	CHECK(log->image_read.phase == IMAGE_NOT_READING && log->commit.in_flight == 0);
	dirty_log_forget(&log->dirty);
	schedule_no_age(log);
	second_look_forget(log);
	log->clears.phase = CLEARS_COUNTING;
	log->clears.heals = false;
	log->clears.interrupted = log->clears.legs_answered = false;
	log->image_read = (struct image_read_state){
		.slot = slot, .reconnect = reconnect, .began_ns = clock_coarse()};
	schedule_patience(worker, log, clock_coarse() + PATIENCE_LOOK_NS);
	image_read_continue(worker, log);
}

/* --- mail meanwhile --- */

static struct slot *request_in(struct mail *mail)
{
	struct log_mail *head = container_of(mail, struct log_mail, mail);

	return head->kind == MAIL_REQUEST ? container_of(head, struct slot, head) : NULL;
}

/* What dmsetup status and table ask, of a mirror that is just being resumed too. They look at no region. */
static bool asks_for_status(struct mail *mail)
{
	struct slot *slot = request_in(mail);

	if (!slot)
		return false;
	switch (wire_type(&slot->message)) {
	case DM_ULOG_GET_REGION_SIZE:
	case DM_ULOG_GET_SYNC_COUNT:
	case DM_ULOG_STATUS_INFO:
	case DM_ULOG_STATUS_TABLE:
		return true;
	default:
		return false;
	}
}

/* All mail stays unread but for what asks for the status, which is answered: lvs must not hang with a device. Nor must
 * what the kernel sends again and again take all slots. */
static void look_at_mail(struct worker *worker, struct mirror_log *log)
{
	struct mail **at = &log->sched.unread;

	while (*at)
		at = &(*at)->next;
	*at = mailbox_take(&log->inbox.mail);
	at = &log->sched.unread;
	while (*at) {
		struct mail *mail = *at;
		struct slot *slot = request_in(mail);

		if (asks_for_status(mail)) {
			*at = mail->next;
			CHECK(answer(log, &slot->message));
			outbox_add(&worker->executor.outbox, slot);
		} else if (slot && slot_is_given_up(slot, clock_coarse())) {
			*at = mail->next;
			slots_give(worker->executor.outbox.slots, slot);
		} else {
			at = &mail->next;
		}
	}
}

static bool is_to_be_suspended(const struct mirror_log *log)
{
	for (struct mail *mail = log->sched.unread; mail; mail = mail->next) {
		struct slot *slot = request_in(mail);

		if (slot && wire_type(&slot->message) == DM_ULOG_PRESUSPEND)
			return true;
	}
	return false;
}

static bool loses_patience(const struct worker *worker, const struct mirror_log *log, int64_t now)
{
	return log->image_read.reconnect && is_to_be_suspended(log) &&
	       now - log->image_read.began_ns >= commit_patience(worker);
}

void image_read_look(struct worker *worker, struct mirror_log *log, int64_t now)
{
	if (!deadline_runs(&log->sched.patience) || now < log->sched.patience.at_ns)
		return;
	look_at_mail(worker, log);
	if (!loses_patience(worker, log, now)) {
		schedule_patience(worker, log, now + PATIENCE_LOOK_NS);
		return;
	}
	schedule_no_retry(log);
	executor_abandon_all(&worker->executor, log);
	tally_failed(&log->tally, TALLY_READ, -ETIMEDOUT);
	diag_error("log device %u:%u of log %s does not answer, and its mirror is to be suspended: "
		   "it is not read or written, and all regions count as out of sync",
		   log->device->major, log->device->minor, log->uuid);
	give_up_image(worker, log);
}
