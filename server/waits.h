/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which requests wait for which log, at one moment, for who watches. The slots are any thread's to read; a struct waits
 * is its caller's.
 */
#ifndef SERVER_WAITS_H
#define SERVER_WAITS_H

#include "server/netlink/slot.h"

struct wait {
	uint64_t log_id;
	int64_t since_ns; /* clock_coarse() */
};

struct waits {
	struct wait *all; /* by log, oldest first */
	unsigned count;
};

/* None, if there is no memory. */
void waits_find(struct waits *waits, const struct slots *slots);

void waits_free(struct waits *waits);

/* How many wait for the log, the oldest since *since_ns. */
unsigned waits_of(const struct waits *waits, uint64_t log_id, int64_t *since_ns);

#endif
