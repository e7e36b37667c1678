/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which thread a crash was in: its mark is set before the process ends. */
#ifndef SERVER_BASE_CRASH_H
#define SERVER_BASE_CRASH_H

#include <stdatomic.h>
#include <stdint.h>

/* See signals that end the process for a fault of its own; those that somebody else sees (a
 * sanitizer) are left alone. A core dump would wait for all threads: there is none if lost() counts some that
 * wait in the kernel and may never come back. It is async-signal-safe. */
void crash_watch(unsigned (*lost)(void));

/* The calling thread's mark. */
void crash_mark(_Atomic uint32_t *mark);

#endif
