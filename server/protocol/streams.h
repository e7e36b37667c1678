/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams of writes among the marks of one log: regions that are marked one after the other, upwards or downwards, some
 * streams at a time. Pure; the owner's of the log.
 */
#ifndef SERVER_PROTOCOL_STREAMS_H
#define SERVER_PROTOCOL_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#define STREAMS 4u /* of a log; the one that has rested longest makes room for another */

struct stream {
	uint64_t last; /* region marked last */
	uint64_t used; /* when: streams.clock; 0: there is none */
	int8_t step; /* 1 upwards, -1 downwards, 0: it has begun */
	unsigned ahead; /* what was marked ahead of it last */
};

struct streams {
	struct stream all[STREAMS];
	uint64_t clock;
};

/* A region that was clean was marked; written: which costs a write of the log. Returns how many of the regions behind
 * it (region + *step and so on) to mark with it: 1 when its stream has gone on, twice as many each time, max at most;
 * 0 for one that stands alone, or is not written. */
unsigned streams_follow(struct streams *streams, uint64_t region, bool written, unsigned max,
			int *step);

#endif
