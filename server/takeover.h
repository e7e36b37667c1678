/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking over from a serving process that was killed, or has handed over: docs/restart.md. The order is
 * that of the functions.
 */
#ifndef SERVER_TAKEOVER_H
#define SERVER_TAKEOVER_H

#include "server/work/receiver.h"

/* What of the slots is free: replies that were sent, and datagrams that had come but were not yet
 * looked at, become so and not so. Before slots_open. */
void takeover_slots(struct estate *estate);

/* Answer what was in hand, in the order of arrival. On the receiver's thread. Returns how many,
 * or -ENOMEM. */
int takeover_requests(struct receiver *receiver);

#endif
