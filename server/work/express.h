/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Express: the receiver writes a log itself. A hop to a worker and its wake-up cost more than all
 * else in a FLUSH of one mirror; so a log that nobody executes is written where the request came in.
 * The receiver keeps the log HELD until the write has ended, serves it meanwhile, and blocks for
 * nothing. What goes wrong, and what is to wait for more than a write, is the worker's.
 */
#ifndef SERVER_WORK_EXPRESS_H
#define SERVER_WORK_EXPRESS_H

#include "server/log/executor.h"

extern const struct executor_ops express_ops;

/* The log is held, and slot waits for its changes to be durable. Returns false, and nothing has
 * been done, if that is the worker's to do. */
bool express_start(struct executor *executor, struct mirror_log *log, struct slot *slot);

/* Write all logs that were started. Called behind each batch of requests, so that the marks of a batch
 * go to a log in one write. */
void express_write(struct executor *executor);

/* A request for a log that the receiver writes at the moment. Returns false if it must be posted: mail for the
 * worker waits until the write has ended, which it does not on a device that hangs, and who changes something
 * comes behind it; a query does not. */
bool express_answer(struct executor *executor, struct mirror_log *log, struct slot *slot);

/* The worker has something to do with the log, which does not wait for an express write that is on its way:
 * it is abandoned (log_write_abandon), and the log let go of. Does nothing where there is none. */
void express_hand_on(struct executor *executor, struct mirror_log *log);

#endif
