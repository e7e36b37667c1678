/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places in the program where a test can have the serving process killed, to see that its successor
 * goes on from there. $DIRTYLOGD_KILL_AT says where: NAME, or NAME:N to pass it N times before, and
 * then `!` behind it to crash there each time (SIGABRT), `~` to hang there once, `~!` to hang there each
 * time. A second place may follow behind a comma. Not in release builds.
 */
#ifndef SERVER_BASE_KILL_POINT_H
#define SERVER_BASE_KILL_POINT_H

#ifdef DIRTYLOG_KILL_POINTS

/* Before the first fork: the count outlives who is killed. */
void kill_point_arm(void);
void kill_point(const char *name);

#else

static inline void kill_point_arm(void)
{
}

static inline void kill_point(const char *name)
{
}

#endif
#endif
