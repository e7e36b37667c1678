/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirrors with a log of ours among device-mapper's tables, as they were read at one time. Pure but for
 * its memory.
 *
 * What could not be read, or is not understood, is not taken for a mirror without legs: the legs of a
 * log are all of them, or unknown.
 */
#ifndef SERVER_LOG_MIRROR_SCAN_H
#define SERVER_LOG_MIRROR_SCAN_H

#include "server/log/legs.h"
#include "server/protocol/mirror_table.h"

struct mirror_found {
	uint32_t major, minor; /* of the mirror */
	uint64_t start; /* sector at which it begins there */
	bool understood; /* its legs are known; else its uuid alone */
	struct mirror_table table;
};

/* All zero is empty. */
struct mirror_scan {
	struct mirror_found *found;
	unsigned count, room;
	bool incomplete; /* something could not be read: any log may have more legs */
};

/* Forget what was found. */
void mirror_scan_begin(struct mirror_scan *scan);

/* A target of a device's live table; what is no mirror with a log of ours is passed over. */
void mirror_scan_target(struct mirror_scan *scan, uint32_t major, uint32_t minor, uint64_t start,
			const char *type, const char *params);

/* The first mirror with the log, or NULL. */
const struct mirror_found *mirror_scan_find(const struct mirror_scan *scan, const char *uuid);

/* Whether a mirror of the log has this device as a leg. */
bool mirror_scan_is_leg(const struct mirror_scan *scan, const char *uuid, uint32_t major,
			uint32_t minor);

/* The devices of all tables that name the log: a flush too many costs time, one too few data. NULL: not
 * known, or no memory. */
struct log_legs *mirror_scan_legs(const struct mirror_scan *scan, const char *uuid);

void mirror_scan_free(struct mirror_scan *scan);

#endif
