/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long requests took until their replies were about to be sent, by type: of all that waited, to a few milliseconds; and to less
 * than a microsecond of one in REPLY_TIMES_SAMPLE, whatever it is. An IN_SYNC that is not the one pays for a
 * division. The counting is done by the thread that sends the replies, any thread reads.
 */
#ifndef SERVER_NETLINK_REPLY_TIMES_H
#define SERVER_NETLINK_REPLY_TIMES_H

#include <stdbool.h>

#include "server/base/buckets.h"
#include "server/protocol/wire.h"

/* A prime number: mirrors ask in patterns of two and four, of which another would see always the same. */
#define REPLY_TIMES_SAMPLE 1031u

struct reply_times {
	_Alignas(64) struct buckets sampled[WIRE_TYPES];
	struct buckets waited[WIRE_TYPES];
};

extern const struct bucket_scale reply_times_sampled, reply_times_waited;

static inline bool reply_times_is_sampled(uint64_t arrival)
{
	return arrival % REPLY_TIMES_SAMPLE == 0;
}

#endif
