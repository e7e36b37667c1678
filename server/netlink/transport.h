/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The netlink socket: one for the daemon, member of the connector group CN_IDX_DM.
 *
 * Source: drivers/connector/connector.c, net/netlink/af_netlink.c; docs/protocol.md, Transport.
 */
#ifndef SERVER_NETLINK_TRANSPORT_H
#define SERVER_NETLINK_TRANSPORT_H

#include <stdint.h>
#include <sys/socket.h>

#include "server/netlink/slot.h"

#define TRANSPORT_BATCH 64u

struct transport {
	int fd;
	int rcvbuf; /* bytes that the kernel granted */
};

/* Open, size the buffer and join. 0 or -errno, said in the log. */
int transport_open(struct transport *transport, int rcvbuf);

/* Take over a socket that another process has opened, and joined with. 0 or -errno: fd is no such
 * socket. */
int transport_take_over(struct transport *transport, int fd, int rcvbuf);

/* Join the group, if a predecessor has left it. */
void transport_join(struct transport *transport);

/* Leave the group: the kernel sees at once that nobody serves. The receiver's, at the end. */
void transport_leave(struct transport *transport);

/* Warn of others that listen to the group (/proc/net/netlink): they read uuids, and while they
 * live the kernel does not notice that the server is gone. */
void transport_warn_of_listeners(const struct transport *transport);

/* Slots that wait for datagrams. The headers that point to them are made once for each slot, not
 * once for each call. The receiver's. It lies in memory that outlives the process (estate.h): the
 * kernel itself writes msg_len behind each datagram (__sys_sendmmsg(), do_recvmmsg() in net/socket.c),
 * and no signal can end a thread between the two, so that a successor sees what had come. */
struct intake {
	unsigned count;
	struct slot *slots[TRANSPORT_BATCH];
	struct mmsghdr headers[TRANSPORT_BATCH];
	struct iovec iov[TRANSPORT_BATCH];
	uint32_t numbers[TRANSPORT_BATCH]; /* of the slots, for a successor */
};

/* The same of sendmmsg: what a successor must know to send nothing twice. */
struct dispatch {
	struct mmsghdr headers[TRANSPORT_BATCH];
	struct iovec iov[TRANSPORT_BATCH];
	uint32_t numbers[TRANSPORT_BATCH];
	uint64_t arrivals[TRANSPORT_BATCH]; /* the slot may be in use again */
};

/* Add a slot; there must be room. */
void intake_add(struct intake *intake, const struct slots *slots, struct slot *slot);

/* The datagram in slot i belongs to nobody but its slot from now on. */
static inline void intake_taken(struct intake *intake, unsigned i)
{
	intake->headers[i].msg_len = 0;
}

/* Receive into the slots from the first on. wait: block for the first datagram. Returns how many
 * came, 0 when there is none or a signal came, or -errno. */
int transport_receive(struct transport *transport, struct intake *intake, bool wait);

/* Bytes of the datagram in slot i, also of one that did not fit. */
static inline size_t intake_length(const struct intake *intake, unsigned i)
{
	return intake->headers[i].msg_len;
}

/* Forget the first n slots. */
void intake_drop(struct intake *intake, unsigned n);

/* Of a predecessor: free the slots whose replies were sent. */
void dispatch_settle(const struct dispatch *dispatch, struct slots *slots);

/* Replies of one thread, sent together. */
struct outbox {
	struct transport *transport;
	struct slots *slots;
	struct dispatch *dispatch;
	unsigned count;
	struct slot *waiting[TRANSPORT_BATCH];
};

/* Queue the reply in slot; sends when the batch is full. The slot belongs to the outbox. */
void outbox_add(struct outbox *outbox, struct slot *slot);

/* Send all and give the slots back. */
void outbox_send(struct outbox *outbox);

#endif
