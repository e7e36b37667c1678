/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is counted and noted of one log for those who watch it. Written by the one executing the log, and never
 * on the way of an IN_SYNC; read by any thread, each value a moment old. It ends with the server.
 */
#ifndef SERVER_LOG_TALLY_H
#define SERVER_LOG_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum tally_place { TALLY_NOWHERE, TALLY_OPEN, TALLY_READ, TALLY_WRITE, TALLY_LEG_FLUSH };

struct tally {
	_Atomic uint64_t changes; /* requests: MARK, CLEAR, FLUSH, SET_REGION_SYNC */
	_Atomic uint64_t recovered; /* regions, each time */
	_Atomic uint64_t recovering; /* the region handed out, + 1; 0: none */
	_Atomic uint64_t commits; /* that have ended, well or not */
	_Atomic int64_t commits_ns; /* how long they took together */
	_Atomic bool backs_off; /* a write has failed, and is to be tried again */
	_Atomic uint64_t last_error; /* seconds since 1970 << 24 | enum tally_place << 16 | errno */
	_Atomic uint64_t rate_milli; /* regions recovered in 1,000 s, over the last whole window */
	_Atomic int64_t rated_ns; /* when that ended, clock_coarse() */
	int64_t window_ns; /* the one that runs, and what was recovered before it: the executor's */
	uint64_t window_recovered;
};

struct tally_error {
	enum tally_place place;
	int error; /* positive errno */
	int64_t time; /* seconds since 1970 */
};

/* The executor alone adds: no locked instruction. */
static inline void tally_add(_Atomic uint64_t *count)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static inline uint64_t tally_read(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

/* A region was handed out for recovery. */
static inline void tally_recovering(struct tally *tally, uint64_t region)
{
	atomic_store_explicit(&tally->recovering, region + 1, memory_order_relaxed);
}

/* Its recovery has ended, well or not. now_ns: clock_coarse(). */
void tally_recovery_ended(struct tally *tally, bool recovered, int64_t now_ns);

/* A commit has ended that began at began_ns. */
void tally_commit_ended(struct tally *tally, int64_t began_ns, int64_t now_ns);

/* error: -errno. */
void tally_failed(struct tally *tally, enum tally_place place, int error);

/* False: none yet. Any thread. */
bool tally_last_error(const struct tally *tally, struct tally_error *error);

/* Regions recovered in a second; 0 if none was for long. Any thread. */
double tally_resync_rate(const struct tally *tally, int64_t now_ns);

#endif
