/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiver: one thread between the socket and the logs. It checks each request once, serves at
 * once what waits for nothing on a log that nobody executes, and leaves the rest in the log's
 * inbox. It alone changes the registry. A write that one log waits for it submits itself (express.h).
 */
#ifndef SERVER_WORK_RECEIVER_H
#define SERVER_WORK_RECEIVER_H

#include "server/log/registry.h"
#include "server/netlink/follow.h"
#include "server/netlink/recorder.h"
#include "server/netlink/transport.h"
#include "server/work/backlog.h"

struct receiver {
	struct estate *estate;
	struct transport *transport;
	struct registry *registry;
	struct backlog *backlog; /* a predecessor's logs */
	struct slots *slots;
	struct worker *workers;
	unsigned nworkers;
	bool accept_any; /* also from port ids that are not the kernel's */
	bool clustered_as_single_host; /* serve clustered types as if no other host had the mirror */
	int64_t busy_poll_ns; /* poll for so long after a request before sleeping */
	_Atomic bool stop;
	_Atomic bool stopped;
	bool hand_over; /* a successor goes on: set before stop */
	struct follow follow;

	struct executor executor; /* the receiver's own; to be set: options, and executor_set_up */
	struct recorder *recorder; /* NULL: none */
	bool follows; /* the senders, from processor to processor: follow.h */
	bool express; /* io_uring may be used: the receiver writes too */
};

/* Get ready, and free what that took. On the thread that receives, before any other can call
 * receiver_stop, and after. */
void receiver_open(struct receiver *receiver);

/* From now on it is this one that receives: before it nothing of the estate or the socket is touched. The same
 * thread. */
void receiver_enter(struct receiver *receiver);
void receiver_close(struct receiver *receiver);

/* Answer a request that a predecessor has received, if it has not: slot is SLOT_ASKED or
 * SLOT_ANSWERED. One that has ended DEATHS_MAX servers is not executed again. Before receiver_run,
 * on its thread. */
void receiver_take_over(struct receiver *receiver, struct slot *slot);

/* Serve until receiver_stop; then leave the group, answer what the socket still holds, and return. If
 * a successor takes over: return when what is in hand is answered.
 * To be called on the thread that receives. */
void receiver_run(struct receiver *receiver);

/* Any thread, with the receiver's: SIGUSR1 must have a handler that does nothing. Blocks until the
 * receiver has seen it. */
void receiver_stop(struct receiver *receiver, pthread_t thread, bool hand_over);

#endif
