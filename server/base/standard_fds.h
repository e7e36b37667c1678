/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors 0 to 2, which whoever starts a program may have closed. The first thing that a program does. */
#ifndef SERVER_BASE_STANDARD_FDS_H
#define SERVER_BASE_STANDARD_FDS_H

/* Open those that are closed, on nothing. Else what is opened next is one of them, a log device or the lock,
 * and takes what is meant for a terminal, or is closed for daemon(3). */
void standard_fds_open(void);

#endif
