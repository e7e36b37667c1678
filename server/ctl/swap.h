/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One mirror's table from the kernel's log to ours, or back, while I/O runs. The main thread's, of a process that
 * has no other; nothing of it may lie on the mirror that it suspends, but for what is in memory.
 *
 * The mirror is suspended for some milliseconds, without flush, by server/log/mirror_cycle.h: under LVM's lock, and
 * not if a leg or the log is not alive. A child stands by: if we are killed then, it takes the new table away and
 * resumes the mirror.
 */
#ifndef SERVER_CTL_SWAP_H
#define SERVER_CTL_SWAP_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/dm-ioctl.h>

struct ctl_mirror {
	char name[DM_NAME_LEN], uuid[DM_UUID_LEN]; /* device-mapper's */
	uint32_t major, minor;
	unsigned kernels, ours; /* mirror targets of its live table with such logs */
	unsigned fronted; /* of ours, with a log in front (kernel/) */
};

enum swap_result {
	SWAP_DONE,
	SWAP_NOTHING, /* it has the log that is wanted */
	SWAP_LATER, /* somebody else is at it: another try may do better */
	SWAP_REFUSED, /* it is as it was, and why says so */
	SWAP_BAD, /* it may be suspended still */
};

/* Find out which logs the device's live table has; and learn its name and uuid. False: there is no such device,
 * or no mirror in it. */
bool swap_look(struct ctl_mirror *mirror);

/* The uuid of the first log of ours in its table. False: it has none. */
bool swap_log_uuid(const struct ctl_mirror *mirror, char uuid[DM_UUID_LEN]);

/* Give it our log, with one in front of it or without, or the kernel's. *why: static. */
enum swap_result swap_adopt(const struct ctl_mirror *mirror, bool front, const char **why);
enum swap_result swap_release(const struct ctl_mirror *mirror, const char **why);

/* Give it its log anew: first one that takes all regions for out of sync (begin); and behind that one that is told
 * nothing, so that they are not taken so again with the next table. */
enum swap_result swap_resync(const struct ctl_mirror *mirror, bool begin, const char **why);

#endif
