/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of the daemon since its start. Relaxed atomics: any thread adds, any reads. */
#ifndef SERVER_BASE_STATS_H
#define SERVER_BASE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/* Request types, WIRE_TYPES: the wire is a layer above this one. work/receiver.c sees that they agree. */
#define STATS_REQUEST_TYPES 18u

enum stats_counter {
	STATS_DROPPED, /* datagrams not answered: malformed or from a stranger */
	STATS_REFUSED, /* requests answered with an error for their form */
	STATS_UNKNOWN_LOG, /* answered -ESRCH */
	STATS_SERVED_INLINE, /* by the receiver itself */
	STATS_EXPRESS, /* written by the receiver itself */
	STATS_LOG_WRITES, /* write operations to log devices */
	STATS_LOG_BYTES,
	STATS_PROBES, /* of them, for nobody: to see whether the device lives */
	STATS_LEG_FLUSHES, /* legs flushed before clears were written */
	STATS_CLEARS_WRITTEN,
	STATS_IO_ERRORS, /* failed operations on log devices or legs */
	STATS_OPEN_ERRORS, /* noted of a log (log/tally.h): its device cannot be had */
	STATS_READ_ERRORS, /* or read */
	STATS_WRITE_ERRORS, /* or written */
	STATS_LEG_FLUSH_ERRORS,
	STATS_RESYNC_WAKES, /* mirrors read, so that the kernel asks for resync work */
	STATS_REPLIES_LOST, /* replies that could not be sent */
	STATS_COUNTERS
};

struct stats {
	_Atomic uint64_t requests[STATS_REQUEST_TYPES]; /* the receiver's alone */
	_Alignas(64) _Atomic uint64_t counters[STATS_COUNTERS];
};

extern struct stats stats;
extern const char *const stats_names[STATS_COUNTERS];

static inline void stats_add(enum stats_counter counter, uint64_t n)
{
	atomic_fetch_add_explicit(&stats.counters[counter], n, memory_order_relaxed);
}

/* The receiver is the only writer of these: no locked instruction on the path of IN_SYNC. */
static inline void stats_count_request(unsigned type)
{
	uint64_t n = atomic_load_explicit(&stats.requests[type], memory_order_relaxed);

	atomic_store_explicit(&stats.requests[type], n + 1, memory_order_relaxed);
}

#endif
