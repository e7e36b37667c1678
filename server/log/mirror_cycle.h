/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Suspending and resuming a mirror, as its owner would, perhaps with another table: the work of a process that
 * serves no log (mirrors.h, server/ctl/swap.h).
 *
 * Not if a leg or the log is not alive, since writes can be held then, for the repair to let go of; not
 * if somebody else is at it. An LVM device is looked at and cycled under its volume group's lock, any other under one of
 * ours. The
 * suspend is one without flush: dm-mirror ends held writes with an error otherwise.
 *
 * A resume puts an inactive table into place. One that has come between our suspend and our resume is
 * its owner's: he has the time to resume it himself. Then we do, since a mirror that stays suspended is
 * worse; he has loaded it to be used.
 */
#ifndef SERVER_LOG_MIRROR_CYCLE_H
#define SERVER_LOG_MIRROR_CYCLE_H

#include <stdbool.h>
#include <linux/dm-ioctl.h>

#define CYCLE_PAUSE_MSEC 100
#define CYCLE_LOCK_TRIES 50u /* pauses: for LVM's lock */
#define CYCLE_OWNER_TRIES 100u /* for the owner of a table that has come between */
#define CYCLE_RESUME_TRIES 50u

struct cycle_look {
	bool exists;
	bool live_table, inactive_table, suspended;
	char name[DM_NAME_LEN], uuid[DM_UUID_LEN];
};

/* What is done to the device. The mirror may be suspended while look, resume and pause are called:
 * nothing that they use may lie on it. 0 or -errno. */
struct cycle_ops {
	int (*look)(struct cycle_look *look);
	bool (*all_alive)(void);
	/* One try; held until the process ends. Of a device that is not LVM's the device's own. */
	int (*lock_vg)(const char *vg);
	int (*lock_device)(const char *name);
	int (*brace)(void); /* from here on nothing of ours is paged out, or interrupted */
	int (*suspend)(void);
	int (*resume)(void);
	void (*pause)(void);
	/* Another table, or NULL: load it; see to it that it still fits, once nothing changes any more (a
	 * failure resumes the mirror with the table that it had); take it away again. */
	int (*load)(void);
	int (*review)(void);
	void (*unload)(void);
};

enum cycle_outcome {
	CYCLE_DONE,
	CYCLE_LEFT_TO_OWNER, /* a table had come between, and its owner has resumed it */
	CYCLE_FOR_OWNER, /* a table had come between, and we had to resume it */
	CYCLE_NOT_FREE, /* from here on: not touched */
	CYCLE_NOT_ALIVE,
	CYCLE_NOT_LOCKED,
	CYCLE_NOT_LOADED,
	CYCLE_NOT_BRACED,
	CYCLE_NOT_SUSPENDED,
	CYCLE_NOT_FIT, /* suspended, and resumed with the table that it had */
	CYCLE_NOT_RESUMED, /* suspended still */
};

enum cycle_outcome mirror_cycle(const struct cycle_ops *ops);

/* For the log. */
const char *cycle_outcome_text(enum cycle_outcome outcome);

#endif
