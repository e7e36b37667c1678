/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel tells by NETLINK_KOBJECT_UEVENT of device-mapper's devices. Pure. */
#ifndef SERVER_CTL_UEVENT_H
#define SERVER_CTL_UEVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a message of size bytes, behind which is a '\0', is of such a device that has changed, as each resume is one;
 * and its number. Source: kobject_uevent_env() in lib/kobject_uevent.c: `change@/devices/virtual/block/dm-N`, and fields
 * NAME=VALUE, each with a '\0' behind it. */
bool uevent_of_change(const char *text, size_t size, uint32_t *device_major,
		      uint32_t *device_minor);

#endif
