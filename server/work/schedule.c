/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a worker comes to a log. To attend one is to see that it is executed soon: a log that is kept goes
 * back onto the run queue, one that is on it is left there, and any other gets mail of ours in its inbox,
 * once at a time, since the receiver may be executing it. */
#include "server/work/schedule.h"

#include "server/base/check.h"
#include "server/base/container_of.h"

#define PROBES_AT_ONCE 16u /* 2,000 in a second */
#define PROBES_PAUSE_NS (8 * NSEC_PER_MSEC)
#define FULL_PAUSE_NS (10 * NSEC_PER_MSEC)

static struct mirror_log *log_of_age(struct list_node *node)
{
	return container_of(node, struct mirror_log, sched.age.node);
}

static struct mirror_log *log_of_drain(struct list_node *node)
{
	return container_of(node, struct mirror_log, sched.drain.node);
}

static struct mirror_log *log_of_retry(struct list_node *node)
{
	return container_of(node, struct mirror_log, sched.retry.node);
}

static struct mirror_log *log_of_patience(struct list_node *node)
{
	return container_of(node, struct mirror_log, sched.patience.node);
}

static struct mirror_log *log_of_probe(struct list_node *node)
{
	return container_of(node, struct mirror_log, sched.probe.node);
}

static struct mirror_log *log_of_rewrite(struct list_node *node)
{
	return container_of(node, struct mirror_log, sched.rewrite.node);
}

static struct mirror_log *log_of_pace(struct list_node *node)
{
	return container_of(node, struct mirror_log, sched.pace.node);
}

static struct mirror_log *log_of_second_look(struct list_node *node)
{
	return container_of(node, struct mirror_log, sched.second_look.node);
}

struct mirror_log *schedule_log_of(struct list_node *node)
{
	return container_of(node, struct mirror_log, sched.all);
}

static struct mirror_log *log_of_starved(struct list_node *node)
{
	return container_of(node, struct mirror_log, sched.starved);
}

void schedule_enrol(struct worker *worker, struct mirror_log *log)
{
	list_append(&worker->all, &log->sched.all);
}

void schedule_dismiss(struct mirror_log *log)
{
	list_remove(&log->sched.age.node);
	list_remove(&log->sched.drain.node);
	list_remove(&log->sched.patience.node);
	list_remove(&log->sched.pace.node);
	list_remove(&log->sched.probe.node);
	list_remove(&log->sched.rewrite.node);
	list_remove(&log->sched.second_look.node);
	list_remove(&log->sched.retry.node);
	list_remove(&log->sched.starved);
	list_remove(&log->sched.all);
}

void schedule_attend(struct mirror_log *log)
{
	switch (inbox_state(&log->inbox)) {
	case INBOX_KEPT:
		mirror_log_resume(log);
		break;
	case INBOX_SCHEDULED:
		break; /* on our run queue, and nobody else takes it off */
	case INBOX_IDLE:
	case INBOX_HELD:
		if (log->sched.attend_posted)
			break;
		log->sched.attend_posted = true;
		log->sched.attend_mail.kind = MAIL_ATTEND;
		mirror_log_post(log, &log->sched.attend_mail);
		break;
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The deadlines of these two lists are in order. */
static int64_t attend_aging(struct worker *worker, int64_t now)
{
	for (struct list_node *node = worker->aging.first; node; node = node->next) {
		struct mirror_log *log = log_of_age(node);

		if (log->sched.age.at_ns > now)
			return log->sched.age.at_ns;
		schedule_attend(log);
	}
	return INT64_MAX;
}

static int64_t attend_draining(struct worker *worker, int64_t now)
{
	for (struct list_node *node = worker->draining.first; node; node = node->next) {
		struct mirror_log *log = log_of_drain(node);

		if (log->sched.drain.at_ns > now)
			return log->sched.drain.at_ns;
		schedule_attend(log);
	}
	return INT64_MAX;
}

/* In order as well; and spread, since logs that were taken over together are due together. Each comes once: a
 * log that is not executed now may wait for its device, which nobody asks meanwhile. */
static int64_t attend_probing(struct worker *worker, int64_t now)
{
	struct list_node *node;

	if (worker->probing.first && worker->next_probes_ns > now)
		return worker->next_probes_ns;
	for (unsigned i = 0; (node = worker->probing.first); i++) {
		struct mirror_log *log = log_of_probe(node);

		if (log->sched.probe.at_ns > now)
			return log->sched.probe.at_ns;
		if (i == PROBES_AT_ONCE)
			return worker->next_probes_ns = now + PROBES_PAUSE_NS;
		list_remove(node);
		log->sched.probe_due = true;
		schedule_attend(log);
	}
	return INT64_MAX;
}

/* In order, and each once. */
static int64_t attend_rewriting(struct list *rewriting, int64_t now)
{
	struct list_node *node;

	while ((node = rewriting->first)) {
		struct mirror_log *log = log_of_rewrite(node);

		if (log->sched.rewrite.at_ns > now)
			return log->sched.rewrite.at_ns;
		list_remove(node);
		log->sched.rewrite_due = true;
		schedule_attend(log);
	}
	return INT64_MAX;
}

/* Those of a list that is in no order. */
static int64_t attend_all_due(struct list *list,
			      struct mirror_log *(*log_of)(struct list_node *node), int64_t now)
{
	int64_t next = INT64_MAX;

	for (struct list_node *node = list->first; node; node = node->next) {
		int64_t at_ns = container_of(node, struct deadline, node)->at_ns;

		if (at_ns <= now)
			schedule_attend(log_of(node));
		else
			next = earlier(next, at_ns);
	}
	return next;
}

/* There may be thousands, which are not gone through at each turn. */
static int64_t attend_pacing(struct worker *worker, int64_t now)
{
	if (now >= worker->next_pace_ns)
		worker->next_pace_ns = attend_all_due(&worker->pacing, log_of_pace, now);
	return worker->next_pace_ns;
}

int64_t schedule_attend_due(struct worker *worker, int64_t now)
{
	int64_t next = earlier(attend_aging(worker, now), attend_draining(worker, now));

	next = earlier(next, attend_probing(worker, now));
	next = earlier(next, attend_rewriting(&worker->rewriting_soon, now));
	next = earlier(next, attend_rewriting(&worker->rewriting, now));
	next = earlier(next, attend_all_due(&worker->impatient, log_of_patience, now));
	next = earlier(next, attend_all_due(&worker->second_looks, log_of_second_look, now));
	next = earlier(next, attend_pacing(worker, now));
	return earlier(next, attend_all_due(&worker->retrying, log_of_retry, now));
}

void schedule_attend_starved(struct worker *worker)
{
	while (worker->starved.first && worker->executor.io_free) {
		struct mirror_log *log = log_of_starved(worker->starved.first);

		list_remove(&log->sched.starved);
		log->sched.fed = true;
		schedule_attend(log);
	}
}

static void set_deadline(struct list *list, struct deadline *deadline, int64_t at_ns)
{
	list_remove(&deadline->node);
	deadline->at_ns = at_ns;
	list_append(list, &deadline->node);
}

void schedule_age(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	set_deadline(&worker->aging, &log->sched.age, at_ns);
}

void schedule_no_age(struct mirror_log *log)
{
	list_remove(&log->sched.age.node);
}

void schedule_drain(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	set_deadline(&worker->draining, &log->sched.drain, at_ns);
}

void schedule_no_drain(struct mirror_log *log)
{
	list_remove(&log->sched.drain.node);
}

void schedule_patience(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	set_deadline(&worker->impatient, &log->sched.patience, at_ns);
}

void schedule_no_patience(struct mirror_log *log)
{
	list_remove(&log->sched.patience.node);
}

void schedule_pace(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	set_deadline(&worker->pacing, &log->sched.pace, at_ns);
	worker->next_pace_ns = earlier(worker->next_pace_ns, at_ns);
}

void schedule_no_pace(struct mirror_log *log)
{
	list_remove(&log->sched.pace.node);
}

/* They stay in order. */
static void age_sooner(struct worker *worker, int64_t at_ns)
{
	for (struct list_node *node = worker->aging.first; node; node = node->next) {
		struct deadline *age = &log_of_age(node)->sched.age;

		age->at_ns = earlier(age->at_ns, at_ns);
	}
}

void schedule_again(struct worker *worker, int64_t delay_ns)
{
	age_sooner(worker, clock_coarse() + delay_ns);
	for (struct list_node *node = worker->all.first; node; node = node->next)
		schedule_attend(schedule_log_of(node));
}

void schedule_probe(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	set_deadline(&worker->probing, &log->sched.probe, at_ns);
}

void schedule_rewrite(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	set_deadline(&worker->rewriting, &log->sched.rewrite, at_ns);
}

void schedule_rewrite_soon(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	set_deadline(&worker->rewriting_soon, &log->sched.rewrite, at_ns);
}

void schedule_second_look(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	set_deadline(&worker->second_looks, &log->sched.second_look, at_ns);
}

void schedule_no_second_look(struct mirror_log *log)
{
	list_remove(&log->sched.second_look.node);
}

void schedule_retry(struct worker *worker, struct mirror_log *log, int64_t at_ns)
{
	set_deadline(&worker->retrying, &log->sched.retry, at_ns);
}

void schedule_no_retry(struct mirror_log *log)
{
	list_remove(&log->sched.retry.node);
}

void schedule_starves(struct worker *worker, struct mirror_log *log)
{
	/* Not the next free one, but one of its device's. */
	if (log_device_is_full(log->device)) {
		schedule_retry(worker, log, clock_coarse() + FULL_PAUSE_NS);
		return;
	}
	if (!list_node_listed(&log->sched.starved))
		list_append(&worker->starved, &log->sched.starved);
}

struct log_io *schedule_io_take(struct worker *worker, struct mirror_log *log)
{
	struct log_io *io = executor_io_take(&worker->executor, log, log->device);

	if (!io)
		schedule_starves(worker, log);
	return io;
}
