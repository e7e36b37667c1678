/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Least privilege for one thread: seccomp(2), by libseccomp. Threads that it begins inherit what it has. Any thread; 0 or
 * -errno, and then it goes on as it was. What is not allowed fails with EPERM. */
#ifndef SERVER_BASE_CONFINE_H
#define SERVER_BASE_CONFINE_H

/* From here on the calling thread can answer those who are connected, wait, take memory and give it back: nothing is
 * opened or executed, no ioctl, no signal but to its own process. What the process has open it can write to still. */
int confine_to_answering(void);

/* Besides: open devices and files, do I/O on them, and begin threads. It executes nothing, makes no process, no socket and
 * no ring, takes no descriptor of another process, and removes, renames and mounts nothing. */
int confine_to_serving(void);

#endif
