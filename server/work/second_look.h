/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mirror that reconnects and whose log device cannot be read goes on with nothing in sync: it writes one leg alone,
 * marks nothing, and what stands on the device says that its legs are the same. Whoever reads that at the next boot
 * would believe it. So the device is looked at again, each few seconds, and as soon as there is our log on it, it is
 * written: nothing is in sync. The log stays a failed one. second_look_state.h draws it. Called by the worker that
 * executes the log.
 */
#ifndef SERVER_WORK_SECOND_LOOK_H
#define SERVER_WORK_SECOND_LOOK_H

#include "server/work/schedule.h"

/* Look again, if that is wanted: from now on, of a log that has just been given up, or that was a predecessor's. */
void second_look_watch(struct worker *worker, struct mirror_log *log);

/* Look, or write, if it is time to. */
void second_look_check(struct worker *worker, struct mirror_log *log, int64_t now);

/* It is to be suspended, resumed or ended, which must not wait for this device. */
void second_look_yield(struct worker *worker, struct mirror_log *log);

/* It is suspended, and slot, its POSTSUSPEND, waits for a last look, two seconds at most: whoever reads the device next
 * would believe what stands there. False: no look is wanted. */
bool second_look_is_last(struct worker *worker, struct mirror_log *log, struct slot *slot);

/* None is wanted any more: the device is read anyway, or is another's. */
void second_look_forget(struct mirror_log *log);

#endif
