/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Placement of threads: a list of processors parsed, and sched_setaffinity(2). */
#include "server/base/placement.h"

#include <errno.h>
#include <stdio.h>

/* "3" or "0-3"; returns what is behind it, NULL if it is neither. */
static const char *parse_range(const char *at, unsigned *first, unsigned *last)
{
	int bytes = 0;

	if (sscanf(at, "%u-%u%n", first, last, &bytes) == 2 && bytes > 0)
		return at + bytes;
	if (sscanf(at, "%u%n", first, &bytes) != 1)
		return NULL;
	*last = *first;
	return at + bytes;
}

static bool add_range(cpu_set_t *cpus, const cpu_set_t *allowed, unsigned first, unsigned last)
{
	if (first > last || last >= CPU_SETSIZE)
		return false;
	for (unsigned cpu = first; cpu <= last; cpu++) {
		if (!CPU_ISSET(cpu, allowed))
			return false;
		CPU_SET(cpu, cpus);
	}
	return true;
}

bool placement_parse(struct placement *placement, const char *list)
{
	cpu_set_t allowed;

	CPU_ZERO(&placement->cpus);
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return false;
	for (;;) {
		unsigned first, last;

		list = parse_range(list, &first, &last);
		if (!list || !add_range(&placement->cpus, &allowed, first, last))
			return false;
		if (*list == '\0')
			break;
		if (*list++ != ',')
			return false;
	}
	placement->count = (unsigned)CPU_COUNT(&placement->cpus);
	return true;
}

int placement_all(const struct placement *placement)
{
	if (placement->count == 0)
		return 0;
	return sched_setaffinity(0, sizeof(placement->cpus), &placement->cpus) == 0 ? 0 : -errno;
}

int placement_one(const struct placement *placement, unsigned index)
{
	unsigned cpu = 0;
	cpu_set_t one;

	if (placement->count == 0)
		return 0;
	for (index %= placement->count; !CPU_ISSET(cpu, &placement->cpus) || index > 0; cpu++)
		if (CPU_ISSET(cpu, &placement->cpus))
			index--;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0 ? 0 : -errno;
}
