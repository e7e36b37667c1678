/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What work/pace.c and answer.c keep in a log: how fast its mirror is resynced. The one executing it, but for what
 * is atomic, which any thread reads.
 *
 *            GET_RESYNC_WORK, and the rate forbids it (MAIL_OWED)
 *   [asks] -------------------------------------------------------> [owed] --+ when it may go on: the mirror
 *      ^                                                              | ^    | is read, so that the kernel asks
 *      |             GET_RESYNC_WORK, and a region is handed out      | +----+
 *      +--------------------------------------------------------------+
 */
#ifndef SERVER_LOG_PACE_STATE_H
#define SERVER_LOG_PACE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/log/mirror_wake.h"
#include "server/netlink/slot.h"

/* What a client of the control socket wants of a log. */
#define PACE_PAUSE 1u
#define PACE_CONTINUE 2u

struct pace_state {
	_Atomic bool paused; /* nothing is handed out */
	/* The kernel was told that there is no work, which it takes for the end: it asks again when the mirror is
	 * read or written, or resumed. */
	bool owed;
	uint64_t rate; /* of the last reckoning: bytes in a second, 0: no limit */
	int64_t paid_ns; /* the rate has earned what was handed out, clock_coarse() */
	_Atomic uint64_t
		offset; /* sectors: where to read the mirror, in a region that is out of sync */
	struct wake_place place; /* of the mirror, if that is known: the mirrors thread's */
	bool place_known;
	_Atomic unsigned orders; /* PACE_*, not carried out yet */
	struct log_mail owed_mail, order_mail; /* to the worker */
};

/* Resync goes on in steps that take so long, and a mirror is read once in each. */
#define PACE_STEP_NS (500 * NSEC_PER_MSEC)

#endif
