/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One device of device-mapper's, by number, through its control device and static buffers: for a process
 * that has suspended it, which must not allocate, nor touch a file. One thread, one device.
 */
#ifndef SERVER_LOG_DM_DEVICE_H
#define SERVER_LOG_DM_DEVICE_H

#include "server/log/mirror_cycle.h"

/* Open the control device for a device. 0 or -errno. */
int dm_device_open(unsigned major, unsigned minor);

/* As cycle_ops says. */
int dm_device_look(struct cycle_look *look);
int dm_device_suspend(void);
int dm_device_resume(void);

/* All its targets are mirrors (or none), whose legs and logs are alive. The kernel asks the logs. */
bool dm_device_all_alive(void);

/* Have the kernel ask the logs for their status. 0 or -errno. */
int dm_device_query(void);

#endif
