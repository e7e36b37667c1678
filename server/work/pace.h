/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast a mirror is resynced: not at all while it is paused, else no faster than the setting resync_rate. All
 * calls are of the log's worker, executing it, but for pace_order and pace_is_obeyed.
 */
#ifndef SERVER_WORK_PACE_H
#define SERVER_WORK_PACE_H

#include "server/work/schedule.h"

/* Pause or continue (PACE_*), soon. Any thread that holds a reference. */
void pace_order(struct mirror_log *log, unsigned order);
bool pace_is_obeyed(const struct mirror_log *log); /* any thread: and a successor will know */
void pace_ordered(struct worker *worker, struct mirror_log *log);

/* The kernel was told that there is no work (MAIL_OWED). */
void pace_owed(struct worker *worker, struct mirror_log *log);

/* A predecessor's log, after its state is known. */
void pace_take_over(struct worker *worker, struct mirror_log *log);

/* The kernel asks anew behind a RESUME, and not at all while the mirror is suspended. */
void pace_restarts(struct mirror_log *log);

/* Do what is due. */
void pace_check(struct worker *worker, struct mirror_log *log, int64_t now);

#endif
