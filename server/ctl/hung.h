/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mirror that is suspended above a device that hangs stays suspended for as long: its writes are waited for before, and
 * its log is read behind it. So each is asked before. Any thread.
 */
#ifndef SERVER_CTL_HUNG_H
#define SERVER_CTL_HUNG_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* Into path: a device directly beneath this one that does not answer a read within 2 s. False: all do; an error is an
 * answer. Each is read by a child, which may outlive us. */
bool hung_beneath(dev_t device, char path[PATH_MAX]);

#endif
