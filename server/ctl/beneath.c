/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/beneath.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MOUNTINFO "/proc/self/mountinfo"
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
		/* `..` is the device itself, which has a number, too. */
		dev_t slave = entry->d_name[0] == '.' ? 0 : device_of(slaves, entry->d_name);

		found = slave && stands_on(sys, slave, device, layers - 1);
	}
	closedir(directory);
	return found;
}

bool beneath_device(const char *sys, dev_t above, dev_t device)
{
	return stands_on(sys, above, device, LAYERS_MAX);
}

bool beneath_is_mount(const char *line, const char *directory, unsigned number[2],
		      char source[PATH_MAX])
{
	const char *rest = strstr(line, " - ");
	char mounted[PATH_MAX];

	source[0] = '\0';
	if (!rest ||
	    sscanf(line, "%*u %*u %u:%u %*s %4095s", &number[0], &number[1], mounted) != 3 ||
	    strcmp(mounted, directory) != 0)
		return false;
	sscanf(rest, " - %*s %4095s", source);
	return true;
}

/* By its number, for the name may be another device's by now; a file system of several devices has a number of its own,
 * and is known by its source. */
static void find_mounted(const char *line, const char *directory, dev_t *device)
{
	char source[PATH_MAX];
	unsigned number[2];
	struct stat st;

	if (!beneath_is_mount(line, directory, number, source))
		return;
	*device = number[0] != 0 ? makedev(number[0], number[1]) : 0;
	if (number[0] == 0 && source[0] && stat(source, &st) == 0 && S_ISBLK(st.st_mode))
		*device = st.st_rdev;
}

bool beneath_mount(const char *mountinfo, const char *directory, dev_t device)
{
	FILE *mounts = fopen(mountinfo, "re");
	char *line = NULL;
	size_t room = 0;
	dev_t above = 0;

	while (mounts && getline(&line, &room, mounts) > 0)
		find_mounted(line, directory, &above); /* the last one is seen */
	free(line);
	if (mounts)
		fclose(mounts);
	return above && beneath_device("/sys", above, device);
}

bool beneath_root(dev_t device)
{
	return beneath_mount(MOUNTINFO, "/", device) || beneath_mount(MOUNTINFO, "/usr", device);
}
