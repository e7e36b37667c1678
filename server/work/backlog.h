/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A predecessor's logs that are not taken up yet. To map and look at each takes ten microseconds or so, and there
 * may be thousands: so a log is taken up when it is asked for, and the rest one by one between the requests.
 *
 * Logs on one device are taken up together, since each is judged by which of them wrote the device last
 * (log_device_take_over_writer); and what a CTR has to do with may be any of them, so it takes up all.
 *
 * The receiver's thread alone; others wait for the registry to be whole (registry.h).
 */
#ifndef SERVER_WORK_BACKLOG_H
#define SERVER_WORK_BACKLOG_H

#include "server/log/registry.h"
#include "server/work/worker.h"

struct backlog_entry;

struct backlog {
	struct estate *estate;
	struct registry *registry;
	struct worker *workers;
	unsigned nworkers;
	struct backlog_entry *entries; /* in the order of the directory */
	uint32_t *by_luid, *by_device; /* heads of chains: index of an entry + 1, 0: none */
	uint32_t count, at; /* entries; all before `at` are taken up */
	uint32_t left; /* not taken up */
	uint64_t writer_id,
		writer_wrote; /* of the logs that are taken up together: who wrote last */
	unsigned taken, damaged;
	void (*done)(struct backlog *); /* once all are taken up; NULL: nobody wants to know */
	void *context;
};

/* Make the list of the logs in the estate, and take up those that had blocks on their way to their device, which
 * count as changed again. The workers run, and take up each log's device (MAIL_TAKE_OVER) before they do anything
 * else for it. A log whose CTR had not been carried out is dropped, since its CTR is in hand still. estate,
 * registry, workers and nworkers are set. 0 or -ENOMEM. */
int backlog_open(struct backlog *backlog);

/* Free it. What is left is a successor's. */
void backlog_close(struct backlog *backlog);

static inline bool backlog_empty(const struct backlog *backlog)
{
	return backlog->left == 0;
}

/* Take up the log, if it is there, or whatever could be meant. */
void backlog_take(struct backlog *backlog, uint64_t luid);

void backlog_take_all(struct backlog *backlog);

/* Take up some, but none as long as many of their devices are still to be opened, for those that are asked for.
 * Returns whether it did. */
bool backlog_step(struct backlog *backlog);

#endif
