/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What work/probe.c keeps in a log. The one executing it: answer.c notes each use, log_write.c each write.
 *
 *            a mark that needs no write (MAIL_USED)          not written for probe_ns
 *   [asleep] --------------------------------------> [counts] ------------------------> [asleep], on
 *       ^                                             |    ^ written since, and used again
 *       |            not used since the last write    |    |
 *       +---------------------------------------------+----+
 */
#ifndef SERVER_LOG_PROBE_STATE_H
#define SERVER_LOG_PROBE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/netlink/slot.h"

struct probe_state {
	uint64_t
		region; /* marked last, since the last write, without one; DIRTY_LOG_NO_REGION: none was */
	bool asleep; /* the worker wants to hear of the next use */
	bool on; /* a block is written for nobody, but as if somebody waited */
	struct log_mail mail; /* to the worker: used */
};

#endif
