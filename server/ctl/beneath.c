/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/beneath.h"

#include <dirent.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define LAYERS_MAX \
	32u /* device-mapper lets no device stand on itself; this is for what we cannot know */

/* The device of an entry of slaves/. 0: it has none. */
static dev_t device_of(const char *slaves, const char *name)
{
	unsigned device_major, device_minor;
	char path[PATH_MAX];
	dev_t device = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/dev", slaves, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%u:%u", &device_major, &device_minor) == 2)
		device = makedev(device_major, device_minor);
	fclose(file);
	return device;
}

static bool stands_on(const char *sys, dev_t above, dev_t device, unsigned layers)
{
	char slaves[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *directory;

	if (above == device)
		return true;
	snprintf(slaves, sizeof(slaves), "%s/dev/block/%u:%u/slaves", sys, major(above),
		 minor(above));
	directory = layers > 0 ? opendir(slaves) : NULL;
	if (!directory)
		return false;
	while (!found && (entry = readdir(directory))) {
		dev_t slave = device_of(slaves, entry->d_name);

		found = slave && stands_on(sys, slave, device, layers - 1);
	}
	closedir(directory);
	return found;
}

bool beneath_device(const char *sys, dev_t above, dev_t device)
{
	return stands_on(sys, above, device, LAYERS_MAX);
}

/* By its source: a file system of several devices has a number of its own. The last one mounted there is seen. */
static dev_t source_of(const char *directory)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;
	dev_t source = 0;
	struct stat st;

	if (!mounts)
		return 0;
	while ((mount = getmntent(mounts)))
		if (strcmp(mount->mnt_dir, directory) == 0)
			source = stat(mount->mnt_fsname, &st) == 0 && S_ISBLK(st.st_mode)
					 ? st.st_rdev
					 : 0;
	endmntent(mounts);
	return source;
}

bool beneath_mount(const char *directory, dev_t device)
{
	dev_t source = source_of(directory);

	return source && beneath_device("/sys", source, device);
}

bool beneath_root(dev_t device)
{
	return beneath_mount("/", device) || beneath_mount("/usr", device);
}
