/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lock-free mail: a stack that its consumer takes whole and turns round. No ABA, no waiting.
 *
 * | operation     | by                 | together with |
 * |---------------|--------------------|---------------|
 * | mailbox_push  | any thread         | any           |
 * | mailbox_take  | the consumer alone | any push      |
 * | mailbox_empty | any thread         | any           |
 */
#ifndef SERVER_BASE_MAILBOX_H
#define SERVER_BASE_MAILBOX_H

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
 * written into the mail before is seen by the consumer. seq_cst, since inbox_post (server/log/inbox.h)
 * relies on the push being ordered before its look at the state. */
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

#endif
