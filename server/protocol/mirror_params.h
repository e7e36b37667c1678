/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mirror's table parameters, from the kernel's own log to ours and back. All but the log's words stays as it is,
 * letter for letter: legs, offsets, features. Pure; any thread.
 *
 *   <type> <argc> <argument>... <legs and features>                          type: core or disk
 *   userspace <argc + 2> <uuid> <type> <argument>... <legs and features>
 *
 * Both can have a log in front of them (kernel/), whose words count those of the one behind:
 *
 *   cached <argc> [<option> <value>]... userspace <uuid> integrated_flush <type> <argument>... <legs and features>
 *
 * What a core log knows is gone with it. The next one is told that all is in sync (`nosync`), if the caller has
 * seen that, or nothing, and then all is resynced. A disk log is told neither: its device knows, and the kernel's own
 * log believes a `nosync` more than that (read_header() in drivers/md/dm-log.c).
 */
#ifndef SERVER_PROTOCOL_MIRROR_PARAMS_H
#define SERVER_PROTOCOL_MIRROR_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

enum mirror_params_log {
	MIRROR_PARAMS_CORE, /* the kernel's */
	MIRROR_PARAMS_DISK,
	MIRROR_PARAMS_OURS_CORE,
	MIRROR_PARAMS_OURS_DISK,
	MIRROR_PARAMS_OTHER, /* none of these, or not understood */
};

/* Whose log it is. */
enum mirror_params_log mirror_params_log(const char *params);

/* Whether a `cached` log stands in front of it. */
bool mirror_params_has_front(const char *params);

/* Write into text (bytes large) the parameters with a log of ours of that uuid, with one in front of it or without. False: it is none of the kernel's
 * core and disk logs, or there is no room. */
bool mirror_params_adopt(const char *params, const char *uuid, bool in_sync, bool front, char *text,
			 size_t bytes);

/* The same with a log of the kernel's. device: the log device, as major:minor, or NULL: as it stands, since a name
 * may be another device's by now. False: it is none of ours, or its device is named and device is NULL. */
bool mirror_params_release(const char *params, bool in_sync, const char *device, char *text,
			   size_t bytes);

/* The same with the log that it has, which takes all regions for out of sync (begin), or whose device knows. device: as
 * for _release. False: it is none of ours, or its device is named and device is NULL. */
bool mirror_params_resync(const char *params, bool begin, const char *device, char *text,
			  size_t bytes);

/* The same with our log that it has, and with one in front of it, or without. device: as for _release. False: it is none
 * of ours, or has it so already, or its device is named and device is NULL. */
bool mirror_params_front(const char *params, bool in_sync, bool front, const char *device,
			 char *text, size_t bytes);

/* A mirror's status parameters say that all its regions are in sync. */
bool mirror_status_in_sync(const char *params);

#endif
