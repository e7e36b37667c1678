/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Least privilege for one thread: seccomp(2), by libseccomp. Any thread. */
#ifndef SERVER_BASE_CONFINE_H
#define SERVER_BASE_CONFINE_H

/* From here on the calling thread can answer those who are connected, wait, take memory and give it back; all else
 * fails with EPERM: nothing is opened or executed, no ioctl, no signal but to its own process. What the process has open
 * it can write to still. 0 or -errno: it goes on as it was. */
int confine_to_answering(void);

#endif
