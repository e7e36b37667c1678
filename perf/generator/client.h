/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The generator's end of netlink: requests out and answers in, up to 64 in a system call.
 *
 * A multicast goes to the port of its address as well, and to the kernel when that is 0: there it
 * would be refused, one system call a message, or taken for a server's answer where mirrors live.
 * So it goes to a socket of ours that a filter keeps empty. One thread.
 */
#ifndef PERF_GENERATOR_CLIENT_H
#define PERF_GENERATOR_CLIENT_H

#include <stdbool.h>
#include <sys/socket.h>

#include "server/protocol/wire.h"

#define CLIENT_BATCH 64u

struct client {
	int fd, sink;
	bool busy_poll; /* the caller's to set: never sleep in client_receive */
	struct sockaddr_nl to;
	struct sockaddr_nl from; /* of the last batch's first answer */
	unsigned queued;
	struct wire_message *out, *in; /* CLIENT_BATCH each */
	struct mmsghdr out_headers[CLIENT_BATCH], in_headers[CLIENT_BATCH];
	struct iovec out_iov[CLIENT_BATCH], in_iov[CLIENT_BATCH];
};

/* In the network namespace of the calling thread; multicast to the dirty log's group. port: of its
 * own, 0: any. 0 or -errno; -EPERM means that root is needed. */
int client_open(struct client *client, uint32_t port);
void client_close(struct client *client);

/* Send to this netlink port alone from now on. */
void client_unicast(struct client *client, uint32_t port);

/* The request to be filled in next, but for its frame. It is sent by client_send or when the
 * batch is full. */
struct wire_message *client_message(struct client *client);

/* Queue it, its frame filled in. Sends a full batch: 0 or -errno. */
int client_queue(struct client *client, uint32_t seq);

/* Send what is queued. 0, or -errno: -ECONNREFUSED when nobody has the port. */
int client_send(struct client *client);

/* Answers now in client->in, their lengths in client_length. Waits for up to timeout_ns for the
 * first one. 0: none came; or -errno. */
int client_receive(struct client *client, int64_t timeout_ns);

static inline size_t client_length(const struct client *client, unsigned index)
{
	return client->in_headers[index].msg_len;
}

#endif
