/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a block of mirrors, so that the kernel's threads for them run and ask for resync work: the work of a process
 * that serves no log (mirrors.h), since the kernel asks us before it answers the read. A process for each of them, since
 * one that is suspended, or whose legs hang, keeps its reader.
 */
#ifndef SERVER_LOG_MIRROR_WAKE_H
#define SERVER_LOG_MIRROR_WAKE_H

#include <stdbool.h>
#include <stdint.h>

/* Where to read: a device, the sector at which its mirror begins, and how far from there. */
struct wake_place {
	uint32_t major, minor;
	uint64_t start, offset;
};

#define WAKE_LIST_MAX 4000u /* bytes of a list of places */

/* Add a place to a list, as `<major>:<minor>@<start>+<offset>` behind a comma. False: there is no room, and the list is as it
 * was. Pure. */
bool wake_list_add(char list[WAKE_LIST_MAX], const struct wake_place *place);

/* Read the first place of *at, and go behind it. False: there is none. Pure. */
bool wake_list_next(const char **at, struct wake_place *place);

/* What the child does. Returns an exit status. Nobody waits for the readers; of those of a mirror one is there at a
 * time. */
int mirror_wake(const char *list);

#endif
