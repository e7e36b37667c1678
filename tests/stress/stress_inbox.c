/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inboxes under threads: producers post, a receiver holds, a worker drains the run queue. Every
 * mail is handled exactly once and in its sender's order, no log has two executors, nothing is
 * left. Plain memory is what the executors write, so that TSan sees a missing order.
 *
 * Not a Criterion test: those fork, which TSan does not like. Under TSan: setarch -R, if it cannot
 * map its shadow.
 */
#include "server/log/inbox.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOGS 3
#define PRODUCERS 3
#define SENDERS (PRODUCERS + 1) /* the receiver posts as well */
#define MAILS 64 /* of each sender, used again once handled */
#define RUN_MSEC 1200
#define ROUND 40 /* letters of a sender, then all wait until they are handled */
#define STUCK_MSEC 5000

struct letter {
	struct mail mail; /* first: mail -> letter is a cast */
	unsigned sender, log;
	uint64_t number;
	_Atomic bool out; /* posted and not handled yet */
};

/* All but inbox and run_link is plain: the executor's. */
struct log {
	struct inbox inbox;
	struct mail run_link;
	_Atomic int executors; /* relaxed: it must give no order that the inbox does not give */
	bool enqueued;
	uint64_t executions;
	uint64_t handled[SENDERS];
	uint64_t next[SENDERS]; /* number of the sender's next letter */
};

struct sender {
	pthread_t thread;
	unsigned index;
	struct letter letters[MAILS];
	unsigned written;
	uint64_t sent[LOGS];
	uint64_t held;
};

static struct log logs[LOGS];
static struct sender senders[SENDERS];
static struct mailbox run_queue;
static _Atomic bool stop, senders_ended;
static pthread_barrier_t round_ended;
static bool last_round; /* written between two barriers */

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "stress_inbox: %s\n", what);
	abort();
}

static void begin(struct log *log)
{
	check(atomic_fetch_add_explicit(&log->executors, 1, memory_order_relaxed) == 0,
	      "two executors at a time");
	log->executions++;
}

/* Often enough mail comes between the last look into the box and the release. */
static void end(struct log *log)
{
	if (log->executions % 4 == 0)
		sched_yield();
	atomic_fetch_sub_explicit(&log->executors, 1, memory_order_relaxed);
}

static void enqueue(struct log *log)
{
	check(!log->enqueued, "on the run queue twice");
	log->enqueued = true;
	mailbox_push(&run_queue, &log->run_link);
}

static void handle(struct log *log, struct letter *letter)
{
	check(letter->log == (unsigned)(log - logs), "mail of another log");
	check(letter->number == log->next[letter->sender], "mail lost, doubled or out of order");
	log->next[letter->sender]++;
	log->handled[letter->sender]++;
	check(atomic_exchange_explicit(&letter->out, false, memory_order_release), "handled twice");
}

static void execute(struct log *log)
{
	struct mail *mail;

	log->enqueued = false;
	begin(log);
	while ((mail = mailbox_take(&log->inbox.mail))) {
		while (mail) {
			struct mail *next = mail->next; /* handled, the letter is its sender's */

			handle(log, (struct letter *)mail);
			mail = next;
		}
	}
	end(log);
	if (inbox_release(&log->inbox))
		enqueue(log);
}

static struct log *log_of_run_link(struct mail *link)
{
	return (struct log *)((char *)link - offsetof(struct log, run_link));
}

static bool run(void)
{
	struct mail *link = mailbox_take(&run_queue);
	bool any = link != NULL;

	while (link) {
		struct log *log = log_of_run_link(link);

		link = link->next; /* executing may put the log on the queue again */
		execute(log);
	}
	return any;
}

static void *work(void *unused)
{
	while (!atomic_load(&senders_ended))
		if (!run())
			sched_yield();
	while (run())
		;
	return NULL;
}

/* A sender has more letters than a round needs. */
static struct letter *write_letter(struct sender *sender, unsigned log)
{
	struct letter *letter = &sender->letters[sender->written++ % MAILS];

	check(!atomic_load_explicit(&letter->out, memory_order_acquire), "handled, and still out");
	letter->sender = sender->index;
	letter->log = log;
	letter->number = sender->sent[log]++;
	atomic_store_explicit(&letter->out, true, memory_order_relaxed);
	return letter;
}

static void wait_until_handled(struct sender *sender)
{
	struct timespec pause = {.tv_nsec = 20000};

	for (unsigned i = 0; i < MAILS; i++) {
		for (unsigned waited = 0; atomic_load(&sender->letters[i].out); waited++) {
			check(waited < STUCK_MSEC * 15, "mail is stuck: nobody executes its log");
			nanosleep(&pause, NULL);
		}
	}
}

/* Nobody posts until all is handled, so that no later mail hides one that was forgotten. Returns
 * false when it was the last round. */
static bool end_round(struct sender *sender)
{
	wait_until_handled(sender);
	if (pthread_barrier_wait(&round_ended) == PTHREAD_BARRIER_SERIAL_THREAD)
		last_round = atomic_load_explicit(&stop, memory_order_relaxed);
	pthread_barrier_wait(&round_ended);
	return !last_round;
}

static void *produce(void *argument)
{
	struct sender *sender = argument;

	do {
		for (unsigned i = 0; i < ROUND; i++) {
			struct letter *letter = write_letter(sender, i % LOGS);

			if (inbox_post(&logs[letter->log].inbox, &letter->mail))
				enqueue(&logs[letter->log]);
		}
	} while (end_round(sender));
	return NULL;
}

/* As the receiver does with a request: at once if the log is free, else by mail. */
static void receive(struct sender *sender, struct letter *letter, bool waits)
{
	struct log *log = &logs[letter->log];

	if (!inbox_try_hold(&log->inbox)) {
		if (inbox_post(&log->inbox, &letter->mail))
			enqueue(log);
		return;
	}
	sender->held++;
	begin(log);
	if (waits) {
		mailbox_push(&log->inbox.mail, &letter->mail);
		end(log);
		inbox_pass(&log->inbox);
		enqueue(log);
		return;
	}
	/* Held with an empty box: all that this sender posted before was handled. */
	handle(log, letter);
	end(log);
	if (inbox_release(&log->inbox))
		enqueue(log);
}

static void *hold(void *argument)
{
	struct sender *sender = argument;

	do {
		for (unsigned i = 0; i < ROUND; i++) {
			receive(sender, write_letter(sender, i % LOGS), i % 5 == 0);
			/* Else nothing would ever be found free. */
			if (i % 3 == 0)
				sched_yield();
		}
	} while (end_round(sender));
	return NULL;
}

static void check_nothing_left(void)
{
	check(mailbox_empty(&run_queue), "a log is left on the run queue");
	for (unsigned l = 0; l < LOGS; l++) {
		check(mailbox_empty(&logs[l].inbox.mail), "mail is left");
		check(atomic_load(&logs[l].inbox.state) == INBOX_IDLE, "a log is not idle");
		for (unsigned s = 0; s < SENDERS; s++)
			check(logs[l].handled[s] == senders[s].sent[l], "not all mail was handled");
	}
}

static void report(void)
{
	uint64_t mails = 0, executions = 0;

	for (unsigned l = 0; l < LOGS; l++) {
		executions += logs[l].executions;
		for (unsigned s = 0; s < SENDERS; s++)
			mails += logs[l].handled[s];
	}
	printf("%llu mails, %llu executions, %llu times held\n", (unsigned long long)mails,
	       (unsigned long long)executions, (unsigned long long)senders[PRODUCERS].held);
	check(senders[PRODUCERS].held > 0, "the receiver never held a log");
}

int main(void)
{
	struct timespec time = {.tv_sec = RUN_MSEC / 1000, .tv_nsec = RUN_MSEC % 1000 * 1000000L};
	pthread_t worker;

	pthread_barrier_init(&round_ended, NULL, SENDERS);
	pthread_create(&worker, NULL, work, NULL);
	for (unsigned s = 0; s < SENDERS; s++) {
		senders[s].index = s;
		pthread_create(&senders[s].thread, NULL, s < PRODUCERS ? produce : hold,
			       &senders[s]);
	}
	nanosleep(&time, NULL);
	atomic_store(&stop, true);
	for (unsigned s = 0; s < SENDERS; s++)
		pthread_join(senders[s].thread, NULL);
	atomic_store(&senders_ended, true);
	pthread_join(worker, NULL);
	check_nothing_left();
	report();
	return 0;
}
