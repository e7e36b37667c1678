/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flushes of legs, on threads of their own: a leg that hangs takes one thread, and holds up nobody
 * else's. (io_uring has a few workers for all fsyncs of a ring, and hung ones would fill them.)
 *
 * A device is flushed once at a time. Who asks meanwhile waits for the next flush of it, which is one
 * for all who wait. There are LEG_FLUSHER_THREADS threads at most; while all of them hang, flushes
 * that have not begun fail with -EAGAIN.
 *
 * Any thread, but leg_flusher_stop: nobody may call anything together with it.
 */
#ifndef SERVER_LOG_LEG_FLUSHER_H
#define SERVER_LOG_LEG_FLUSHER_H

#include <errno.h>

#include "server/base/clock.h"
#include "server/base/list.h"
#include "server/log/legs.h"
#include "server/netlink/slot.h"

#define LEG_FLUSHER_THREADS 512u /* a storage array that dies has very many legs */
#define LEG_FLUSHER_HANGS_NS (5 * NSEC_PER_SEC) /* a flush that has taken so long */

struct leg_flush;
struct leg_flusher;
struct mirror_log;

/* A leg of a flush: waits for its device, or for the flush of it that has begun. */
struct leg_wait {
	struct list_node node;
	struct leg_flush *flush;
	struct log_leg leg;
};

/* A flush of all legs of a log. Its memory is whose the flush is: the caller's until submit, the
 * flusher's until done or abandon. */
struct leg_flush {
	/* The caller's. */
	struct log_mail head; /* for done to post */
	struct mirror_log *log;
	/* All legs have been flushed, or error (-errno) is of one of them: of one whose flush failed rather
	 * than of one that was not tried; the caller's again. Called with
	 * the flusher's lock held, by a thread of it, or before submit returns. */
	void (*done)(struct leg_flush *flush);
	int error;
	/* The flusher's. */
	bool ended, abandoned;
	unsigned left; /* legs that are not through */
	unsigned count;
	struct leg_wait waits[];
};

/* Flush the volatile cache of a device, however long it takes: 0 or -errno. */
typedef int leg_flusher_call(struct log_leg leg);

/* Opens it by number, fsyncs and closes it: the one for use. */
int leg_flusher_fsync(struct log_leg leg);

/* 0 or -errno. */
int leg_flusher_start(struct leg_flusher **flusher, leg_flusher_call *call);

/* No done is called from here on; flushes that it would have been called for are freed. Takes 200 ms at
 * most: threads that hang are left behind with the memory that they use. */
void leg_flusher_stop(struct leg_flusher *flusher);

/* Make one, for submit; free one that is the caller's. NULL: no memory. */
struct leg_flush *leg_flush_make(const struct log_legs *legs);
void leg_flush_free(struct leg_flush *flush);

/* An error for want of memory or threads: the leg was not asked, and nothing can be lost by it. */
static inline bool leg_flush_was_not_tried(int error)
{
	return error == -ENOMEM || error == -EAGAIN;
}

void leg_flusher_submit(struct leg_flusher *flusher, struct leg_flush *flush);

/* The caller waits no longer. True: done is not called any more, and the flush is freed when its devices
 * let go of it. False: done has been called. */
bool leg_flusher_abandon(struct leg_flusher *flusher, struct leg_flush *flush);

#endif
