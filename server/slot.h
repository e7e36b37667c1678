/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Request slots: a fixed pool of messages. A request is received into a slot, its reply is built
 * in the same bytes, and the slot goes back when the reply was sent. The pool bounds the memory;
 * when it is empty the socket buffer is the back-pressure.
 *
 * | operation   | by                                   |
 * |-------------|--------------------------------------|
 * | slots_take  | the receiver alone                   |
 * | slots_give  | any thread                           |
 */
#ifndef SERVER_SLOT_H
#define SERVER_SLOT_H

#include <linux/netlink.h>

#include "server/inbox.h"
#include "server/wire.h"

enum mail_kind {
	MAIL_REQUEST, /* a struct slot */
	MAIL_LEGS, /* a struct mirror_job that has been done */
	MAIL_ATTEND, /* the worker has something to execute the log for */
	MAIL_RETIRE, /* the log is to go: an orphan */
};

/* What lies in a log's inbox begins with this. */
struct log_mail {
	struct mail mail;
	enum mail_kind kind;
};

struct slot {
	struct log_mail head;
	struct sockaddr_nl from;
	struct slot *next_waiter; /* in a log's list of those who wait for durability */
	struct wire_message message;
};

struct slots {
	struct slot *all;
	unsigned count;
	struct mailbox given; /* by any thread */
	struct slot *free; /* the receiver's */
};

/* 0 or -ENOMEM. */
int slots_create(struct slots *slots, unsigned count);
void slots_destroy(struct slots *slots);

/* NULL when all are in use. */
struct slot *slots_take(struct slots *slots);
void slots_give(struct slots *slots, struct slot *slot);

#endif
