/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slots on their way: taken from the pool, received into 64 at a time, answered, sent 64 at a time, given
 * back. The free ones that the receiver takes from are a list of its own; those that others give wait in
 * a mailbox until that list is empty. Intake and dispatch lie in the estate, and what is written into
 * them when makes a killed server's successor see for each slot whether a datagram had come, and whether
 * its reply was sent.
 */
#include "server/netlink/slot.h"

#include "server/base/check.h"
#include "server/base/diag.h"
#include "server/base/kill_point.h"
#include "server/base/probe.h"
#include "server/base/stats.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define SEND_PATIENCE_MS 1000

/* --- the pool --- */

void slots_open(struct slots *slots, struct slot *all, unsigned count, _Atomic uint64_t *arrivals)
{
	*slots = (struct slots){.all = all, .count = count, .arrivals = arrivals};
	for (unsigned i = 0; i < count; i++)
		if (slot_phase(&all[i]) == SLOT_FREE)
			mailbox_push(&slots->given, &all[i].head.mail);
}

static struct slot *slots_take(struct slots *slots)
{
	struct slot *slot;

	if (!slots->free)
		slots->free = (struct slot *)mailbox_take(&slots->given);
	slot = slots->free;
	if (slot)
		slots->free = (struct slot *)slot->head.mail.next;
	return slot;
}

void slots_give(struct slots *slots, struct slot *slot)
{
	slot_set_phase(slot, SLOT_FREE);
	mailbox_push(&slots->given, &slot->head.mail);
}

void slot_arrived(struct slots *slots, struct slot *slot, size_t length)
{
	uint64_t arrival = atomic_load_explicit(slots->arrivals, memory_order_relaxed) + 1;

	/* The receiver alone counts. */
	atomic_store_explicit(slots->arrivals, arrival, memory_order_relaxed);
	atomic_store_explicit(&slot->arrival, arrival, memory_order_relaxed);
	slot->came_ns = clock_coarse();
	if (reply_times_is_sampled(arrival))
		slot->sampled_ns = clock_now();
	slot->length = (uint32_t)length;
	slot->checked = false;
	slot->deaths = 0;
	slot_set_phase(slot, SLOT_ASKED);
}

/* The reply to a CTR is text as well, and shorter than what it is written over. */
static void restore_text(struct slot *slot, const char *ctr_text)
{
	uint8_t *payload = slot->message.payload;

	if (ctr_text && memcmp(payload, &slot->region, sizeof(slot->region)) != 0)
		memcpy(payload, ctr_text, slot->data_size);
}

void slot_restore(struct slot *slot, const char *ctr_text)
{
	struct wire_message *message = &slot->message;

	if (!slot->checked || slot->data_size > WIRE_PAYLOAD_MAX)
		return;
	message->request.data_size = slot->data_size;
	message->request.error = 0;
	if (wire_type(message) == DM_ULOG_CTR)
		restore_text(slot, ctr_text);
	else
		memcpy(message->payload, &slot->region, sizeof(slot->region));
}

/* --- lists --- */

void slot_list_add(struct slot_list *list, struct slot *slot)
{
	CHECK(slot_phase(slot) == SLOT_ASKED);
	slot->next_waiter = NULL;
	if (list->last)
		list->last->next_waiter = slot;
	else
		list->first = slot;
	list->last = slot;
}

struct slot *slot_list_pop(struct slot_list *list)
{
	struct slot *slot = list->first;

	if (!slot)
		return NULL;
	list->first = slot->next_waiter;
	if (!list->first)
		list->last = NULL;
	return slot;
}

bool slot_is_given_up(const struct slot *slot, int64_t now_ns)
{
	return now_ns - slot->came_ns > SLOT_GIVEN_UP_NS;
}

void slot_list_forget(struct slot_list *list, struct slots *slots, int64_t now_ns)
{
	while (list->first && slot_is_given_up(list->first, now_ns))
		slots_give(slots, slot_list_pop(list));
}

unsigned slot_list_move(struct slot_list *to, struct slot_list *from)
{
	struct slot *slot;
	unsigned count = 0;

	for (; (slot = slot_list_pop(from)); count++)
		slot_list_add(to, slot);
	return count;
}

/* --- receiving --- */

static void point(struct intake *intake, unsigned i, struct slot *slot)
{
	struct msghdr *header = &intake->headers[i].msg_hdr;

	intake->slots[i] = slot;
	intake->iov[i].iov_base = &slot->message.nl;
	intake->iov[i].iov_len = WIRE_DATAGRAM_MAX;
	*header = (struct msghdr){
		.msg_name = &slot->from,
		.msg_namelen = sizeof(slot->from),
		.msg_iov = &intake->iov[i],
		.msg_iovlen = 1,
	};
}

static void intake_add(struct intake *intake, const struct slots *slots, struct slot *slot)
{
	intake->numbers[intake->count] = slot_number(slots, slot);
	point(intake, intake->count++, slot);
}

bool intake_fill(struct intake *intake, struct slots *slots)
{
	while (intake->count < SLOT_BATCH) {
		struct slot *slot = slots_take(slots);

		if (!slot)
			break;
		intake_add(intake, slots, slot);
	}
	return intake->count > 0;
}

void intake_empty(struct intake *intake, struct slots *slots)
{
	while (intake->count > 0)
		slots_give(slots, intake->slots[--intake->count]);
}

void intake_drop(struct intake *intake, unsigned n)
{
	unsigned left = intake->count - n;

	CHECK(n <= intake->count);
	/* The last ones fill the gap: only as many headers change as slots went. */
	for (unsigned i = 0; i < n && i < left; i++) {
		unsigned from = left < n ? n + i : left + i;

		intake->numbers[i] = intake->numbers[from];
		point(intake, i, intake->slots[from]);
	}
	intake->count = left;
}

int intake_receive(struct intake *intake, int fd, bool wait)
{
	/* MSG_TRUNC: the true length of a datagram that did not fit. */
	int n = recvmmsg(fd, intake->headers, intake->count,
			 MSG_TRUNC | (wait ? MSG_WAITFORONE : MSG_DONTWAIT), NULL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
	return n;
}

/* --- sending --- */

void outbox_add(struct outbox *outbox, struct slot *slot)
{
	kill_point("replied");
	PROBE(reply, slot_arrival(slot), wire_type(&slot->message), slot->message.request.error);
	CHECK(outbox->count < SLOT_BATCH);
	slot_set_phase(slot, SLOT_ANSWERED);
	outbox->waiting[outbox->count++] = slot;
	if (outbox->count == SLOT_BATCH)
		outbox_send(outbox);
}

/* The kernel's side never is full; a load generator's buffer can be. */
static bool wait_for_room(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	return poll(&poll_fd, 1, SEND_PATIENCE_MS) > 0;
}

static void send_from(struct outbox *outbox, struct mmsghdr *headers)
{
	unsigned sent = 0;
	bool waited = false;

	while (sent < outbox->count) {
		int n = sendmmsg(outbox->fd, headers + sent, outbox->count - sent, MSG_DONTWAIT);

		if (n > 0) {
			sent += (unsigned)n;
			waited = false;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN && !waited && wait_for_room(outbox->fd)) {
			waited = true;
			continue;
		}
		stats_add(STATS_REPLIES_LOST, 1);
		diag_limited(DIAG_WARNING, "a reply to netlink port %u was lost: %s",
			     outbox->waiting[sent]->from.nl_pid, strerror(errno));
		sent++;
		waited = false;
	}
}

/* The entry is nobody's while it changes: msg_len goes first, the arrival comes last. */
static void address_entry(struct outbox *outbox, unsigned i)
{
	struct dispatch *dispatch = outbox->dispatch;
	struct slot *slot = outbox->waiting[i];

	dispatch->headers[i].msg_len = 0;
	atomic_signal_fence(memory_order_seq_cst);
	slot->from.nl_groups = 0;
	dispatch->iov[i] = (struct iovec){.iov_base = &slot->message.nl,
					  .iov_len = wire_length(&slot->message)};
	dispatch->headers[i].msg_hdr = (struct msghdr){
		.msg_name = &slot->from,
		.msg_namelen = sizeof(slot->from),
		.msg_iov = &dispatch->iov[i],
		.msg_iovlen = 1,
	};
	dispatch->numbers[i] = slot_number(outbox->slots, slot);
	dispatch->arrivals[i] = slot_arrival(slot);
}

/* What is refused may have no type. A clock is read for those alone that have a time. */
static void note_time(struct reply_times *times, const struct slot *slot)
{
	unsigned type = wire_type(&slot->message) % WIRE_TYPES;
	uint64_t arrival = slot_arrival(slot);

	if (atomic_load_explicit(&slot->wait.arrival, memory_order_relaxed) == arrival)
		buckets_add(&times->waited[type], &reply_times_waited,
			    (uint64_t)(clock_coarse() - slot->came_ns));
	if (reply_times_is_sampled(arrival))
		buckets_add(&times->sampled[type], &reply_times_sampled,
			    (uint64_t)(clock_now() - slot->sampled_ns));
}

void outbox_send(struct outbox *outbox)
{
	if (outbox->count == 0)
		return;
	for (unsigned i = 0; i < outbox->count; i++) {
		note_time(&outbox->times, outbox->waiting[i]);
		address_entry(outbox, i);
	}
	atomic_signal_fence(memory_order_seq_cst);
	kill_point("answered");
	send_from(outbox, outbox->dispatch->headers);
	kill_point("sent");
	for (unsigned i = 0; i < outbox->count; i++)
		slots_give(outbox->slots, outbox->waiting[i]);
	outbox->count = 0;
}

void dispatch_settle(const struct dispatch *dispatch, struct slots *slots)
{
	for (unsigned i = 0; i < SLOT_BATCH; i++) {
		struct slot *slot;

		if (dispatch->headers[i].msg_len == 0 || dispatch->numbers[i] >= slots->count)
			continue;
		slot = &slots->all[dispatch->numbers[i]];
		if (slot_arrival(slot) == dispatch->arrivals[i] &&
		    slot_phase(slot) == SLOT_ANSWERED)
			slot_set_phase(slot, SLOT_FREE);
	}
}
