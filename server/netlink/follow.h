/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiver follows those who ask from processor to processor. One mirror is a chain of round
 * trips, and a wake-up on another processor, which has to be woken itself, is most of each: on the
 * same one it costs a switch. The scheduler prefers an idle processor, since it cannot know that the
 * sender is about to sleep.
 *
 * Where messages are sent from is told by a socket filter, which runs in the sender's context. While
 * single requests come from one processor, the receiver is bound to it; when they come in batches,
 * it is free again. All calls are the receiver's.
 */
#ifndef SERVER_NETLINK_FOLLOW_H
#define SERVER_NETLINK_FOLLOW_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#define FOLLOW_BATCH_TO_FREE 4u

struct follow {
	const volatile uint32_t *sender; /* processor of the last message; NULL: not following */
	int map_fd, program_fd;
	int error; /* why not: follow_open's */
	cpu_set_t allowed; /* as the administrator set it */
	uint32_t candidate;
	unsigned run; /* requests in a row from candidate */
	int bound; /* processor, -1: free */
};

/* Make the filter. */
void follow_open(struct follow *follow);

/* Attach it to fd, in the place of another's. 0, or -errno: bpf is not allowed here, follow_turn does nothing. */
int follow_start(struct follow *follow, int fd);
void follow_close(struct follow *follow);

/* Look whether to move. */
void follow_look(struct follow *follow, unsigned n);

/* A receive brought n requests. Nothing to do is the rule: a single one, from where the last came from. */
static inline void follow_turn(struct follow *follow, unsigned n)
{
	if (!follow->sender || n == 0)
		return;
	if (n < FOLLOW_BATCH_TO_FREE && (int)*follow->sender == follow->bound &&
	    follow->candidate == (uint32_t)follow->bound)
		return;
	follow_look(follow, n);
}

#endif
