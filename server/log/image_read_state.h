/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What work/image_read.c keeps in a log: an image being read, block after block, until the bits are
 * taken from it. The worker that executes the log, which keeps it meanwhile (inbox.h).
 *
 *                start            the last block, or it fails for too long
 *   [NOT_READING] ---> [READING] ------------------------------> [NOT_READING]
 *                       |     ^
 *     no buffer, or the v     | executed again
 *     device not ours  [STALLED]
 *     yet, or an error
 */
#ifndef SERVER_LOG_IMAGE_READ_STATE_H
#define SERVER_LOG_IMAGE_READ_STATE_H

#include "server/netlink/slot.h"

enum image_read_phase {
	IMAGE_NOT_READING,
	IMAGE_READING, /* an operation is on its way */
	IMAGE_STALLED, /* none is: image_read_continue when the log is executed again */
};

struct image_read_state {
	enum image_read_phase phase;
	int64_t began_ns;
	struct slot *slot; /* the RESUME or CTR to be answered */
	uint64_t next; /* block */
	uint64_t valid; /* regions that the header covers */
	bool distrusted; /* it is a log, and tells nothing of this mirror: nor does `nosync` */
	int64_t failing_since_ns; /* the first failure of the block that is tried again, 0: none */
	int64_t retry_wait_ns, not_before_ns;
	bool reconnect; /* slot is a CTR: nothing is written back */
};

#endif
