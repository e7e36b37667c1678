/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/mirrors.h"

#include "server/ctl/lvm.h"
#include "server/ctl/mirror_name.h"

#include <errno.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static void swallow(int level, const char *file, int line, int error, const char *format, ...)
{
}

void ctl_quiet_devmapper(void)
{
	dm_log_with_errno_init(swallow);
	dm_set_name_mangling_mode(DM_STRING_MANGLING_NONE);
}

/* No memory: none is added. */
static void add_device(struct ctl_mirrors *mirrors, uint64_t number)
{
	struct ctl_mirror mirror = {.major = major(number), .minor = minor(number)};
	struct ctl_mirror *grown;

	if (!swap_look(&mirror))
		return;
	grown = reallocarray(mirrors->all, mirrors->count + 1, sizeof(*grown));
	if (!grown)
		return;
	mirrors->all = grown;
	mirrors->all[mirrors->count++] = mirror;
}

int ctl_mirrors_find(struct ctl_mirrors *mirrors)
{
	const struct dm_names *names;
	struct dm_task *task;
	uint32_t next;
	bool listed;

	*mirrors = (struct ctl_mirrors){0};
	ctl_quiet_devmapper();
	task = dm_task_create(DM_DEVICE_LIST);
	names = task && dm_task_run(task) ? dm_task_get_names(task) : NULL;
	listed = names;
	if (names && names->dev) {
		do {
			add_device(mirrors, names->dev);
			next = names->next;
			names = (const struct dm_names *)((const char *)names + next);
		} while (next);
	}
	if (task)
		dm_task_destroy(task);
	dm_lib_release(); /* its fd is not close-on-exec, and LVM's commands complain of it */
	return listed ? 0 : -ENXIO;
}

/* --- names --- */

const char *ctl_mirror_text(const struct ctl_mirror *mirror)
{
	static char volume[LVM_NAME_MAX];

	return lvm_volume_of(mirror->name, mirror->uuid, volume) ? volume : mirror->name;
}

static bool has_number(const struct ctl_mirror *mirror, const char *name)
{
	unsigned device_major, device_minor;
	struct stat st;

	if (name[0] == '/')
		return stat(name, &st) == 0 && S_ISBLK(st.st_mode) &&
		       st.st_rdev == makedev(mirror->major, mirror->minor);
	return sscanf(name, "%u:%u", &device_major, &device_minor) == 2 &&
	       device_major == mirror->major && device_minor == mirror->minor;
}

static bool goes_by(const struct ctl_mirror *mirror, const char *name)
{
	char above[DM_NAME_LEN];
	size_t length = strlen(mirror->name);

	if (has_number(mirror, name) || mirror_name_means(name, mirror->name))
		return true;
	if (length < 5 || strcmp(mirror->name + length - 5, "-real") != 0)
		return false;
	snprintf(above, sizeof(above), "%.*s", (int)length - 5, mirror->name);
	return mirror_name_means(name, above);
}

const struct ctl_mirror *ctl_mirrors_named(const struct ctl_mirrors *mirrors, const char *name)
{
	for (unsigned i = 0; i < mirrors->count; i++)
		if (goes_by(&mirrors->all[i], name))
			return &mirrors->all[i];
	return NULL;
}
