/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The echo server: the least that a server can do with the same messages, and so the ceiling that
 * this machine's netlink sets. A process of its own, in a network namespace of its own.
 */
#ifndef PERF_GENERATOR_ECHO_H
#define PERF_GENERATOR_ECHO_H

#include <stdbool.h>
#include <sys/types.h>

#include "perf/generator/client.h"

struct echo_config {
	bool poll; /* never sleep */
	int cpu; /* -1: any */
	uint16_t reply_bytes[WIRE_TYPES]; /* payload of the answer to each type */
};

/* Start it, and open client in its namespace; the caller's namespace stays. port: its netlink
 * port. 0 or -errno. */
int echo_start(const struct echo_config *config, struct client *client, pid_t *pid, uint32_t *port);

/* While it is not asked anything: one that polls must not take the other server's CPU. */
void echo_pause(pid_t pid);
void echo_resume(pid_t pid);

/* End it and wait for its end. */
void echo_stop(pid_t pid);

#endif
