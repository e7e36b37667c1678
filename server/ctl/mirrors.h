/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device-mapper's mirrors with a log that can be changed. The main thread's. */
#ifndef SERVER_CTL_MIRRORS_H
#define SERVER_CTL_MIRRORS_H

#include "server/ctl/swap.h"

struct ctl_mirrors {
	struct ctl_mirror *all;
	unsigned count;
};

/* Read all tables. 0, or -errno where device-mapper cannot be asked. The caller frees all. */
int ctl_mirrors_find(struct ctl_mirrors *mirrors);

/* The mirror that somebody means: a name of device-mapper's, VG/LV, a path below /dev or major:minor. A snapshot's
 * origin is its mirror, which LVM has moved below. NULL: none. */
const struct ctl_mirror *ctl_mirrors_named(const struct ctl_mirrors *mirrors, const char *name);

/* libdevmapper says nothing of its own, and takes names as they are. */
void ctl_quiet_devmapper(void);

/* What to call it: VG/LV, or device-mapper's name. Static. */
const char *ctl_mirror_text(const struct ctl_mirror *mirror);

#endif
