/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes: a log whose marks need no write would not learn that its device is dead. The kernel's own log
 * writes at each of them; so one that is used is written now and then, though nothing has changed, by a
 * commit as any other. Called by the worker that executes the log.
 */
#ifndef SERVER_WORK_PROBE_H
#define SERVER_WORK_PROBE_H

#include "server/work/schedule.h"

/* The log is this worker's from now on. */
void probe_watch(const struct worker *worker, struct mirror_log *log);

/* The first use since it fell asleep. */
void probe_used(struct worker *worker, struct mirror_log *log);

/* Write a block if it is time to. */
void probe_check(struct worker *worker, struct mirror_log *log, int64_t now);

#endif
