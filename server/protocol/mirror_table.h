/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table line of a mirror whose log is ours, as device-mapper prints it (mirror_status() in
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

/* Parse the parameters of a mirror target. False: the log is not of type userspace, or the line is
 * not understood; *table is undefined then. */
bool mirror_table_parse(const char *params, struct mirror_table *table);

#endif
