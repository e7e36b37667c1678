/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people call a mirror. Pure; any thread. */
#ifndef SERVER_CTL_MIRROR_NAME_H
#define SERVER_CTL_MIRROR_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define MIRROR_NAME_MAX 256u /* with the NUL */

/* VG/LV of device-mapper's name for a volume of LVM's, in which `-` stands between the two, and is doubled inside
 * of them. False: it is none, or one of LVM's layers (vg-lv-layer). name: MIRROR_NAME_MAX bytes. */
bool mirror_name_of_lvm(const char *dm_name, char *name);

/* A name that was given means the device of this dm name: that, VG/LV, or its path below /dev. */
bool mirror_name_means(const char *given, const char *dm_name);

#endif
