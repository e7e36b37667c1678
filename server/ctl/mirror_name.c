/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LVM's names: build_dm_name() in lib/misc/lvm-string.c of LVM2 doubles each `-`. */
#include "server/ctl/mirror_name.h"

#include <string.h>

bool mirror_name_of_lvm(const char *dm_name, char *name)
{
	unsigned slashes = 0;
	size_t length = 0;

	for (const char *at = dm_name; *at && length < MIRROR_NAME_MAX - 1; at++) {
		bool divides = *at == '-' && at[1] != '-';

		name[length++] = divides ? '/' : *at;
		slashes += divides;
		if (*at == '-' && !divides)
			at++;
	}
	name[length] = '\0';
	return slashes == 1 && name[0] != '/' && name[length - 1] != '/';
}

/* What is behind prefix, or NULL. */
static const char *behind(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

bool mirror_name_means(const char *given, const char *dm_name)
{
	const char *mapped = behind(given, "/dev/mapper/"), *below = behind(given, "/dev/");
	char name[MIRROR_NAME_MAX];

	if (strcmp(mapped ? mapped : given, dm_name) == 0)
		return true;
	return mirror_name_of_lvm(dm_name, name) && strcmp(below ? below : given, name) == 0;
}
