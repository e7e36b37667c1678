/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror thread: what has to be asked of device-mapper about the mirrors that we serve. It
 * serves no request itself, so it may wait for the kernel while the kernel waits for us.
 *
 * A mirror is found by the uuid of its log in the tables that device-mapper lists; that is
 * answered without asking the log server.
 */
#ifndef SERVER_MIRRORS_H
#define SERVER_MIRRORS_H

#include "server/log.h"

enum mirror_job_kind {
	MIRROR_JOB_LEGS, /* find and open the legs; comes back to the log as MAIL_LEGS */
	MIRROR_JOB_SETTLE, /* after RESUME: make the kernel ask GET_SYNC_COUNT, see below */
	MIRROR_JOB_NUDGE, /* after a reconnect: make the kernel ask for resync work again */
};

/* SETTLE: RESUME resets the kernel's in_sync_hint to 0, and a mirror that it knows to be in sync
 * asks neither for the count nor for work any more: a status query lets it learn the hint.
 * NUDGE: a mirror that was in sync when its log server died never asks for resync work. Only a
 * RESUME resets its hint, so the mirror is suspended and resumed, by a process of its own that
 * outlives us (mirrors_settle_device). */
struct mirror_job {
	struct log_mail head;
	struct mirror_job *next;
	struct mirror_log *log; /* a reference */
	enum mirror_job_kind kind;
	int64_t due_ns;
	struct log_legs *legs; /* result of LEGS */
};

struct mirrors;

/* 0 or -errno. */
int mirrors_start(struct mirrors **mirrors);
void mirrors_stop(struct mirrors *mirrors);

/* Ask, not before delay_ns from now. Takes a reference on log until it is done. 0 or -ENOMEM. */
int mirrors_ask(struct mirrors *mirrors, struct mirror_log *log, enum mirror_job_kind kind,
		int64_t delay_ns);

/* Suspend and resume the device, unless it is suspended or another table waits for it. For the
 * child process of NUDGE. Returns an exit status. */
int mirrors_settle_device(const char *major_minor);

/* Where the mirror with this log uuid is named in a table line's parameters: its legs as
 * major:minor. Returns how many (at most max), 0 if the line is not its mirror. */
unsigned mirrors_parse_table(const char *params, const char *uuid, uint32_t (*legs)[2],
			     unsigned max);

#endif
