/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a kernel's `disk` log may have written over dirtylogd's, as its table was taken apart behind the RESUME of ours
 * (server/work/rewrite.h). dirtylogd writes again for some seconds of its own; but a leg can hold up the kernel's last
 * pass for longer, and only who has resumed the mirror knows when it is over: his resume ends behind it. The main
 * thread's, or a child's.
 */
#ifndef SERVER_CTL_OVERWRITE_H
#define SERVER_CTL_OVERWRITE_H

/* Have what is dirty written again, of all logs in the table of the device that is open (dm_device.h) and was resumed. name
 * is the mirror's, for stderr, where it is told if dirtylogd does not do so within seconds. */
void overwrite(const char *name);

#endif
