/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log devices opened by threads: open(2) can wait for a device, for ever if that hangs (a SCSI disk in error
 * recovery, a name on a dead network file system), and who waits there must not be a worker.
 *
 * Two threads do it all as long as devices answer; each time they are stuck another one helps them. They have
 * file tables of their own (device_thread.h), and hand over what they have opened.
 */
#ifndef SERVER_LOG_OPENER_H
#define SERVER_LOG_OPENER_H

#include "server/base/list.h"
#include "server/log/log.h"

struct open_job {
	struct log_mail head; /* MAIL_OPENED */
	struct mirror_log *log; /* a reference; NULL: it waits no longer */
	struct log_device *fresh; /* log_device_open's; NULL: error and why */
	int error;
	char why[160];
	/* The opener's, under its lock. */
	struct list_node node;
	struct run_queue *queue;
	int64_t began_ns; /* 0: it is queued */
	bool received; /* fresh->fd is the process's */
	char name[CTR_ARGS_DEVICE_MAX];
	uint64_t region_count;
};

/* Before the workers start; behind their end. Nobody waits for a thread that hangs. 0 or -errno. */
int opener_begin(void);
void opener_end(void);

/* Open the device named for log. 0, and *job comes through log->run_queue->found when it is done; nobody else
 * touches it meanwhile. -EBUSY: an earlier try hangs still. -ENOMEM. A worker's call. */
int opener_open(struct mirror_log *log, const char *name, struct open_job **job);

/* How many devices wait for others to be opened before them. Any thread. */
unsigned opener_queued(void);

/* When the device began to be opened (clock_coarse()); 0: others have come first. Patience with a device begins
 * then. The worker's. */
int64_t opener_began(struct open_job *job);

/* The log waits for it no longer; it comes all the same, to be freed. The worker's. */
void opener_abandon(struct open_job *job);

/* It has come: take what was opened, for log_device_share. NULL: job->error. The worker's. */
struct log_device *opener_take(struct open_job *job);

/* Free it, with its reference, and close what was not taken. */
void opener_free(struct open_job *job);

#endif
