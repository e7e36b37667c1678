/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a file system stands on, through all layers of block devices: /sys/dev/block/MAJOR:MINOR/slaves.
 */
#ifndef SERVER_CTL_BENEATH_H
#define SERVER_CTL_BENEATH_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* Whether above is that device, or stands on it. sys: /sys, but for tests. */
bool beneath_device(const char *sys, dev_t above, dev_t device);

/* Whether the file system that is mounted there stands on the device. One that is mounted from no device, or not
 * there, stands on none. mountinfo: /proc/self/mountinfo, but for tests. */
bool beneath_mount(const char *mountinfo, const char *directory, dev_t device);

/* Whether a line of mountinfo (proc(5)) is of what is mounted there; and of it the number, MAJOR:MINOR, and the source, as it
 * is written there: "" if it has none. Pure. */
bool beneath_is_mount(const char *line, const char *directory, unsigned number[2],
		      char source[PATH_MAX]);

/* Whether / or /usr does: what dirtylogd is started from. */
bool beneath_root(dev_t device);

#endif
