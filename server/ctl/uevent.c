/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/uevent.h"

#include <stdlib.h>
#include <string.h>

#define CHANGE "change@/devices/virtual/block/dm-"

static bool number_of(const char *text, size_t size, const char *name, uint32_t *number)
{
	size_t length = strlen(name);
	long value;

	for (const char *at = text; at < text + size; at += strlen(at) + 1) {
		if (strncmp(at, name, length) != 0)
			continue;
		value = strtol(at + length, NULL, 10);
		*number = (uint32_t)value;
		return value >= 0 && value <= UINT32_MAX;
	}
	return false;
}

bool uevent_of_change(const char *text, size_t size, uint32_t *device_major, uint32_t *device_minor)
{
	return strncmp(text, CHANGE, strlen(CHANGE)) == 0 &&
	       number_of(text, size, "MAJOR=", device_major) &&
	       number_of(text, size, "MINOR=", device_minor);
}
