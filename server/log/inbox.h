/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lock-free mail, and the right to execute a log: the heart of receiver -> log -> worker.
 *
 * A mailbox is a stack that the consumer takes whole and turns round: no ABA, no waiting.
 *
 * An inbox adds who executes its log:
 *
 *            try_hold                        release (no mail)
 *   IDLE ---------------> HELD  ------------------------------------> IDLE
 *    |                     |  pass
 *    | post, schedule      v            release (no mail)
 *    +--------------> SCHEDULED -------------------------------------> IDLE
 *
 * HELD: a thread executes at once, without waiting. SCHEDULED: the log is on its worker's run
 * queue, or that worker executes it. Whoever moves IDLE or HELD to SCHEDULED puts the log on the
 * run queue, and so it is there exactly once.
 *
 * | operation          | by                        | with                                   |
 * |--------------------|---------------------------|----------------------------------------|
 * | mailbox_push       | any thread                | any, no lock                           |
 * | mailbox_take       | the consumer alone        | any push                               |
 * | inbox_post         | any thread                | any                                    |
 * | inbox_try_hold     | any thread                | any                                    |
 * | inbox_release, _pass | the one executing  | any post                               |
 */
#ifndef SERVER_LOG_INBOX_H
#define SERVER_LOG_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct mail {
	struct mail *next;
};

struct mailbox {
	_Atomic(struct mail *) newest;
};

static inline bool mailbox_empty(struct mailbox *box)
{
	return atomic_load_explicit(&box->newest, memory_order_seq_cst) == NULL;
}

/* Returns true if the box was empty. The release pairs with the acquire in mailbox_take: what was
 * written into the mail before is seen by the consumer. seq_cst, since inbox_post relies on the
 * push being ordered before its look at the state. */
static inline bool mailbox_push(struct mailbox *box, struct mail *mail)
{
	struct mail *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);

	do {
		mail->next = newest;
	} while (!atomic_compare_exchange_weak_explicit(
		&box->newest, &newest, mail, memory_order_seq_cst, memory_order_relaxed));
	return newest == NULL;
}

/* All mail, oldest first, linked by next; NULL if none. */
static inline struct mail *mailbox_take(struct mailbox *box)
{
	struct mail *mail = atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
	struct mail *oldest = NULL;

	while (mail) {
		struct mail *next = mail->next;

		mail->next = oldest;
		oldest = mail;
		mail = next;
	}
	return oldest;
}

enum inbox_state { INBOX_IDLE, INBOX_HELD, INBOX_SCHEDULED };

struct inbox {
	struct mailbox mail;
	_Atomic int state;
};

static inline bool inbox_leave_idle(struct inbox *inbox, int to)
{
	int idle = INBOX_IDLE;

	/* acquire: pairs with the store in inbox_release, so that the new executor sees all that
	 * the last one wrote. seq_cst for the order against mailbox_push. */
	return atomic_compare_exchange_strong_explicit(&inbox->state, &idle, to,
						       memory_order_seq_cst, memory_order_seq_cst);
}

/* Take the log to execute without waiting. False: somebody executes it, post instead. */
static inline bool inbox_try_hold(struct inbox *inbox)
{
	return mailbox_empty(&inbox->mail) && inbox_leave_idle(inbox, INBOX_HELD);
}

/* True: the caller must put the log on its run queue. */
static inline bool inbox_schedule(struct inbox *inbox)
{
	return inbox_leave_idle(inbox, INBOX_SCHEDULED);
}

/* Leave mail. True: the caller must put the log on its run queue. */
static inline bool inbox_post(struct inbox *inbox, struct mail *mail)
{
	mailbox_push(&inbox->mail, mail);
	return inbox_schedule(inbox);
}

/* The holder passes the log on to the worker; it must put it on the run queue. */
static inline void inbox_pass(struct inbox *inbox)
{
	atomic_store_explicit(&inbox->state, INBOX_SCHEDULED, memory_order_release);
}

/* Stop executing. True: mail came meanwhile, the log is SCHEDULED again, and the caller must put
 * it on the run queue. Mail pushed before the store is seen by the look behind it; mail pushed
 * after the look finds IDLE (both sides seq_cst). */
static inline bool inbox_release(struct inbox *inbox)
{
	atomic_store_explicit(&inbox->state, INBOX_IDLE, memory_order_seq_cst);
	return !mailbox_empty(&inbox->mail) && inbox_schedule(inbox);
}

#endif
