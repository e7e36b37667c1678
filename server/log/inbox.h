/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log's mail, and the right to execute the log: the heart of receiver -> log -> worker.
 *
 *            try_hold                        release (no mail)
 *   IDLE ---------------> HELD  ------------------------------------> IDLE
 *    |                     |  pass
 *    | post                v            release (no mail)
 *    +--------------> SCHEDULED -------------------------------------> IDLE
 *                      |     ^
 *                 keep v     | resume
 *                       KEPT
 *
 * HELD: a thread executes at once, without waiting. SCHEDULED: the log is on its worker's run
 * queue, or that worker executes it. KEPT: its worker waits for something that no other executor may
 * come before (an image being read), and mail waits too. Whoever moves a log to SCHEDULED puts it on
 * the run queue, and so it is there exactly once.
 *
 * | operation                      | by                               | together with |
 * |--------------------------------|----------------------------------|---------------|
 * | inbox_post                     | any thread                       | any           |
 * | inbox_try_hold                 | any thread                       | any           |
 * | inbox_release, _pass, _keep    | the one executing                | any post      |
 * | inbox_resume                   | the worker of a log that is KEPT | any post      |
 */
#ifndef SERVER_LOG_INBOX_H
#define SERVER_LOG_INBOX_H

#include "server/base/check.h"
#include "server/base/mailbox.h"

enum inbox_state { INBOX_IDLE, INBOX_HELD, INBOX_SCHEDULED, INBOX_KEPT };

struct inbox {
	struct mailbox mail;
	_Atomic int state;
};

static inline enum inbox_state inbox_state(struct inbox *inbox)
{
	return (enum inbox_state)atomic_load_explicit(&inbox->state, memory_order_relaxed);
}

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

/* Leave mail. True: the caller must put the log on its run queue. */
static inline bool inbox_post(struct inbox *inbox, struct mail *mail)
{
	mailbox_push(&inbox->mail, mail);
	return inbox_leave_idle(inbox, INBOX_SCHEDULED);
}

/* The holder passes the log on to the worker; it must put it on the run queue. */
static inline void inbox_pass(struct inbox *inbox)
{
	CHECK(inbox_state(inbox) == INBOX_HELD);
	atomic_store_explicit(&inbox->state, INBOX_SCHEDULED, memory_order_release);
}

/* Stop executing. True: mail came meanwhile, the log is SCHEDULED again, and the caller must put
 * it on the run queue. Mail pushed before the store is seen by the look behind it; mail pushed
 * after the look finds IDLE (both sides seq_cst). */
static inline bool inbox_release(struct inbox *inbox)
{
	CHECK(inbox_state(inbox) == INBOX_HELD || inbox_state(inbox) == INBOX_SCHEDULED);
	atomic_store_explicit(&inbox->state, INBOX_IDLE, memory_order_seq_cst);
	return !mailbox_empty(&inbox->mail) && inbox_leave_idle(inbox, INBOX_SCHEDULED);
}

/* Nobody else shall execute the log until inbox_resume, though the worker does not either. */
static inline void inbox_keep(struct inbox *inbox)
{
	CHECK(inbox_state(inbox) == INBOX_SCHEDULED);
	/* relaxed: the worker alone acts on it, the others see that it is not IDLE */
	atomic_store_explicit(&inbox->state, INBOX_KEPT, memory_order_relaxed);
}

/* The caller must put the log on its run queue. */
static inline void inbox_resume(struct inbox *inbox)
{
	CHECK(inbox_state(inbox) == INBOX_KEPT);
	atomic_store_explicit(&inbox->state, INBOX_SCHEDULED, memory_order_relaxed);
}

#endif
