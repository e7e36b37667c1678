/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One device of device-mapper's, by number, through its control device and static buffers: for a process
 * that has suspended it, which must not allocate, nor touch a file. One thread, one device.
 */
#ifndef SERVER_LOG_DM_DEVICE_H
#define SERVER_LOG_DM_DEVICE_H

#include <stdint.h>

#include "server/log/mirror_cycle.h"

/* Open the control device for a device; from now on the others are this one. 0 or -errno. */
int dm_device_open(unsigned major, unsigned minor);

/* As cycle_ops says. */
int dm_device_look(struct cycle_look *look);
int dm_device_suspend(void);
int dm_device_resume(void);

/* What may be paged out may have to come from the mirror that is suspended, and who is interrupted does not
 * resume it: lock all memory, block all signals. 0 or -errno. */
int dm_device_brace(void);
/* Wait for CYCLE_PAUSE_MSEC. */
void dm_device_pause(void);

/* All its targets are mirrors (or none), whose legs and logs are alive. The kernel asks the logs. */
bool dm_device_all_alive(void);

/* A target of a table, or of a status. params live until the next call here. */
typedef int dm_target_visit(uint64_t start, uint64_t sectors, const char *type, const char *params,
			    void *context);

/* Visit all targets of the live table; or of its status, for which the kernel asks the logs. 0, -errno, or what a visit
 * returned that was not 0. */
int dm_device_table(dm_target_visit *visit, void *context);
int dm_device_status(dm_target_visit *visit, void *context);

/* Another table: begin with none, add its targets, load it as the inactive one; or take that away. 0 or -errno. The
 * memory is static too, and another than that of the table that is visited. */
void dm_device_table_begin(void);
int dm_device_table_add(uint64_t start, uint64_t sectors, const char *type, const char *params);
int dm_device_table_load(void);
int dm_device_table_clear(void);

/* Have the kernel ask the logs for their status. 0 or -errno. */
int dm_device_query(void);

#endif
