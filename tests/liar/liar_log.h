/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log as small as it can be: the project's state machine, and a log device that is written at once.
 * It lies if it is told to (lies.h). One thread; lies in memory that outlives a server.
 */
#ifndef TESTS_LIAR_LIAR_LOG_H
#define TESTS_LIAR_LIAR_LOG_H

#include "server/protocol/dirty_log.h"
#include "server/protocol/wire.h"

#define LIAR_LOG_MAX_BYTES 65536u

struct liar_log {
	bool used, gone; /* gone: its DTR has come */
	bool resumed;
	uint64_t luid;
	char uuid[DM_UUID_LEN];
	char text[WIRE_PAYLOAD_MAX + 1]; /* of its CTR */
	struct ctr_args args;
	char number[24]; /* of its device, major:minor */
	uint64_t settled; /* the region recovered last, or DIRTY_LOG_NO_REGION */
	uint64_t stale_count; /* before the last change */
	struct dirty_log dirty;
	_Alignas(64) uint8_t bits[LIAR_LOG_MAX_BYTES];
};

/* The log of a CTR. 0 or -errno. */
int liar_log_make(struct liar_log *log, const struct wire_message *message);

/* A RESUME: the first one reads the image. */
void liar_log_resume(struct liar_log *log);

/* As at the first RESUME: what has been told since is lost. */
void liar_log_start_over(struct liar_log *log);

/* Bring the device to what the log is. */
void liar_log_write(struct liar_log *log);

/* What is cleared may be written, too. */
void liar_log_release(struct liar_log *log);

#endif
