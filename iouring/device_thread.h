/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that wait for devices in the kernel.
 *
 * No signal ends a wait for a device that hangs, so a killed process cannot go before its threads come
 * back. What such a thread shares with the others would stay with it: the open files above all, and with
 * them the locks of all log devices, which a successor waits for (log_device_claim). So it has a file table
 * of its own, with nothing in it but what it needs; and the supervisor waits for nobody who is lost in the
 * kernel (process_state.h).
 *
 * Each call is for the thread that it speaks of, but for device_thread_start, _limit_by, _needs, _needs_not and
 * _waiting, which are for any.
 */
#ifndef IOURING_DEVICE_THREAD_H
#define IOURING_DEVICE_THREAD_H

#include <stdbool.h>

/* Such threads use this descriptor (an eventfd, to tell that they are done). Before they begin. */
void device_thread_needs(int fd);
void device_thread_needs_not(int fd);

/* What each thread does first that is begun from now on (a filter of system calls, say), and that those which it
 * begins inherit. NULL: nothing. Before the first is started. */
void device_thread_limit_by(void (*limit)(void));

/* Start one, detached, since nobody can wait for its end, with a small stack, which is locked memory. 0 or
 * -errno. Any thread. */
int device_thread_start(void *(*body)(void *), void *argument);

/* From here on the calling thread has a file table of its own: stdin, stdout, stderr, what is needed, and
 * what it opens itself. False: the kernel refuses, and it shares the process's as before. Once is enough. */
bool device_thread_begin(void);

/* A descriptor of the process, open in the calling thread's own table until it is given back. -errno if
 * it cannot be had. The same number if the thread has no table of its own. */
int device_thread_borrow(int fd);
void device_thread_give_back(int borrowed);

/* Whether the kernel lets threads borrow (pidfd_getfd(2): Linux 5.6; some sandboxes forbid it). Of one that
 * shares the process's table. */
bool device_thread_can_borrow(int fd);

/* Around what may never come back. */
void device_thread_enters(void);
void device_thread_leaves(void);

/* How many are between the two. Async-signal-safe. */
unsigned device_thread_waiting(void);

#endif
