/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LVM's lock of a volume group: a file that its commands flock (lvm2: lib/locking/file_locking.c,
 * lib/misc/lvm-flock.c). */
#ifndef SERVER_LOG_LVM_LOCK_H
#define SERVER_LOG_LVM_LOCK_H

#include <stdbool.h>
#include <linux/dm-ioctl.h>

#define LVM_LOCK_DIR "/run/lock/lvm"

/* The volume group of a device, from its name and uuid as device-mapper has them. False: not LVM's. */
bool lvm_vg_of(const char *name, const char *uuid, char vg[DM_NAME_LEN]);

/* Take the lock, if nobody else has it. An fd that holds it, or -errno: -EWOULDBLOCK if it is taken. The
 * file stays: LVM removes it when it likes. */
int lvm_lock_try(const char *dir, const char *vg);

/* The same for a device that is not LVM's: between processes of ours, on a file that stays. device: its name. */
int device_lock_try(const char *dir, const char *device);

#endif
