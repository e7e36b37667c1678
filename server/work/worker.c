/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker: run queue, completions, timers, and the requests that may wait. */
#include "server/work/worker.h"

#include "server/work/clears.h"
#include "server/base/clock.h"
#include "server/work/commit.h"
#include "server/base/kill_point.h"
#include "server/work/image_read.h"
#include "server/log/log_device.h"
#include "server/base/diag.h"
#include "server/log/mirrors.h"
#include "server/base/placement.h"
#include "server/log/answer.h"
#include "server/base/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKER_IOS 128u
#define SETTLE_DELAY_NS (200 * NSEC_PER_MSEC)
#define NUDGE_DELAY_NS (3 * NSEC_PER_SEC)
#define STOP_LIMIT_NS (5 * NSEC_PER_SEC)
#define HAND_OVER_LIMIT_NS (100 * NSEC_PER_MSEC) /* what is left is in the estate */

#define log_of_link(link, member) \
	((struct mirror_log *)((char *)(link)-offsetof(struct mirror_log, member)))

/* --- lists: one set of operations for the four kinds of links --- */

#define LIST_OPS(name, member)                                                   \
	static void name##_append(struct log_list *list, struct mirror_log *log) \
	{                                                                        \
		log->member.on = true;                                           \
		log->member.next = NULL;                                         \
		log->member.prev = list->last;                                   \
		if (list->last)                                                  \
			list->last->member.next = log;                           \
		else                                                             \
			list->first = log;                                       \
		list->last = log;                                                \
	}                                                                        \
	static void name##_remove(struct log_list *list, struct mirror_log *log) \
	{                                                                        \
		if (!log->member.on)                                             \
			return;                                                  \
		log->member.on = false;                                          \
		if (log->member.prev)                                            \
			log->member.prev->member.next = log->member.next;        \
		else                                                             \
			list->first = log->member.next;                          \
		if (log->member.next)                                            \
			log->member.next->member.prev = log->member.prev;        \
		else                                                             \
			list->last = log->member.prev;                           \
	}

LIST_OPS(aging, aging_link)
LIST_OPS(retrying, retry_link)
LIST_OPS(starved, starved_link)
LIST_OPS(all, all_link)

/* A log that the worker keeps is SCHEDULED already, and its mail waits; any other comes through its
 * inbox, since the receiver can hold it. */
void worker_attend(struct worker *worker, struct mirror_log *log)
{
	if (log->kept) {
		if (!log->on_run_queue)
			mirror_log_enqueue(log);
		log->on_run_queue = true;
	} else if (!log->attend_posted) {
		log->attend_posted = true;
		log->attend_mail.kind = MAIL_ATTEND;
		mirror_log_post(log, &log->attend_mail);
	}
}

void worker_arm_aging(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	aging_remove(&worker->aging, log);
	log->age_at_ns = at_ns;
	aging_append(&worker->aging, log);
}

void worker_disarm_aging(struct worker *worker, struct mirror_log *log)
{
	aging_remove(&worker->aging, log);
}

void worker_arm_retry(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	retrying_remove(&worker->retrying, log);
	log->retry_at_ns = at_ns;
	retrying_append(&worker->retrying, log);
}

void worker_disarm_retry(struct worker *worker, struct mirror_log *log)
{
	retrying_remove(&worker->retrying, log);
}

/* --- operations and their buffers --- */

static void worker_io_ended(struct executor *executor, struct log_io *io)
{
	struct worker *worker = worker_of(executor);
	struct log_io **at = &io->log->completed;

	/* Kept until the log may be executed. */
	io->next = NULL;
	while (*at)
		at = &(*at)->next;
	*at = io;
	/* We are: no system call to wake ourselves. */
	atomic_store_explicit(&worker->queue.asleep, false, memory_order_relaxed);
	worker_attend(worker, io->log);
}

static void written(struct executor *executor, struct mirror_log *log)
{
	commit_written(worker_of(executor), log);
}

static const struct executor_ops worker_ops = {
	.io_ended = worker_io_ended,
	.written = written,
};

void worker_starves(struct worker *worker, struct mirror_log *log)
{
	if (!log->starved_link.on)
		starved_append(&worker->starved, log);
}

struct log_io *worker_io_take(struct worker *worker, struct mirror_log *log)
{
	struct log_io *io = executor_io_take(&worker->executor, log);

	if (!io)
		worker_starves(worker, log);
	return io;
}

/* --- requests that may wait --- */

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

static int open_device(struct mirror_log *log, const char *name)
{
	char why[160] = "";
	int r = log_device_get(name, log->args.region_count, &log->device, why, sizeof(why));

	if (r < 0)
		diag_error("log %s: cannot use log device %s: %s", log->uuid, name, why);
	return r;
}

static int open_log(struct mirror_log *log)
{
	int r = log->args.disk ? open_device(log, log->args.device) : 0;

	if (r < 0)
		return r;
	r = mirror_log_make_bits(log);
	if (r < 0)
		diag_error("log %s: no memory for %llu regions", log->uuid,
			   (unsigned long long)log->args.region_count);
	return r;
}

/* From here on all requests to it are answered as unknown; the receiver takes it out and lets go
 * of it. It must be on its way before the reply is, so that a CTR that follows finds it gone. */
static void bury(struct worker *worker, struct mirror_log *log)
{
	mirror_log_set_state(log, LOG_DEAD);
	aging_remove(&worker->aging, log);
	retrying_remove(&worker->retrying, log);
	starved_remove(&worker->starved, log);
	all_remove(&worker->all, log);
	/* Before the reply: then the administrator removes the log device. */
	mirror_log_leave_devices(log);
	if (log->record)
		estate_drop(log->record);
	mailbox_push(worker->graveyard, &log->grave_link);
}

static void make(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	int r;

	log->no_legs = slot->from.nl_pid != 0;
	r = open_log(log);
	if (r < 0) {
		bury(worker, log);
		executor_reply(&worker->executor, slot, r);
		return;
	}
	all_append(&worker->all, log);
	mirror_log_set_state(log, LOG_CREATED);
	/* The mirror of a reconnect runs: what is asked next must find the bits. The RESUME that the
	 * kernel sends behind the CTR finds nothing to do. */
	log->reconnects = is_reconnect(slot);
	mirror_log_record_status(log);
	kill_point("ctr");
	diag_info("log %s (%llx) %s: %s", log->uuid, (unsigned long long)log->luid,
		  is_reconnect(slot) ? "reconnected" : "made", log->ctr_text);
	if (!is_reconnect(slot)) {
		reply_ctr(worker, log, slot);
		return;
	}
	if (log->args.disk) {
		image_read_start(worker, log, slot, true);
		return;
	}
	log->ever_resumed = true;
	dirty_log_begin_unknown(&log->dirty); /* nosync or not */
	mirror_log_record_status(log);
	executor_reply(&worker->executor, slot, 0);
}

/* What a predecessor had in mind for the mirror, and took with it. */
static void ask_mirrors_again(struct worker *worker, struct mirror_log *log)
{
	if (log->no_legs || mirror_log_state(log) != LOG_ACTIVE)
		return;
	if (!atomic_load_explicit(&log->sync_count_asked, memory_order_relaxed))
		mirrors_ask(worker->mirrors, log, MIRROR_JOB_SETTLE, SETTLE_DELAY_NS);
	if (log->nudged && !atomic_load_explicit(&log->resync_asked, memory_order_relaxed))
		mirrors_ask(worker->mirrors, log, MIRROR_JOB_NUDGE, NUDGE_DELAY_NS);
}

/* By number: the name may mean another device by now. */
static int open_recorded_device(struct mirror_log *log)
{
	char number[32];

	if (!log->args.disk)
		return 0;
	snprintf(number, sizeof(number), "%u:%u", log->record->major, log->record->minor);
	return open_device(log, number);
}

/* A predecessor's log: all there but for its device. */
static void adopt(struct worker *worker, struct mirror_log *log)
{
	int r;

	executor_takes_over(&worker->executor, log);
	r = open_recorded_device(log);
	if (r == 0 && log->device && log->device->block_bytes != log->record->block_bytes)
		r = -EINVAL;
	if (r < 0) {
		diag_error("log %s cannot be taken over: the kernel has to make it again",
			   log->uuid);
		executor_takes_over(&worker->executor, NULL);
		bury(worker, log);
		return;
	}
	if (log->device)
		log_device_take_over_writer(log->device, log->id, log->record->wrote);
	all_append(&worker->all, log);
	mirror_log_set_state(log, log->former_state);
	ask_mirrors_again(worker, log);
	if (mirror_log_state(log) == LOG_ACTIVE && dirty_log_known(&log->dirty))
		commit_start(worker, log);
	executor_takes_over(&worker->executor, NULL);
}

static void handle_ctr(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	if (mirror_log_state(log) == LOG_OPENING)
		make(worker, log, slot);
	else if (!is_reconnect(slot))
		reply_ctr(worker, log, slot);
	else {
		/* Another thread of the same mirror has met the restart too. */
		log->reconnects++;
		mirror_log_record_status(log);
		executor_reply(&worker->executor, slot, 0);
	}
}

static void ask_mirrors_after_resume(struct worker *worker, struct mirror_log *log)
{
	if (log->no_legs)
		return;
	clears_forget_legs(worker, log);
	if (log->args.disk && !log->legs_asked)
		log->legs_asked = mirrors_ask(worker->mirrors, log, MIRROR_JOB_LEGS,
					      SETTLE_DELAY_NS / 2) == 0;
	atomic_store_explicit(&log->sync_count_asked, false, memory_order_relaxed);
	mirrors_ask(worker->mirrors, log, MIRROR_JOB_SETTLE, SETTLE_DELAY_NS);
}

static void reconnected(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	log->reconnects--;
	atomic_store_explicit(&log->resync_asked, false, memory_order_relaxed);
	log->nudged = true;
	mirror_log_record_status(log);
	if (!log->no_legs)
		mirrors_ask(worker->mirrors, log, MIRROR_JOB_NUDGE, NUDGE_DELAY_NS);
	executor_reply(&worker->executor, slot, 0);
}

/* The image is not read while writes of an earlier life are on their way. */
static void read_when_idle(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	if (log->resuming && log->resuming != slot)
		executor_reply(&worker->executor, log->resuming,
			       0); /* sent again: nobody waits for this one */
	log->resuming = slot;
	if (log->in_flight > 0 || log->leg_flush_runs)
		return;
	log->resuming = NULL;
	image_read_start(worker, log, slot, false);
}

/* The bits in memory are younger than the image: nobody else has written it. */
static bool memory_is_good(const struct mirror_log *log)
{
	uint64_t writer;

	if (!dirty_log_known(&log->dirty) || !log->device)
		return dirty_log_known(&log->dirty);
	writer = atomic_load_explicit(&log->device->last_writer, memory_order_relaxed);
	/* 0: nobody since we started. The RESUME of a reconnect must not lose the marks that came
	 * between it and its CTR. */
	return writer == log->id || (writer == 0 && log->reconnects > 0);
}

static void handle_resume(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	bool good = memory_is_good(log);

	mirror_log_set_state(log, LOG_ACTIVE);
	ask_mirrors_after_resume(worker, log);
	if (good && log->reconnects > 0) {
		reconnected(worker, log, slot);
		return;
	}
	log->reconnects = 0;
	dirty_log_resume(&log->dirty);
	if (!log->device && !good) {
		dirty_log_begin_core(&log->dirty);
		good = true;
	}
	log->ever_resumed |= good;
	mirror_log_record_status(log);
	kill_point("resume");
	if (good)
		commit_wait(worker, log, slot);
	else
		read_when_idle(worker, log, slot);
}

static void handle_postsuspend(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	if (mirror_log_state(log) == LOG_ACTIVE)
		mirror_log_set_state(log, LOG_SUSPENDED);
	log->reconnects = 0;
	mirror_log_record_status(log);
	clears_drain(worker, log, slot);
}

/* Without a DTR the kernel shall make the log again, and ask again. */
static void answer_waiters_of_the_gone(struct worker *worker, struct mirror_log *log)
{
	struct slot *slot;

	while ((slot = slot_list_pop(&log->waiters))) {
		if (log->closing)
			wire_reply(&slot->message, -EIO, 0);
		else
			wire_reply_unknown_log(&slot->message);
		outbox_add(&worker->executor.outbox, slot);
	}
}

static void close_when_idle(struct worker *worker, struct mirror_log *log)
{
	struct slot *slot = log->closing;

	if (log->in_flight > 0 || log->leg_flush_runs)
		return;
	slot_list_move(&log->waiters, &log->draining);
	if (log->resuming)
		slot_list_add(&log->waiters, log->resuming);
	answer_waiters_of_the_gone(worker, log);
	bury(worker, log);
	kill_point("dtr");
	diag_info("log %s (%llx) gone", log->uuid, (unsigned long long)log->luid);
	log->closing = NULL;
	if (slot)
		executor_reply(&worker->executor, slot, 0);
}

static void begin_close(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	if (!mirror_log_is_open(log)) {
		if (slot)
			executor_reply(&worker->executor, slot, 0);
		return;
	}
	mirror_log_set_state(log, LOG_CLOSING);
	log->closing = slot;
}

static void handle_waiting(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	switch (wire_type(&slot->message)) {
	case DM_ULOG_RESUME:
		handle_resume(worker, log, slot);
		break;
	case DM_ULOG_POSTSUSPEND:
		handle_postsuspend(worker, log, slot);
		break;
	default: /* FLUSH, SET_REGION_SYNC: something has to be written first */
		commit_wait(worker, log, slot);
	}
}

static void handle_request(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	unsigned type = wire_type(&slot->message);

	executor_in_hand(&worker->executor, slot);
	kill_point("asked");
	if (type == DM_ULOG_DTR) {
		begin_close(worker, log, slot);
	} else if (type == DM_ULOG_CTR && mirror_log_state(log) < LOG_CLOSING) {
		handle_ctr(worker, log, slot);
	} else if (!mirror_log_is_open(log)) {
		stats_add(STATS_UNKNOWN_LOG, 1);
		wire_reply_unknown_log(&slot->message);
		outbox_add(&worker->executor.outbox, slot);
	} else if (answer(log, &slot->message)) {
		outbox_add(&worker->executor.outbox, slot);
	} else {
		handle_waiting(worker, log, slot);
	}
}

/* Returns the references that the mail brought along, to be dropped when the log is released. */
static unsigned handle_mail(struct worker *worker, struct mirror_log *log, struct log_mail *mail)
{
	struct mirror_job *job = (struct mirror_job *)mail;

	switch (mail->kind) {
	case MAIL_REQUEST:
		handle_request(worker, log, (struct slot *)mail);
		return 0;
	case MAIL_ATTEND:
		log->attend_posted = false; /* what is due comes behind the mail */
		return 0;
	case MAIL_RETIRE:
		begin_close(worker, log, NULL);
		return 0;
	case MAIL_TAKE_OVER:
		adopt(worker, log);
		return 0;
	case MAIL_LEGS:
		clears_take_legs(worker, log, job->legs);
		free(job);
		return 1;
	}
	return 0;
}

/* --- executing a log --- */

static void execute_completed(struct worker *worker, struct mirror_log *log)
{
	struct log_io *io;

	while ((io = log->completed)) {
		log->completed = io->next;
		executor_in_hand(&worker->executor, mirror_log_waiter(log));
		io->finish(&worker->executor, log, io);
	}
}

/* Mail that came while the image is read stays in order behind it. */
static unsigned execute_mail(struct worker *worker, struct mirror_log *log)
{
	unsigned references = 0;

	while (!log->reads) {
		struct mail *mail = log->unread;

		if (!mail)
			mail = mailbox_take(&log->inbox.mail);
		if (!mail)
			break;
		log->unread = mail->next;
		references += handle_mail(worker, log, (struct log_mail *)mail);
	}
	return references;
}

static void execute_due(struct worker *worker, struct mirror_log *log)
{
	int64_t now = clock_coarse();

	executor_in_hand(&worker->executor, mirror_log_waiter(log));
	if (log->reads) {
		if (log->image_read.starved)
			image_read_continue(worker, log);
		return;
	}
	if (mirror_log_state(log) == LOG_CLOSING) {
		close_when_idle(worker, log);
		return;
	}
	if (!mirror_log_is_open(log))
		return;
	if (log->resuming)
		read_when_idle(worker, log, log->resuming);
	if (log->reads)
		return;
	commit_retry(worker, log, now);
	if (log->waiters.first)
		commit_start(worker, log);
	clears_check(worker, log, now);
}

/* The log is SCHEDULED and off the run queue. */
static void execute(struct worker *worker, struct mirror_log *log)
{
	/* The run queue's, and that which was kept. */
	unsigned references = 1 + (unsigned)log->kept;

	log->kept = log->on_run_queue = false;
	execute_completed(worker, log);
	references += execute_mail(worker, log);
	execute_due(worker, log);
	log->kept = log->reads;
	if (log->kept)
		references--; /* kept with the log until it is released */
	else if (inbox_release(&log->inbox))
		mirror_log_enqueue(log);
	while (references-- > 0)
		mirror_log_put(log);
}

static void run_queue(struct worker *worker)
{
	struct mail *link = mailbox_take(&worker->queue.logs);

	while (link) {
		struct mirror_log *log = log_of_link(link, run_link);

		link = link->next; /* executing may put the log on the queue again */
		execute(worker, log);
		executor_in_hand(&worker->executor, NULL);
	}
}

/* --- the loop --- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Attend the logs whose time has come. Returns the next deadline. */
static int64_t run_timers(struct worker *worker, int64_t now)
{
	int64_t next = INT64_MAX;
	struct mirror_log *log;

	for (log = worker->aging.first; log; log = log->aging_link.next) {
		if (log->age_at_ns > now) {
			next = log->age_at_ns;
			break;
		}
		worker_attend(worker, log);
	}
	for (log = worker->retrying.first; log; log = log->retry_link.next) {
		if (log->retry_at_ns <= now)
			worker_attend(worker, log);
		else
			next = earlier(next, log->retry_at_ns);
	}
	return next;
}

static bool something_left(const struct worker *worker)
{
	const struct mirror_log *log;

	if (worker->executor.engine->pending > 0)
		return true;
	for (log = worker->all.first; log; log = log->all_link.next)
		if (log->in_flight || log->waiters.first || log->draining.first || log->reads ||
		    (!worker->hand_over && mirror_log_state(log) == LOG_ACTIVE &&
		     dirty_log_lazy_count(&log->dirty) > 0))
			return true;
	return false;
}

/* Returns true when the thread may end. */
static bool stop_step(struct worker *worker, int64_t now)
{
	struct mirror_log *log;

	if (!atomic_load_explicit(&worker->stop, memory_order_acquire))
		return false;
	if (worker->stop_deadline_ns == 0) {
		worker->stop_deadline_ns =
			now + (worker->hand_over ? HAND_OVER_LIMIT_NS : STOP_LIMIT_NS);
		for (log = worker->all.first; log; log = log->all_link.next)
			worker_attend(worker, log);
		return false;
	}
	if (!mailbox_empty(&worker->queue.logs))
		return false;
	if (now > worker->stop_deadline_ns) {
		if (!worker->hand_over)
			diag_warning(
				"stopping with work left: a log device or a leg does not answer");
		return true;
	}
	return !something_left(worker);
}

static void sleep_or_reap(struct worker *worker, int64_t deadline)
{
	int64_t now = clock_coarse();
	int64_t timeout = deadline == INT64_MAX ? -1 : deadline > now ? deadline - now : 0;

	if (worker->stop_deadline_ns != 0)
		timeout = 10 * NSEC_PER_MSEC;
	/* seq_cst: either the enqueuer sees us asleep, or we see its log. */
	atomic_store_explicit(&worker->queue.asleep, true, memory_order_seq_cst);
	if (!mailbox_empty(&worker->queue.logs))
		timeout = 0;
	if (flush_engine_run(worker->executor.engine, timeout) < 0)
		diag_limited(DIAG_ERROR, "the flush engine is broken");
	atomic_store_explicit(&worker->queue.asleep, false, memory_order_seq_cst);
}

/* One for each free operation would do, but not all of them need one any more. */
static void feed_starved(struct worker *worker)
{
	while (worker->starved.first && worker->executor.io_free) {
		struct mirror_log *hungry = worker->starved.first;

		starved_remove(&worker->starved, hungry);
		worker_attend(worker, hungry);
	}
}

static void loop(struct worker *worker)
{
	for (;;) {
		int64_t now, deadline;

		feed_starved(worker);
		run_queue(worker);
		now = clock_coarse();
		deadline = run_timers(worker, now);
		outbox_send(&worker->executor.outbox);
		if (stop_step(worker, now))
			return;
		sleep_or_reap(worker, deadline);
	}
}

static int set_up(struct worker *worker)
{
	int r;

	worker->executor.ops = &worker_ops;
	r = executor_open(&worker->executor, worker->engine_kind, WORKER_IOS);
	if (r < 0)
		return r;
	worker->queue.engine = worker->executor.engine;
	if (worker->index == 0 && worker->engine_kind == FLUSH_ENGINE_AUTO &&
	    strcmp(worker->executor.engine->ops->name, "sync") == 0)
		diag_warning("io_uring is not allowed here: writes to log devices go one by one");
	return 0;
}

static void *worker_thread(void *argument)
{
	struct worker *worker = argument;
	char name[16];

	snprintf(name, sizeof(name), "worker-%u", worker->index);
	pthread_setname_np(pthread_self(), name);
	/* The first is the receiver's. */
	worker->start_error = placement_one(worker->placement, worker->index + 1);
	if (worker->start_error == 0)
		worker->start_error = set_up(worker);
	sem_post(&worker->started);
	if (worker->start_error == 0)
		loop(worker);
	return NULL;
}

int worker_start(struct worker *worker)
{
	int r;

	sem_init(&worker->started, 0, 0);
	r = pthread_create(&worker->thread, NULL, worker_thread, worker);
	if (r != 0)
		return -r;
	while (sem_wait(&worker->started) != 0)
		; /* a signal */
	if (worker->start_error < 0)
		pthread_join(worker->thread, NULL);
	return worker->start_error;
}

void worker_ask_to_stop(struct worker *worker, bool hand_over)
{
	worker->hand_over = hand_over;
	atomic_store_explicit(&worker->stop, true, memory_order_release);
	flush_engine_wake(worker->executor.engine);
}

void worker_stop(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
}

struct worker *worker_for(struct worker *workers, unsigned count, const char *uuid)
{
	unsigned hash = 5381;

	for (; *uuid; uuid++)
		hash = hash * 33 + (uint8_t)*uuid;
	return &workers[hash % count];
}

void worker_destroy(struct worker *worker)
{
	executor_close(&worker->executor);
}
