/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What work/life.c keeps in a log: what the kernel has told of it. The worker that executes the log;
 * state (in struct mirror_log) is read by any thread.
 *
 *            CTR done           RESUME             POSTSUSPEND
 *   OPENING ---------> CREATED -------> ACTIVE <-------------> SUSPENDED
 *      |   \              |               |  \ RESUME  RESUME      |
 *      |    \ taken over: as it was       |   (again)              |
 *      |     +----------> any of the three|                        |
 *      |                  |               | DTR, or an orphan      |
 *      | CTR failed       +-------------> CLOSING <----------------+
 *      v                                    | its I/O has ended
 *     DEAD <--------------------------------+
 */
#ifndef SERVER_LOG_LIFE_STATE_H
#define SERVER_LOG_LIFE_STATE_H

#include "server/netlink/slot.h"

enum log_state {
	LOG_OPENING, /* in the registry, its CTR is not answered yet */
	LOG_CREATED, /* CTR answered, never resumed */
	LOG_ACTIVE, /* resumed */
	LOG_SUSPENDED, /* after POSTSUSPEND */
	LOG_CLOSING, /* DTR, or an orphan: waits for its I/O */
	LOG_DEAD, /* answers as if it were unknown, until the receiver frees it */
};

/* What others do for a log, whose worker keeps it meanwhile (inbox.h). A CTR goes through the first three, as far
 * as it needs them; a predecessor's log is settled, and has its device opened. */
enum opening_phase {
	OPENING_NOTHING,
	OPENING_LOOKS, /* for a reconnect's device, in the mirror's table */
	OPENING_DEVICE, /* opener.h */
	OPENING_BITS, /* bits_job.h */
	OPENING_FILLS, /* the same, for the first RESUME of a core log */
	OPENING_SETTLES, /* the same, for a predecessor's log */
};

struct life_state {
	bool ever_resumed;
	bool nudged; /* mirrors.h: was asked for since the last reconnect */
	unsigned reconnects; /* reconnect CTRs whose RESUME has not come yet */
	int64_t presuspended_ns; /* of a suspension that is on its way; 0: none */
	enum log_state
		former_state; /* of a predecessor's log, until its worker has taken it over */
	uint64_t writer_id,
		writer_wrote; /* of a predecessor's log: which log wrote its device last */
	enum opening_phase opening;
	struct slot
		*asks; /* meanwhile: for what request; NULL: a predecessor's log is taken over */
	bool attained; /* what is waited for has come: a device, from the table or open, or bits */
	char device[24]; /* its number, from the mirror's table; "": not found */
	struct open_job *device_job; /* of OPENING_DEVICE */
	struct bits_job *bits_job; /* of OPENING_BITS, _FILLS and _SETTLES */
	bool unsettled; /* a predecessor's: mirror_log_settle */
	struct slot *closing; /* a DTR to answer when I/O has ended */
	struct slot *resuming; /* a RESUME that waits for earlier writes to end */
};

#endif
