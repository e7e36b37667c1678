/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device-mapper's mirrors with a userspace log, as JSON. The main thread's. */
#ifndef SERVER_CTL_DM_MIRRORS_H
#define SERVER_CTL_DM_MIRRORS_H

#include <jansson.h>
#include <stdbool.h>

struct dm_device {
	const char *name, *uuid;
	unsigned major, minor;
};

/* A mirror's target: an object with "dm", "dm_uuid", "device" (major:minor), "target" (number in the table), "uuid" (of the
 * log), "front" (a log of our kernel module stands before it) and "legs": [{"device"}]. NULL: its log is none of ours.
 * params: of its table. Pure. */
json_t *dm_mirrors_target(const struct dm_device *device, unsigned target, const char *params);

/* An array of all of them. Asks the kernel alone. Empty, and *all, where there is no device-mapper; not *all: some
 * may be missing, since device-mapper does not answer or could not be asked. NULL: no memory. */
json_t *dm_mirrors_find(bool *all);

/* The same of the lines that the child wrote, which are cut; *all: it came to its closing line. Pure. */
json_t *dm_mirrors_read(char *lines, bool *all);

/* Give each leg its "health", a letter. The kernel asks dirtylogd for that: a mirror that does not answer within
 * two seconds goes without, whatever it had. */
void dm_mirrors_ask_health(json_t *mirrors);

#endif
