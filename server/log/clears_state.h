/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What work/clears.c keeps in a log: lazy clears, and the flush of the legs before they are written. The
 * worker that executes the log; phase is read by the receiver too, while it holds the log.
 *
 *                 due, legs known                      flushed
 *   [COUNTING] --------------------> [FLUSHING_LEGS] ----------> [COUNTING]
 *    |      ^                          |        |
 *    | due, |                          | not    | a leg's
 *    | legs | the deadline             | begun  | flush failed, or was given up
 *    | not  | has come                 |        v
 *    v known|                          |    [SPOILT] ----> [COUNTING]
 *   [PAUSED] <-------------------------+          RESUME, or the image read
 *
 * A server that dies in FLUSHING_LEGS leaves SPOILT behind.
 */
#ifndef SERVER_LOG_CLEARS_STATE_H
#define SERVER_LOG_CLEARS_STATE_H

#include "server/log/legs.h"
#include "server/netlink/slot.h"

struct leg_flush;

enum clears_phase {
	CLEARS_COUNTING, /* the delay runs; too many lazy regions end it early */
	CLEARS_PAUSED, /* the legs cannot be flushed now: not before the deadline, however many are lazy */
	CLEARS_FLUSHING_LEGS, /* no lazy region ages meanwhile, and no deadline runs */
	/* What a leg's cache had lost when its flush failed, no later flush can tell: nothing becomes clean
	 * on the log device any more. As the kernel's own log has it (flush_failed in dm-log.c). */
	CLEARS_SPOILT,
};

struct clears_state {
	enum clears_phase phase;
	struct slot_list draining; /* POSTSUSPENDs: wait until lazy clears are written */
	struct log_legs *legs; /* NULL: not known */
	bool legs_asked; /* a MIRROR_JOB_LEGS is on its way */
	bool legs_stale; /* what it finds may be of before the last RESUME */
	struct leg_flush *leg_flush; /* in flight; mail of any other was given up */
	/* A predecessor died while it flushed the legs, and nobody knows how that ended: spoilt, until its
	 * mirror, which works, is suspended and resumed. */
	bool interrupted;
	bool legs_answered; /* then: they have, and what a predecessor left to be written comes first */
	bool heals; /* the legs have answered since, and RESUME is all that is wanted: until then */
	int leg_error; /* of the last one, 0 or -errno */
};

#endif
