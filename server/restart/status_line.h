/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one line that `systemctl status` shows of a service: what is wrong, and how many logs are served. The
 * supervisor's.
 *
 *   serves 12 logs: 1 failed, 2 resyncing; server 3
 *   thread worker-1 hangs at request ctr of log LVM-one; serves 12 logs; server 3
 */
#ifndef SERVER_RESTART_STATUS_LINE_H
#define SERVER_RESTART_STATUS_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/restart/estate.h"
#include "server/restart/notify.h"

#define STATUS_LINE_BYTES 640

struct status_line {
	const char *fault; /* of the start, which lasts; NULL: none */
	bool kernel_seen; /* transport_kernel_is_there, once it was */
	char hang[320]; /* what the server hangs at, "": it does not */
	char told[STATUS_LINE_BYTES]; /* last */
	int64_t told_ns;
};

/* Tell it, if it has changed and the last one is a second old. Nothing before a server is ready. */
void status_line_tell(struct status_line *line, const struct notify *notify,
		      const struct estate_fixed *fixed);

#endif
