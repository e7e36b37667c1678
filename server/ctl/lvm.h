/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LVM's own commands, for what is in its metadata: the tag that marks a volume whose mirror is to stay on
 * dirtylogd. They take the volume group's lock themselves, so none may be called by who holds it. The main
 * thread's.
 */
#ifndef SERVER_CTL_LVM_H
#define SERVER_CTL_LVM_H

#include <stdbool.h>

#define LVM_TAG "dirtylogd"
#define LVM_PLAIN_TAG "dirtylogd-plain" /* no log in front of ours */
#define LVM_NAME_MAX 300u

/* VG/LV of a device-mapper device of LVM's, of whatever layer. False: it is none of LVM's. */
bool lvm_volume_of(const char *dm_name, const char *uuid, char volume[LVM_NAME_MAX]);

/* A mirror of LVM's own making: pvmove's, which is gone when that is done, one that is a log, or for a conversion. */
bool lvm_is_hidden(const char *volume);

/* False: LVM says on stderr why not. */
bool lvm_add_tag(const char *volume, const char *tag);
bool lvm_remove_tag(const char *volume, const char *tag);

enum lvm_tagged { LVM_NOT_TAGGED, LVM_TAGGED, LVM_UNKNOWN /* it does not say */ };

/* Whether a list of tags, with commas, has the one. The list is cut. */
bool lvm_lists_tag(char *list, const char *tag);

/* Whether the volume has the tag. */
enum lvm_tagged lvm_tagged(const char *volume, const char *tag);

#endif
