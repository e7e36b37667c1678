/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The requests that wait for nothing: a bit test, a bit change, a number.
 * To be called by the one that executes the log.
 */
#ifndef SERVER_LOG_ANSWER_H
#define SERVER_LOG_ANSWER_H

#include "server/log/log.h"

/* Serve a checked request, building its reply in place. True: answered. False: it has to wait for
 * I/O or belongs to the worker (its marks are made already: serving it again is harmless). */
bool answer(struct mirror_log *log, struct wire_message *message);

#endif
