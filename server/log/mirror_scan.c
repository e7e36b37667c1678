/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An array of what was found, looked through for each question: they are few. */
#include "server/log/mirror_scan.h"

#include <stdlib.h>
#include <string.h>

void mirror_scan_begin(struct mirror_scan *scan)
{
	scan->count = 0;
	scan->incomplete = false;
}

static struct mirror_found *add_found(struct mirror_scan *scan)
{
	if (scan->count == scan->room) {
		unsigned room = scan->room ? 2 * scan->room : 16;
		struct mirror_found *grown = realloc(scan->found, room * sizeof(*grown));

		if (!grown)
			return NULL;
		scan->found = grown;
		scan->room = room;
	}
	return memset(&scan->found[scan->count++], 0, sizeof(struct mirror_found));
}

void mirror_scan_target(struct mirror_scan *scan, uint32_t major, uint32_t minor, uint64_t start,
			const char *type, const char *params)
{
	struct mirror_table table;
	enum mirror_table_kind kind;
	struct mirror_found *found;

	if (strcmp(type, "mirror") != 0)
		return;
	kind = mirror_table_parse(params, &table);
	if (kind == MIRROR_TABLE_OTHERS)
		return;
	found = kind == MIRROR_TABLE_NAMELESS ? NULL : add_found(scan);
	if (!found) {
		scan->incomplete = true;
		return;
	}
	found->major = major;
	found->minor = minor;
	found->start = start;
	found->understood = kind == MIRROR_TABLE_OURS;
	found->table = table;
}

const struct mirror_found *mirror_scan_find(const struct mirror_scan *scan, const char *uuid)
{
	for (unsigned i = 0; i < scan->count; i++)
		if (strcmp(scan->found[i].table.uuid, uuid) == 0)
			return &scan->found[i];
	return NULL;
}

static bool add_legs_of(const struct mirror_found *found, struct log_legs **legs)
{
	const struct mirror_table *table = &found->table;

	if (!found->understood)
		return false;
	for (unsigned i = 0; i < table->nlegs; i++)
		if (!log_legs_add(legs, table->legs[i][0], table->legs[i][1]))
			return false;
	return true;
}

static bool has_leg(const struct mirror_table *table, uint32_t major, uint32_t minor)
{
	for (unsigned i = 0; i < table->nlegs; i++)
		if (table->legs[i][0] == major && table->legs[i][1] == minor)
			return true;
	return false;
}

bool mirror_scan_is_leg(const struct mirror_scan *scan, const char *uuid, uint32_t major,
			uint32_t minor)
{
	for (unsigned i = 0; i < scan->count; i++)
		if (strcmp(scan->found[i].table.uuid, uuid) == 0 &&
		    has_leg(&scan->found[i].table, major, minor))
			return true;
	return false;
}

struct log_legs *mirror_scan_legs(const struct mirror_scan *scan, const char *uuid)
{
	struct log_legs *legs = NULL;
	bool all = !scan->incomplete;

	for (unsigned i = 0; all && i < scan->count; i++)
		if (strcmp(scan->found[i].table.uuid, uuid) == 0)
			all = add_legs_of(&scan->found[i], &legs);
	if (all)
		return legs;
	free(legs);
	return NULL;
}

void mirror_scan_free(struct mirror_scan *scan)
{
	free(scan->found);
	*scan = (struct mirror_scan){0};
}
