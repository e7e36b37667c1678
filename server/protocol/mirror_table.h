/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mirror's table and status lines, as device-mapper prints them (mirror_status() in
 * drivers/md/dm-raid1.c). Pure; any thread.
 */
#ifndef SERVER_PROTOCOL_MIRROR_TABLE_H
#define SERVER_PROTOCOL_MIRROR_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/dm-ioctl.h>

#define MIRROR_TABLE_LEGS_MAX 9u /* DM_KCOPYD_MAX_REGIONS + 1, drivers/md/dm-raid1.c */

struct mirror_table {
	char uuid[DM_UUID_LEN]; /* of the log */
	unsigned nlegs;
	uint32_t legs[MIRROR_TABLE_LEGS_MAX][2]; /* major, minor */
};

enum mirror_table_kind {
	MIRROR_TABLE_OURS,
	MIRROR_TABLE_OTHERS, /* the log is not of type userspace */
	MIRROR_TABLE_BROKEN, /* ours, but not understood beyond its uuid */
	MIRROR_TABLE_NAMELESS, /* not even that: *table is undefined */
};

/* Parse the table parameters of a mirror target. */
enum mirror_table_kind mirror_table_parse(const char *params, struct mirror_table *table);

/* What a mirror target's status parameters say of its legs: a letter each, A for alive. */
struct mirror_status {
	unsigned nlegs;
	char legs[MIRROR_TABLE_LEGS_MAX + 1]; /* the letters, as the kernel orders the legs */
};

/* False: not understood, *status is undefined. */
bool mirror_status_parse(const char *params, struct mirror_status *status);

/* The status parameters of a mirror target say that all its legs and its log are alive ('A'). False
 * too for what is not understood. */
bool mirror_status_all_alive(const char *params);

#endif
