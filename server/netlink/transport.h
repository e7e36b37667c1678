/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The netlink socket: one for the daemon, member of the connector group CN_IDX_DM.
 *
 * What goes through it: slot.h. Source: drivers/connector/connector.c, net/netlink/af_netlink.c;
 * docs/protocol.md, Transport.
 */
#ifndef SERVER_NETLINK_TRANSPORT_H
#define SERVER_NETLINK_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

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

/* Whether the kernel's side of the dirty log is there; without it nobody asks. No wait, no allocation. Any thread. */
bool transport_kernel_is_there(void);

/* Warn of others that listen to the group (/proc/net/netlink): they read uuids, and while they
 * live the kernel does not notice that the server is gone. */
void transport_warn_of_listeners(const struct transport *transport);

/* How many sockets of this network namespace listen to the kernel's requests: a daemon's own is one. */
unsigned transport_count_listeners(void);

/* How many messages to the socket the kernel has dropped since it was made, for want of room. Any thread. False:
 * the kernel does not tell (/proc/net/netlink). */
bool transport_drops(const struct transport *transport, uint64_t *drops);

#endif
