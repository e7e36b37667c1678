/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netlink connector as the dirty log uses it: sockets, and the frames of requests and answers.
 * Clients and test servers are built on it; none of them opens a socket or fills a header in by
 * itself.
 *
 * Sockets belong to the network namespace of the thread that opens them. No state; any thread.
 */
#ifndef PERF_GENERATOR_CONNECTOR_H
#define PERF_GENERATOR_CONNECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "server/protocol/wire.h"

/* A socket at this port; 0: one that is free. *address is where it can be reached, unless NULL.
 * An fd, or -errno: -EADDRINUSE when somebody has the port. */
int connector_open(uint32_t port, struct sockaddr_nl *address);

/* Hear what is sent to the dirty log's group, as a server does. 0 or -errno. */
int connector_join(int fd);

/* Room for whatever comes while nobody reads, and no ENOBUFS. 0, or -errno: -EPERM means that
 * root is needed. */
int connector_make_room(int fd);

/* The frame of a request: all headers, version and seq, by request.data_size. Type, log and
 * payload are the caller's. */
void connector_frame(struct wire_message *message, uint32_t seq);

/* What is wrong with the frame of an answer of length bytes; NULL if nothing is. */
const char *connector_frame_fault(const struct wire_message *reply, size_t length);

#endif
