/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device-mapper's mirrors with a userspace log, as JSON. The main thread's. */
#ifndef SERVER_CTL_DM_MIRRORS_H
#define SERVER_CTL_DM_MIRRORS_H

#include <jansson.h>
#include <stdbool.h>

/* An array with an object for each target: "dm", "dm_uuid", "device" (major:minor), "target" (number in the
 * table), "uuid" (of the log), "front" (a log of our kernel module stands before it) and "legs": [{"device"}]. Asks the kernel alone. Empty too where there is no
 * device-mapper; *all: none is missing because device-mapper does not answer. NULL: no memory. */
json_t *dm_mirrors_find(bool *all);

/* Give each leg its "health", a letter. The kernel asks dirtylogd for that: a mirror that does not answer within
 * two seconds goes without. */
void dm_mirrors_ask_health(json_t *mirrors);

#endif
