/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The slots are many and few of them wait, so those are collected first, in the order of their logs. */
#include "server/waits.h"

#include <stdlib.h>

static int by_log(const void *left, const void *right)
{
	const struct wait *a = left, *b = right;

	if (a->log_id != b->log_id)
		return a->log_id < b->log_id ? -1 : 1;
	return (a->since_ns > b->since_ns) - (a->since_ns < b->since_ns);
}

void waits_find(struct waits *waits, const struct slots *slots)
{
	waits->count = 0;
	waits->all = malloc(slots->count * sizeof(*waits->all));
	for (unsigned i = 0; waits->all && i < slots->count; i++) {
		struct wait *wait = &waits->all[waits->count];

		wait->log_id = slot_waits_for(&slots->all[i], &wait->since_ns);
		if (wait->log_id != 0)
			waits->count++;
	}
	if (waits->count > 0)
		qsort(waits->all, waits->count, sizeof(*waits->all), by_log);
}

void waits_free(struct waits *waits)
{
	free(waits->all);
	*waits = (struct waits){0};
}

/* The first of the log's, or where it would be. */
static unsigned first_wait(const struct waits *waits, uint64_t log_id)
{
	unsigned low = 0, high = waits->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (waits->all[middle].log_id < log_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

unsigned waits_of(const struct waits *waits, uint64_t log_id, int64_t *since_ns)
{
	unsigned first = first_wait(waits, log_id), end = first;

	while (end < waits->count && waits->all[end].log_id == log_id)
		end++;
	if (end > first)
		*since_ns = waits->all[first].since_ns;
	return end - first;
}
