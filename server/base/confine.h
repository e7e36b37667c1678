/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Least privilege for one thread: seccomp(2), by libseccomp. What is not allowed fails with EPERM; threads that a confined
 * one begins have its filter. */
#ifndef SERVER_BASE_CONFINE_H
#define SERVER_BASE_CONFINE_H

/* Once in a process, before its other threads: it takes half a millisecond, and what is below takes none. 0 or -errno. */
int confine_prepare(void);

/* The others: of the calling thread. 0, or -errno: it goes on as it was.
 * From here on the calling thread can answer those who are connected, wait, take memory and give it back: nothing is
 * opened or executed, no ioctl, no signal but to its own process. What the process has open it can write to still. */
int confine_to_answering(void);

/* Besides: open devices and files, do I/O on them, and begin threads. It executes nothing, makes no process, no socket and
 * no ring, takes no descriptor of another process, and removes, renames and mounts nothing. */
int confine_to_serving(void);

#endif
