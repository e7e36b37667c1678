/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A standby: a server that has made ready all that it can while another serves (its memory is locked, its threads and
 * rings are there), and waits until the supervisor lets it go. It touches nothing of the estate before.
 *
 * It says by a byte through a pair of sockets that it is ready, and a byte lets it go. One that dies meanwhile, or is
 * stopped, is said and replaced, and no server is the worse for it; it dies with its supervisor.
 *
 * The supervisor's thread, but for standby_waits.
 */
#ifndef SERVER_RESTART_STANDBY_H
#define SERVER_RESTART_STANDBY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct standby {
	pid_t pid; /* 0: there is none */
	int gate; /* the supervisor's end of the pair */
	int64_t made_ns;
	int64_t due_ns; /* none is made before */
	int64_t pause_ns; /* before the next one, if this one dies early */
	bool ready; /* it has made ready */
	_Atomic uint32_t *shown; /* shared: the pid of the last one that has, for who asks */
};

/* Fork one, if it is time. 0: this is the standby's process, and *gate is for standby_waits; else its pid, or -1: it is
 * not time, or cannot be, which is said. */
pid_t standby_make(struct standby *standby, int *gate);

/* Whether there is one that has made ready. */
bool standby_is_ready(struct standby *standby);

/* Say and forget one that has died, and end one that is stopped. */
void standby_look(struct standby *standby);

/* The server that it becomes from now on; 0: there is none. */
pid_t standby_let_go(struct standby *standby);

/* End it: it has gone then, unless the kernel keeps it for seconds. */
void standby_end(struct standby *standby);

/* In its process: it is ready, and waits until it is let go. False: its supervisor has ended. Closes the gate. */
bool standby_waits(struct standby *standby, int gate, pid_t supervisor);

#endif
