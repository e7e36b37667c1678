/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror thread: what has to be asked of device-mapper about the mirrors that we serve.
 *
 * It reads tables only, which the kernel answers without asking us. What makes the kernel ask us is
 * done by a child process: a thread of ours that waits in the kernel for our own answer would, if
 * we are killed then, keep our sockets open, and no successor could start and answer it.
 */
#ifndef SERVER_LOG_MIRRORS_H
#define SERVER_LOG_MIRRORS_H

#include "server/log/leg_flusher.h"
#include "server/log/log.h"

enum mirror_job_kind {
	MIRROR_JOB_LEGS, /* find the legs; comes back to the log as MAIL_LEGS */
	MIRROR_JOB_SETTLE, /* after RESUME: make the kernel ask GET_SYNC_COUNT, see below */
	MIRROR_JOB_NUDGE, /* after a reconnect: make the kernel ask for resync work again */
	MIRROR_JOB_WAKE, /* have a block of the mirror read, see below */
	MIRROR_JOB_DEVICE, /* at a reconnect: find the log device; comes back through run_queue.found */
};

/* SETTLE: RESUME resets the kernel's in_sync_hint to 0, and a mirror that it knows to be in sync
 * asks neither for the count nor for work any more: a status query lets it learn the hint.
 * NUDGE: a mirror that was in sync when its log server died never asks for resync work. Only a
 * RESUME resets its hint, so the mirror is suspended and resumed; the child resumes it even if we
 * die meanwhile. It may find the mirror locked, suspended or with a dead leg, and leave it alone: so that is tried
 * again until the kernel has asked, each time later.
 * WAKE: the kernel's thread for the mirror runs, and asks for resync work (mirror_wake.h). */
struct mirror_job {
	struct log_mail head;
	struct mirror_job *next;
	struct mirror_log *log; /* a reference */
	enum mirror_job_kind kind;
	int64_t asked_ns, due_ns;
	unsigned tries; /* of a NUDGE, before this one */
	struct log_legs *legs; /* result of LEGS */
	bool found; /* result of DEVICE, with its numbers */
	uint32_t major, minor;
};

struct mirrors;

/* 0 or -errno. SIGCHLD must be ignored: nobody waits for the children. watched: its turns are the watchdog's to
 * see. */
int mirrors_start(struct mirrors **mirrors, struct estate_executor *watched);

/* End the threads; jobs that are not due are dropped. A thread that hangs in the kernel is left behind,
 * after two seconds, and touches no log any more. The workers' threads must have ended, their run queues
 * must still be there. */
void mirrors_stop(struct mirrors *mirrors);

/* Ask, not before delay_ns from now. Takes a reference on log until it is done. 0 or -ENOMEM. */
int mirrors_ask(struct mirrors *mirrors, struct mirror_log *log, enum mirror_job_kind kind,
		int64_t delay_ns);

/* Flush the legs of log (its clears.legs). Takes a reference on log, and comes back to it as
 * MAIL_LEGS_FLUSHED, whose receiver frees it (leg_flush_free) and drops the reference. NULL: no memory. By
 * the one executing it. */
struct leg_flush *mirrors_flush_legs(struct mirrors *mirrors, struct mirror_log *log);

/* Do not wait for a flush any longer: what it is, the caller must forget. It may be in the mail already. */
void mirrors_abandon_flush(struct mirrors *mirrors, struct leg_flush *flush);

/* What the children do: query the status of a device (major:minor), or suspend and resume it, if all is
 * well with it (mirror_cycle.h). Return an exit status. */
int mirrors_query_device(const char *major_minor);
int mirrors_cycle_device(const char *major_minor);

#endif
