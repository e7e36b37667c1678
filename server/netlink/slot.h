/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Request slots: a fixed pool of messages. A request is received into a slot, its reply is built
 * in the same bytes, and the slot goes back when the reply was sent. The pool bounds the memory;
 * when it is empty the socket buffer is the back-pressure.
 *
 * | operation     | by                                   |
 * |---------------|--------------------------------------|
 * | intake_*      | the receiver alone                   |
 * | slot_arrived  | the receiver alone                   |
 * | slot_answered | who holds the slot                   |
 * | slot_waits    | who holds the slot                   |
 * | slot_waits_for| any thread                           |
 * | slots_give    | any thread                           |
 * | outbox_*      | its thread                           |
 *
 * The slots lie in memory that outlives the process (estate.h). phase tells a successor what became
 * of the request: asked, but perhaps half executed and half overwritten by its reply; or answered,
 * and its reply is whole, but perhaps not sent. Links are no use to a successor.
 */
#ifndef SERVER_NETLINK_SLOT_H
#define SERVER_NETLINK_SLOT_H

#include <string.h>
#include <sys/socket.h>
#include <linux/netlink.h>

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/mailbox.h"
#include "server/netlink/reply_times.h"
#include "server/protocol/wire.h"

#define SLOT_GIVEN_UP_NS (15500 * NSEC_PER_MSEC)
#define SLOT_BATCH 64u /* datagrams of one system call */

enum mail_kind {
	MAIL_REQUEST, /* a struct slot */
	MAIL_LEGS, /* a struct mirror_job that has been done */
	MAIL_LEGS_FLUSHED, /* a struct leg_flush that has ended */
	MAIL_OPENED, /* a struct open_job that has been done */
	MAIL_BITS_MADE, /* a struct bits_job that has been done */
	MAIL_USED, /* a log whose device may have to be probed */
	MAIL_OWED, /* resync work was held back: the kernel has to be made to ask again */
	MAIL_PACE_ORDER, /* resync is to be paused or to go on */
	MAIL_REWRITE, /* what is dirty is to be written again */
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

/* Of a request that was not answered at once, for who watches. It counts for the request of this arrival alone, so
 * that nothing has to be taken back when the request is answered. */
struct slot_wait {
	_Atomic uint64_t arrival;
	_Atomic uint64_t log_id;
	_Atomic int64_t since_ns; /* clock_coarse() */
};

struct slot {
	struct log_mail head;
	struct sockaddr_nl from;
	struct slot *next_waiter; /* in a log's list of those who wait for durability */
	_Atomic uint32_t phase; /* enum slot_phase */
	/* Of the request, once it was checked: what its reply overwrites. */
	uint8_t checked; /* no bool: in damaged memory it has any value */
	uint16_t deaths; /* of servers that were executing it */
	uint32_t data_size;
	uint32_t length; /* bytes of the datagram */
	uint64_t region;
	_Atomic uint64_t arrival; /* a number of its own, later requests have higher ones */
	int64_t came_ns; /* clock_coarse() */
	int64_t sampled_ns; /* clock_now(), of an arrival that is sampled (reply_times.h) */
	struct slot_wait wait;
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

static inline uint64_t slot_arrival(const struct slot *slot)
{
	return atomic_load_explicit(&slot->arrival, memory_order_relaxed);
}

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

/* The request waits from now on, for the log. Its holder; not for one that is answered at once. */
static inline void slot_waits(struct slot *slot, uint64_t log_id)
{
	atomic_store_explicit(&slot->wait.log_id, log_id, memory_order_relaxed);
	atomic_store_explicit(&slot->wait.since_ns, slot->came_ns, memory_order_relaxed);
	/* release: pairs with the acquire in slot_waits_for */
	atomic_store_explicit(&slot->wait.arrival, slot_arrival(slot), memory_order_release);
}

/* The log that the slot's request waits for, or 0, and since when (clock_coarse()). Any thread; a moment old. */
static inline uint64_t slot_waits_for(const struct slot *slot, int64_t *since_ns)
{
	uint64_t arrival = atomic_load_explicit(&slot->wait.arrival, memory_order_acquire);

	if (arrival == 0 || slot_phase(slot) != SLOT_ASKED || arrival != slot_arrival(slot))
		return 0;
	*since_ns = atomic_load_explicit(&slot->wait.since_ns, memory_order_relaxed);
	return atomic_load_explicit(&slot->wait.log_id, memory_order_relaxed);
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

/* The kernel has sent it again after SLOT_GIVEN_UP_NS (DM_ULOG_RETRY_TIMEOUT in
 * drivers/md/dm-log-userspace-transfer.c), and would drop a reply to it. Whoever holds the slot. */
bool slot_is_given_up(const struct slot *slot, int64_t now_ns);

/* Free those that the kernel has given up. Else a device that hangs takes four slots a minute for each of its
 * mirrors. */
void slot_list_forget(struct slot_list *list, struct slots *slots, int64_t now_ns);
struct slot *slot_list_pop(struct slot_list *list); /* NULL when empty */
/* Returns how many. */
unsigned slot_list_move(struct slot_list *to, struct slot_list *from);

/* Free for the next request. */
void slots_give(struct slots *slots, struct slot *slot);

/* Slots that wait for datagrams. The headers that point to them are made once for each slot, not
 * once for each call. The receiver's. It lies in memory that outlives the process (estate.h): the
 * kernel itself writes msg_len behind each datagram (__sys_sendmmsg(), do_recvmmsg() in net/socket.c),
 * and no signal can end a thread between the two, so that a successor sees what had come. */
struct intake {
	unsigned count;
	struct slot *slots[SLOT_BATCH];
	struct mmsghdr headers[SLOT_BATCH];
	struct iovec iov[SLOT_BATCH];
	uint32_t numbers[SLOT_BATCH]; /* of the slots, for a successor */
};

/* The same of sendmmsg: what a successor must know to send nothing twice. */
struct dispatch {
	struct mmsghdr headers[SLOT_BATCH];
	struct iovec iov[SLOT_BATCH];
	uint32_t numbers[SLOT_BATCH];
	uint64_t arrivals[SLOT_BATCH]; /* the slot may be in use again */
};

/* Fill it up with free slots. Returns false if it has none at all. */
bool intake_fill(struct intake *intake, struct slots *slots);

/* Give all back. */
void intake_empty(struct intake *intake, struct slots *slots);

/* The datagram in slot i belongs to nobody but its slot from now on. */
static inline void intake_taken(struct intake *intake, unsigned i)
{
	intake->headers[i].msg_len = 0;
}

/* Receive into the slots from the first on. wait: block for the first datagram. Returns how many
 * came, 0 when there is none or a signal came, or -errno. */
int intake_receive(struct intake *intake, int fd, bool wait);

/* Bytes of the datagram in slot i, also of one that did not fit. */
static inline size_t intake_length(const struct intake *intake, unsigned i)
{
	return intake->headers[i].msg_len;
}

/* Forget the first n slots. */
void intake_drop(struct intake *intake, unsigned n);

/* Of a predecessor: free the slots whose replies were sent. */
void dispatch_settle(const struct dispatch *dispatch, struct slots *slots);

/* Replies of one thread, sent together. */
struct outbox {
	int fd; /* the netlink socket */
	struct slots *slots;
	struct dispatch *dispatch;
	unsigned count;
	struct slot *waiting[SLOT_BATCH];
	struct reply_times times;
};

/* Queue the reply in slot; sends when the batch is full. The slot belongs to the outbox. */
void outbox_add(struct outbox *outbox, struct slot *slot);

/* Send all and give the slots back. */
void outbox_send(struct outbox *outbox);

#endif
