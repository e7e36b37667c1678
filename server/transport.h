/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The netlink socket: one for the daemon, member of the connector group CN_IDX_DM.
 *
 * Source: drivers/connector/connector.c, net/netlink/af_netlink.c; docs/protocol.md, Transport.
 */
#ifndef SERVER_TRANSPORT_H
#define SERVER_TRANSPORT_H

#include <stdint.h>

#include "server/slot.h"

#define TRANSPORT_BATCH 64u

struct nl_sock;

struct transport {
	struct nl_sock *sock;
	int fd;
	int rcvbuf; /* bytes that the kernel granted */
};

/* Open, size the buffer and join. 0 or -errno, said in the log. */
int transport_open(struct transport *transport, int rcvbuf);
void transport_close(struct transport *transport);

/* Leave the group: the kernel sees at once that nobody serves. The receiver's, at the end. */
void transport_leave(struct transport *transport);

/* Warn of others that listen to the group (/proc/net/netlink): they read uuids, and while they
 * live the kernel does not notice that the server is gone. */
void transport_warn_of_listeners(const struct transport *transport);

/* Receive up to count datagrams into slots (at most TRANSPORT_BATCH), lengths into lengths.
 * wait: block for the first. Returns how many, 0 when there is none or a signal came, or -errno.
 * The receiver's. */
int transport_receive(struct transport *transport, struct slot **slots, size_t *lengths,
		      unsigned count, bool wait);

/* Replies of one thread, sent together. */
struct outbox {
	struct transport *transport;
	struct slots *slots;
	unsigned count;
	struct slot *waiting[TRANSPORT_BATCH];
};

/* Queue the reply in slot; sends when the batch is full. The slot belongs to the outbox. */
void outbox_add(struct outbox *outbox, struct slot *slot);

/* Send all and give the slots back. */
void outbox_send(struct outbox *outbox);

#endif
