/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker's loop: logs from the run queue, deadlines, replies, and then a sleep in the flush engine.
 *
 * A log is executed in three steps: operations of its that have ended, its mail in the order of arrival,
 * and what is due. Mail that may wait for storage goes to life.c and commit.c. While an image is read
 * the log is kept (inbox.h), and its mail stays unread, so that no request sees half of it; likewise while
 * a log's device is looked for in the mirror's table or opened, or a large log's bits are made.
 *
 * What ends or comes due on a log outside of its execution (a completion, a deadline, a free buffer) is
 * noted in log->sched, and the log attended (schedule.h), since the receiver may be executing it.
 */
#include "server/work/worker.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/confine.h"
#include "server/base/container_of.h"
#include "server/base/diag.h"
#include "server/base/fnv.h"
#include "server/base/kill_point.h"
#include "server/base/placement.h"
#include "server/base/stats.h"
#include "server/log/answer.h"
#include "server/log/bits_job.h"
#include "server/log/mirrors.h"
#include "server/work/clears.h"
#include "server/work/commit.h"
#include "server/work/image_read.h"
#include "server/work/life.h"
#include "server/work/pace.h"
#include "server/work/probe.h"
#include "server/work/rewrite.h"
#include "server/work/second_look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKER_IOS 128u
#define WORKER_EXTRA_IOS (ESTATE_FLIGHTS - WORKER_IOS) /* for as many devices that hang */

/* --- operations --- */

static void worker_io_ended(struct executor *executor, struct log_io *io)
{
	struct worker *worker = worker_of(executor);
	struct log_io **at = &io->log->sched.completed;

	/* Until the log may be executed. */
	io->next = NULL;
	while (*at)
		at = &(*at)->next;
	*at = io;
	/* We are awake: no system call to wake ourselves. */
	atomic_store_explicit(&worker->queue.asleep, false, memory_order_relaxed);
	schedule_attend(io->log);
}

static const struct executor_ops worker_ops = {
	.io_ended = worker_io_ended,
	.written = commit_written,
	.write_failed = commit_write_failed,
};

/* --- mail --- */

/* What waits for storage. */
static void handle_waiting(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	switch (wire_type(&slot->message)) {
	case DM_ULOG_RESUME:
		life_resume(worker, log, slot);
		break;
	case DM_ULOG_PRESUSPEND:
		life_presuspend(worker, log, slot);
		break;
	case DM_ULOG_POSTSUSPEND:
		life_postsuspend(worker, log, slot);
		break;
	default: /* WIRE_LANE_MAYBE: something has to be written first */
		commit_wait(worker, log, slot);
	}
}

static void handle_request(struct worker *worker, struct mirror_log *log, struct slot *slot)
{
	unsigned type = wire_type(&slot->message);

	executor_in_hand(&worker->executor, slot);
	kill_point("asked");
	if (type == DM_ULOG_DTR) {
		life_end(worker, log, slot);
	} else if (type == DM_ULOG_CTR && mirror_log_state(log) < LOG_CLOSING) {
		life_ctr(worker, log, slot);
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

static void handle_legs(struct worker *worker, struct mirror_log *log, struct mirror_job *job)
{
	clears_take_legs(worker, log, job->legs);
	free(job);
	mirror_log_put(log); /* the job's; the run queue's is left */
}

static void handle_legs_flushed(struct worker *worker, struct mirror_log *log,
				struct leg_flush *flush)
{
	clears_legs_flushed(worker, log, flush);
	leg_flush_free(flush);
	mirror_log_put(log); /* the flush's; the run queue's is left */
}

static void handle_mail(struct worker *worker, struct mirror_log *log, struct log_mail *mail)
{
	switch (mail->kind) {
	case MAIL_REQUEST:
		handle_request(worker, log, (struct slot *)mail);
		break;
	case MAIL_ATTEND:
		log->sched.attend_posted = false; /* what is due comes behind the mail */
		break;
	case MAIL_USED:
		probe_used(worker, log);
		break;
	case MAIL_OWED:
		pace_owed(worker, log);
		break;
	case MAIL_PACE_ORDER:
		pace_ordered(worker, log);
		break;
	case MAIL_REWRITE:
		rewrite_ordered(worker, log);
		break;
	case MAIL_RETIRE:
		life_end(worker, log, NULL);
		break;
	case MAIL_TAKE_OVER:
		life_take_over(worker, log);
		break;
	case MAIL_LEGS:
		handle_legs(worker, log, (struct mirror_job *)mail);
		break;
	case MAIL_OPENED:
	case MAIL_BITS_MADE:
		CHECK(false); /* come to the worker */
		break;
	case MAIL_LEGS_FLUSHED:
		handle_legs_flushed(worker, log, (struct leg_flush *)mail);
		break;
	}
}

/* --- executing a log --- */

/* It waits for what no mail may be handled before. */
static bool keeps(const struct mirror_log *log)
{
	return log->image_read.phase != IMAGE_NOT_READING || log->life.opening != OPENING_NOTHING;
}

static void execute_completed(struct worker *worker, struct mirror_log *log)
{
	struct log_io *io;

	while ((io = log->sched.completed)) {
		log->sched.completed = io->next;
		executor_in_hand(&worker->executor, mirror_log_waiter(log));
		io->finish(&worker->executor, log, io);
	}
}

/* Mail that came while the image is read stays in order behind it. */
static void execute_mail(struct worker *worker, struct mirror_log *log)
{
	while (!keeps(log)) {
		struct mail *mail = log->sched.unread;

		if (!mail)
			mail = mailbox_take(&log->inbox.mail);
		if (!mail)
			break;
		log->sched.unread = mail->next;
		handle_mail(worker, log, (struct log_mail *)mail);
	}
}

static void execute_due(struct worker *worker, struct mirror_log *log)
{
	int64_t now = clock_coarse();

	executor_in_hand(&worker->executor, mirror_log_waiter(log));
	if (log->image_read.phase == IMAGE_STALLED)
		image_read_continue(worker, log);
	if (log->image_read.phase != IMAGE_NOT_READING)
		image_read_look(worker, log, now);
	if (keeps(log))
		return;
	commit_lose_patience(worker, log, now);
	if (mirror_log_state(log) == LOG_CLOSING) {
		life_close_when_idle(worker, log);
		return;
	}
	if (!mirror_log_is_open(log))
		return;
	if (log->life.resuming)
		life_read_when_idle(worker, log, log->life.resuming);
	if (keeps(log))
		return;
	commit_retry(worker, log, now);
	if (log->commit.waiters.first || log->probe.on || log->sched.fed) {
		log->sched.fed = false;
		commit_start(worker, log);
	}
	clears_check(worker, log, now);
	probe_check(worker, log, now);
	rewrite_check(worker, log);
	second_look_check(worker, log, now);
	pace_check(worker, log, now);
	life_rest(log);
}

/* Off the run queue, with the reference that came along. */
static void execute(struct worker *worker, struct mirror_log *log)
{
	mirror_log_dequeued(log);
	life_open(worker, log, clock_coarse());
	execute_completed(worker, log);
	execute_mail(worker, log);
	execute_due(worker, log);
	if (keeps(log)) {
		inbox_keep(&log->inbox); /* and the reference with it */
		return;
	}
	CHECK(!log->sched.completed && !log->sched.unread && !log->sched.attend_posted);
	mirror_log_release(log);
}

static void take_device(struct mirror_job *job)
{
	life_device_found(job->log, job);
	mirror_log_put(job->log);
	free(job);
}

static void take_one_found(struct log_mail *head)
{
	if (head->kind == MAIL_OPENED)
		life_device_opened(container_of(head, struct open_job, head));
	else if (head->kind == MAIL_BITS_MADE)
		life_bits_made(container_of(head, struct bits_job, head)->log);
	else
		take_device(container_of(head, struct mirror_job, head));
}

static void take_found(struct worker *worker)
{
	struct mail *mail = mailbox_take(&worker->queue.found);

	while (mail) {
		struct log_mail *head = container_of(mail, struct log_mail, mail);

		mail = mail->next;
		take_one_found(head);
	}
}

static void execute_queue(struct worker *worker)
{
	struct mail *link = mailbox_take(&worker->queue.logs);

	while (link) {
		struct mirror_log *log = container_of(link, struct mirror_log, run_link);

		link = link->next; /* executing may put the log on the queue again */
		executor_works(&worker->executor, log->record);
		execute(worker, log);
		executor_in_hand(&worker->executor, NULL);
	}
}

/* --- the loop --- */

static bool has_work(const struct worker *worker, const struct mirror_log *log)
{
	return log->commit.in_flight || log->commit.waiters.first || log->clears.draining.first ||
	       keeps(log) || log->clears.phase == CLEARS_FLUSHING_LEGS ||
	       (!worker->hand_over && mirror_log_state(log) == LOG_ACTIVE &&
		log->clears.phase != CLEARS_SPOILT && dirty_log_lazy_count(&log->dirty) > 0);
}

static bool something_left(const struct worker *worker)
{
	if (worker->executor.engine->pending > 0)
		return true;
	for (struct list_node *node = worker->all.first; node; node = node->next)
		if (has_work(worker, schedule_log_of(node)))
			return true;
	return false;
}

static void begin_stop(struct worker *worker, int64_t now)
{
	worker->stop_deadline_ns = now + (worker->hand_over ? HAND_OVER_LIMIT_NS : STOP_LIMIT_NS);
	for (struct list_node *node = worker->all.first; node; node = node->next)
		schedule_attend(schedule_log_of(node));
}

/* Returns true when the thread may end. */
static bool stop_step(struct worker *worker, int64_t now)
{
	if (!atomic_load_explicit(&worker->stop, memory_order_acquire))
		return false;
	if (worker->stop_deadline_ns == 0) {
		begin_stop(worker, now);
		return false;
	}
	if (!run_queue_empty(&worker->queue))
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
	if (!run_queue_empty(&worker->queue))
		timeout = 0;
	executor_waits(&worker->executor);
	if (flush_engine_run(worker->executor.engine, timeout) < 0)
		diag_limited(DIAG_ERROR, "the flush engine is broken");
	executor_works(&worker->executor, NULL);
	atomic_store_explicit(&worker->queue.asleep, false, memory_order_seq_cst);
}

static void see_settings(struct worker *worker)
{
	const struct estate_settings *settings = worker->executor.options->settings;
	uint32_t changes = atomic_load_explicit(&settings->changes, memory_order_acquire);

	if (changes == worker->settings_seen)
		return;
	worker->settings_seen = changes;
	schedule_again(worker, atomic_load(&settings->clear_delay_ns));
}

static void loop(struct worker *worker)
{
	for (;;) {
		int64_t now, deadline;

		see_settings(worker);
		schedule_attend_starved(worker);
		take_found(worker);
		execute_queue(worker);
		now = clock_coarse();
		deadline = schedule_attend_due(worker, now);
		outbox_send(&worker->executor.outbox);
		if (stop_step(worker, now))
			return;
		sleep_or_reap(worker, deadline);
	}
}

static int set_up_worker(struct worker *worker)
{
	int r;

	worker->executor.ops = &worker_ops;
	/* Who wants io_uring wants to be served without it rather than not at all. */
	r = executor_open(&worker->executor,
			  worker->engine_kind == FLUSH_ENGINE_URING ? FLUSH_ENGINE_AUTO
								    : worker->engine_kind,
			  WORKER_IOS, WORKER_EXTRA_IOS);
	if (r < 0)
		return r;
	worker->queue.engine = worker->executor.engine;
	if (worker->index == 0 && worker->engine_kind != FLUSH_ENGINE_SYNC &&
	    strcmp(worker->executor.engine->ops->name, "sync") == 0)
		diag_warning(
			"io_uring is not allowed here: writes to log devices are left to threads, "
			"which takes longer");
	return 0;
}

static void await(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0)
		; /* a signal */
}

static void confine_worker(const struct worker *worker)
{
	int r = confine_to_serving();

	if (r < 0 && worker->index == 0)
		diag_warning("the threads that serve keep all their rights: %s", strerror(-r));
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
		worker->start_error = set_up_worker(worker);
	if (worker->start_error == 0)
		confine_worker(worker);
	sem_post(&worker->started);
	if (worker->start_error < 0)
		return NULL;
	await(&worker->enters);
	if (!worker->entered)
		return NULL; /* stopped before */
	executor_enter(&worker->executor);
	loop(worker);
	executor_waits(&worker->executor); /* for ever */
	return NULL;
}

int worker_start(struct worker *worker)
{
	int r;

	sem_init(&worker->started, 0, 0);
	sem_init(&worker->enters, 0, 0);
	r = pthread_create(&worker->thread, NULL, worker_thread, worker);
	if (r != 0)
		return -r;
	await(&worker->started);
	if (worker->start_error < 0)
		pthread_join(worker->thread, NULL);
	return worker->start_error;
}

void worker_enter(struct worker *worker)
{
	worker->entered = true;
	sem_post(&worker->enters);
}

void worker_sees_settings(struct worker *worker)
{
	flush_engine_wake(worker->executor.engine);
}

void worker_ask_to_stop(struct worker *worker, bool hand_over)
{
	worker->hand_over = hand_over;
	atomic_store_explicit(&worker->stop, true, memory_order_release);
	sem_post(&worker->enters);
	flush_engine_wake(worker->executor.engine);
}

void worker_stop(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
}

struct worker *worker_for(struct worker *workers, unsigned count, const char *uuid)
{
	CHECK(count > 0);
	return &workers[fnv1a(uuid, strlen(uuid)) % count];
}

void worker_destroy(struct worker *worker)
{
	take_found(worker);
	executor_close(&worker->executor);
}
