/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Request slots: a fixed pool of messages. A request is received into a slot, its reply is built
 * in the same bytes, and the slot goes back when the reply was sent. The pool bounds the memory;
 * when it is empty the socket buffer is the back-pressure.
 *
 * | operation     | by                                   |
 * |---------------|--------------------------------------|
 * | slots_take    | the receiver alone                   |
 * | slot_arrived  | the receiver alone                   |
 * | slot_answered | who holds the slot                   |
 * | slots_give    | any thread                           |
 *
 * The slots lie in memory that outlives the process (estate.h). phase tells a successor what became
 * of the request: asked, but perhaps half executed and half overwritten by its reply; or answered,
 * and its reply is whole, but perhaps not sent. Links are no use to a successor.
 */
#ifndef SERVER_NETLINK_SLOT_H
#define SERVER_NETLINK_SLOT_H

#include <string.h>
#include <linux/netlink.h>

#include "server/base/check.h"
#include "server/base/mailbox.h"
#include "server/protocol/wire.h"

enum mail_kind {
	MAIL_REQUEST, /* a struct slot */
	MAIL_LEGS, /* a struct mirror_job that has been done */
	MAIL_ATTEND, /* the worker has something to execute the log for */
	MAIL_RETIRE, /* the log is to go: an orphan */
	MAIL_TAKE_OVER, /* a predecessor's log: its device has to be opened */
};

/* What lies in a log's inbox begins with this. */
struct log_mail {
	struct mail mail;
	enum mail_kind kind;
};

enum slot_phase { SLOT_FREE, SLOT_ASKED, SLOT_ANSWERED };

struct slot {
	struct log_mail head;
	struct sockaddr_nl from;
	struct slot *next_waiter; /* in a log's list of those who wait for durability */
	_Atomic uint32_t phase; /* enum slot_phase */
	/* Of the request, once it was checked: what its reply overwrites. */
	bool checked;
	uint16_t deaths; /* of servers that were executing it */
	uint32_t data_size;
	uint32_t length; /* bytes of the datagram */
	uint64_t region;
	uint64_t arrival; /* a number of its own, later requests have higher ones */
	struct wire_message message;
};

struct slots {
	struct slot *all;
	unsigned count;
	_Atomic uint64_t *arrivals; /* ever counted */
	struct mailbox given; /* by any thread */
	struct slot *free; /* the receiver's */
};

/* Serve from count slots of the caller's memory, zeroed or a predecessor's; those that are
 * SLOT_FREE can be taken. */
void slots_open(struct slots *slots, struct slot *all, unsigned count, _Atomic uint64_t *arrivals);

/* A datagram of length bytes has come into the slot. */
void slot_arrived(struct slots *slots, struct slot *slot, size_t length);

/* The message is good: remember of it what the reply will overwrite. */
static inline void slot_checked(struct slot *slot)
{
	slot->data_size = slot->message.request.data_size;
	memcpy(&slot->region, slot->message.payload, sizeof(slot->region));
	atomic_signal_fence(memory_order_seq_cst);
	slot->checked = true;
	atomic_signal_fence(memory_order_seq_cst);
}

/* Make the message what it was when it came. ctr_text: CTR_ARGS_TEXT_MAX + 1 bytes, of the log that a
 * CTR has made already, or NULL. */
void slot_restore(struct slot *slot, const char *ctr_text);

static inline enum slot_phase slot_phase(const struct slot *slot)
{
	return (enum slot_phase)atomic_load_explicit(&slot->phase, memory_order_relaxed);
}

/* What is asked is answered, or dropped, before the slot is used again. (A successor sends an answer
 * again.) */
static inline bool slot_phase_follows(enum slot_phase before, enum slot_phase phase)
{
	return phase == SLOT_FREE || (phase == SLOT_ASKED && before == SLOT_FREE) ||
	       (phase == SLOT_ANSWERED && before != SLOT_FREE);
}

/* The fences order the compiler alone: a thread that is killed has stored all that stands before in
 * its program, and nothing of what stands behind. */
static inline void slot_set_phase(struct slot *slot, enum slot_phase phase)
{
	CHECK(slot_phase_follows(slot_phase(slot), phase));
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&slot->phase, phase, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

static inline unsigned slot_number(const struct slots *slots, const struct slot *slot)
{
	return (unsigned)(slot - slots->all);
}

/* Slots that wait for something, oldest first. All zero is empty. */
struct slot_list {
	struct slot *first, *last;
};

void slot_list_add(struct slot_list *list, struct slot *slot);
struct slot *slot_list_pop(struct slot_list *list); /* NULL when empty */
void slot_list_move(struct slot_list *to, struct slot_list *from);

/* NULL when all are in use. */
struct slot *slots_take(struct slots *slots);
void slots_give(struct slots *slots, struct slot *slot);

#endif
