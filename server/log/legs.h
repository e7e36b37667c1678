/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mirror's legs, opened for flushing. */
#ifndef SERVER_LOG_LEGS_H
#define SERVER_LOG_LEGS_H

#include "server/protocol/mirror_table.h"

struct log_legs {
	unsigned count;
	int fds[MIRROR_TABLE_LEGS_MAX];
};

/* Close the fds and free; NULL is allowed. */
void log_legs_close(struct log_legs *legs);

#endif
