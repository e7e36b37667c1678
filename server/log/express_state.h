/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What work/express.c keeps in a log. The receiver's. */
#ifndef SERVER_LOG_EXPRESS_STATE_H
#define SERVER_LOG_EXPRESS_STATE_H

#include <stdbool.h>

struct mirror_log;

struct express_state {
	bool on; /* the receiver keeps the log HELD while it writes it */
	struct mirror_log *next; /* to be written behind this batch of requests (executor.h) */
};

#endif
