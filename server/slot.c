/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Request slots. */
#include "server/slot.h"

#include <errno.h>
#include <stdlib.h>

int slots_create(struct slots *slots, unsigned count)
{
	*slots = (struct slots){.count = count};
	slots->all = calloc(count, sizeof(*slots->all));
	if (!slots->all)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++)
		slots_give(slots, &slots->all[i]);
	return 0;
}

void slots_destroy(struct slots *slots)
{
	free(slots->all);
	slots->all = NULL;
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
	mailbox_push(&slots->given, &slot->head.mail);
}
