/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control groups of both versions: the limit of a group counts for all below it, so each is looked at up to the
 * root. */
#include "server/base/memory.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define V2_ROOT "/sys/fs/cgroup"
#define V1_ROOT "/sys/fs/cgroup/memory"

struct group_files {
	const char *root, *limit, *usage, *reclaimable;
};

static const struct group_files v2 = {V2_ROOT, "memory.max", "memory.current", "inactive_file"};
static const struct group_files v1 = {V1_ROOT, "memory.limit_in_bytes", "memory.usage_in_bytes",
				      "total_inactive_file"};

/* The number in a line that begins with key. False: there is none ("max"). */
static bool number_behind(const char *line, const char *key, uint64_t *number)
{
	const char *digits = line + strcspn(line, "0123456789");

	return strncmp(line, key, strlen(key)) == 0 && sscanf(digits, "%" SCNu64, number) == 1;
}

static bool read_number(const char *path, const char *key, uint64_t *number)
{
	FILE *file = fopen(path, "re");
	bool found = false;
	char line[256];

	while (file && !found && fgets(line, sizeof(line), file))
		found = number_behind(line, key, number);
	if (file)
		fclose(file);
	return found;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t left_to_group(const struct group_files *files, const char *group)
{
	uint64_t limit, usage, reclaimable = 0;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s/%s", files->root, group, files->limit);
	if (!read_number(path, "", &limit))
		return UINT64_MAX; /* "max" */
	snprintf(path, sizeof(path), "%s%s/%s", files->root, group, files->usage);
	if (!read_number(path, "", &usage))
		return UINT64_MAX;
	snprintf(path, sizeof(path), "%s%s/memory.stat", files->root, group);
	read_number(path, files->reclaimable, &reclaimable);
	usage -= least(usage, reclaimable);
	return limit - least(limit, usage);
}

/* group: as proc(5) tells it, "/" the root. */
static uint64_t left_to_groups(const struct group_files *files, char *group)
{
	uint64_t left = UINT64_MAX;
	char *end;

	while ((end = strrchr(group, '/'))) {
		left = least(left, left_to_group(files, group));
		*end = '\0';
	}
	return left;
}

static uint64_t left_to_our_groups(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	uint64_t left = UINT64_MAX;
	char line[PATH_MAX], controllers[128], group[PATH_MAX];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "0::%4095s", group) == 1)
			left = least(left, left_to_groups(&v2, group));
		else if (sscanf(line, "%*d:%127[^:]:%4095s", controllers, group) == 2 &&
			 strstr(controllers, "memory"))
			left = least(left, left_to_groups(&v1, group));
	}
	if (file)
		fclose(file);
	return left;
}

uint64_t memory_mappings_max(void)
{
	uint64_t most;

	return read_number("/proc/sys/vm/max_map_count", "", &most) ? most : UINT64_MAX;
}

uint64_t memory_available(void)
{
	uint64_t kib;

	if (!read_number("/proc/meminfo", "MemAvailable", &kib))
		return left_to_our_groups();
	return least(kib * 1024, left_to_our_groups());
}
