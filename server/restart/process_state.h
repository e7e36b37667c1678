/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that were killed and cannot go, since a thread of theirs waits in the kernel: proc(5). Nothing
 * here allocates. */
#ifndef SERVER_RESTART_PROCESS_STATE_H
#define SERVER_RESTART_PROCESS_STATE_H

#include <stdbool.h>
#include <sys/types.h>

/* The letter of proc(5): 'R' runs, 'D' waits in the kernel and hears no signal, 'Z' has ended. '\0': there
 * is no such thread. */
char process_thread_state(pid_t process, pid_t thread);

/* Whether a child that cannot be reaped yet has ended for all that matters: its first thread has, and with
 * it all others are told to; and those that are left wait in the kernel, from where they will not come
 * back to its program. *status is as of wait(2). Only for a program whose first thread ends with it. */
bool process_is_lost(pid_t process, int *status);

#endif
