/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Request slots. */
#include "server/netlink/slot.h"

void slots_open(struct slots *slots, struct slot *all, unsigned count, _Atomic uint64_t *arrivals)
{
	*slots = (struct slots){.all = all, .count = count, .arrivals = arrivals};
	for (unsigned i = 0; i < count; i++)
		if (slot_phase(&all[i]) == SLOT_FREE)
			mailbox_push(&slots->given, &all[i].head.mail);
}

struct slot *slots_take(struct slots *slots)
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
	slot->arrival = arrival;
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

void slot_list_add(struct slot_list *list, struct slot *slot)
{
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

void slot_list_move(struct slot_list *to, struct slot_list *from)
{
	struct slot *slot;

	while ((slot = slot_list_pop(from)))
		slot_list_add(to, slot);
}
