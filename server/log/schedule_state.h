/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What work/schedule.c and work/worker.c keep in a log: when its worker comes to it, and with what. The
 * worker's alone, also while the receiver holds the log; but whether a deadline runs is read by the
 * receiver too, while it holds the log. */
#ifndef SERVER_LOG_SCHEDULE_STATE_H
#define SERVER_LOG_SCHEDULE_STATE_H

#include <stdint.h>

#include "server/base/list.h"
#include "server/netlink/slot.h"

struct log_io;

struct deadline {
	int64_t at_ns; /* clock_coarse() */
	struct list_node node; /* on a list of the worker's while it runs */
};

static inline bool deadline_runs(const struct deadline *deadline)
{
	return list_node_listed(&deadline->node);
}

struct schedule_state {
	struct deadline age; /* of lazy clears */
	struct deadline drain; /* of a POSTSUSPEND that waits for lazy clears */
	struct deadline
		patience; /* of a mirror that is to be suspended or removed, with the log device */
	struct deadline retry; /* of a commit that failed, or whose device is not ours yet */
	struct deadline probe; /* of a log device that has not been written for long */
	struct deadline
		rewrite; /* of what a former owner of the log device may have written over */
	struct deadline second_look; /* at a device that could not be read */
	struct deadline pace; /* of resync work that was held back */
	struct list_node starved; /* waits for a log_io */
	struct list_node all; /* of the worker's logs */
	struct log_io *completed; /* oldest first, until the log may be executed */
	struct mail *unread; /* taken from the inbox, not handled yet */
	struct log_mail attend_mail; /* the worker's, to itself */
	bool attend_posted; /* it is in the inbox, or unread */
	bool probe_due; /* its deadline has come */
	bool rewrite_due; /* likewise */
	bool fed; /* there is a log_io that it has waited for */
#ifndef NDEBUG
	_Atomic bool queued; /* on the run queue: there exactly once */
#endif
};

#endif
