/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What log/log_write.c, work/commit.c and work/express.c keep in a log: its changed blocks on their way
 * to the device, one commit at a time. The one executing the log; he stays the same while one runs.
 *
 *             log_write_start              all written
 *   [nothing] --------------> [in flight] -------------> [nothing]    those in running are answered
 *       ^                          |  an error
 *       |  retry deadline          v
 *       +------------------- [backs off]  (sched.retry runs, those who waited wait on)
 *
 * Trouble, beside it:
 *
 *               a write failed              retry_limit_ns                another version on it
 *   LOG_SOUND ------------------> retry_since_ns != 0 -----> LOG_FAILED      LOG_UNUSABLE
 *       ^                                 |                                  never written
 *       +---------------------------------+
 *       a write of all changed blocks succeeded
 *
 * A log that has failed stays so until a CTR makes another: once the kernel has heard of an error it holds
 * all writes of the mirror until its table is replaced (log_failure in drivers/md/dm-raid1.c), whatever
 * the device does later; so that is what status has to say.
 */
#ifndef SERVER_LOG_COMMIT_STATE_H
#define SERVER_LOG_COMMIT_STATE_H

#include <stdint.h>

#include "server/netlink/slot.h"

struct executor;

enum log_health {
	LOG_SOUND,
	LOG_FAILED, /* the kernel was told, or the image could not be read */
	LOG_UNUSABLE, /* failed, since the image is of another version: never written */
};

struct commit_state {
	struct slot_list waiters; /* for the next commit */
	struct slot_list running; /* for the one in flight */
	unsigned in_flight; /* writes of it */
	const struct executor *writer; /* who submitted them */
	int64_t began_ns; /* when they were submitted */
	int error; /* of one of them, 0 or -errno */
	bool partial; /* buffers ran out, or the header is left: blocks wait for the next commit */
	int64_t retry_since_ns; /* first failure of those that are tried again, 0: none */
	int64_t retry_wait_ns;
	int64_t claim_wait_ns; /* between looks whether the dead have ended their writes, 0: they have */
	_Atomic int health; /* enum log_health; read by control */
};

#endif
