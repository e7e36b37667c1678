/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The netlink socket: set up by libnl, driven by recvmmsg and sendmmsg. */
#include "server/transport.h"

#include "server/logging.h"
#include "server/stats.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#define SEND_PATIENCE_MS 1000

static int set_options(struct transport *transport, int rcvbuf)
{
	socklen_t length = sizeof(transport->rcvbuf);
	int on = 1;

	if (setsockopt(transport->fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) != 0 &&
	    setsockopt(transport->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)) != 0)
		return -errno;
	/* An overrun shall not shut the socket until it is empty (netlink_overrun()). */
	if (setsockopt(transport->fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)) != 0)
		return -errno;
	getsockopt(transport->fd, SOL_SOCKET, SO_RCVBUF, &transport->rcvbuf, &length);
	if (transport->rcvbuf / 2 < rcvbuf)
		log_warning("receive buffer is %d bytes, not the %d asked for: run as root, or "
			    "raise net.core.rmem_max",
			    transport->rcvbuf / 2, rcvbuf);
	return 0;
}

int transport_open(struct transport *transport, int rcvbuf)
{
	int r = -ENOMEM;

	transport->sock = nl_socket_alloc();
	if (!transport->sock)
		goto err;
	r = nl_connect(transport->sock, NETLINK_CONNECTOR);
	if (r < 0) {
		log_error("no netlink connector socket: %s", nl_geterror(r));
		r = -EPROTONOSUPPORT;
		goto err_free;
	}
	transport->fd = nl_socket_get_fd(transport->sock);
	r = set_options(transport, rcvbuf);
	if (r < 0) {
		log_error("cannot set up the netlink socket: %s", strerror(-r));
		goto err_free;
	}
	r = nl_socket_add_membership(transport->sock, CN_IDX_DM);
	if (r < 0) {
		log_error("cannot join connector group %d: %s (root in the initial user "
			  "namespace is needed)",
			  CN_IDX_DM, nl_geterror(r));
		r = -EPERM;
		goto err_free;
	}
	return 0;

err_free:
	nl_socket_free(transport->sock);
	transport->sock = NULL;
err:
	return r;
}

void transport_close(struct transport *transport)
{
	nl_socket_free(transport->sock);
	transport->sock = NULL;
}

void transport_leave(struct transport *transport)
{
	nl_socket_drop_membership(transport->sock, CN_IDX_DM);
}

void transport_warn_of_listeners(const struct transport *transport)
{
	uint32_t own = nl_socket_get_local_port(transport->sock);
	FILE *file = fopen("/proc/net/netlink", "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		unsigned protocol, port, groups;

		if (sscanf(line, "%*s %u %u %x", &protocol, &port, &groups) != 3)
			continue;
		if (protocol != NETLINK_CONNECTOR || port == own)
			continue;
		if (groups & (1u << (CN_IDX_DM - 1)))
			log_warning("netlink port %u also listens to the dirty log's group: the "
				    "kernel will not notice if dirtylogd stops (is cmirrord "
				    "running?)",
				    port);
	}
	if (file)
		fclose(file);
}

static void point(struct intake *intake, unsigned i, struct slot *slot)
{
	struct msghdr *header = &intake->headers[i].msg_hdr;

	intake->slots[i] = slot;
	intake->iov[i].iov_base = &slot->message.nl;
	intake->iov[i].iov_len = WIRE_DATAGRAM_MAX;
	*header = (struct msghdr){
		.msg_name = &slot->from,
		.msg_namelen = sizeof(slot->from),
		.msg_iov = &intake->iov[i],
		.msg_iovlen = 1,
	};
}

void intake_add(struct intake *intake, struct slot *slot)
{
	point(intake, intake->count++, slot);
}

void intake_drop(struct intake *intake, unsigned n)
{
	unsigned left = intake->count - n;

	/* The last ones fill the gap: only as many headers change as slots went. */
	for (unsigned i = 0; i < n && i < left; i++)
		point(intake, i, intake->slots[left < n ? n + i : left + i]);
	intake->count = left;
}

int transport_receive(struct transport *transport, struct intake *intake, bool wait)
{
	/* MSG_TRUNC: the true length of a datagram that did not fit. */
	int n = recvmmsg(transport->fd, intake->headers, intake->count,
			 MSG_TRUNC | (wait ? MSG_WAITFORONE : MSG_DONTWAIT), NULL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
	return n;
}

void outbox_add(struct outbox *outbox, struct slot *slot)
{
	outbox->waiting[outbox->count++] = slot;
	if (outbox->count == TRANSPORT_BATCH)
		outbox_send(outbox);
}

/* The kernel's side never is full; a load generator's buffer can be. */
static bool wait_for_room(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	return poll(&poll_fd, 1, SEND_PATIENCE_MS) > 0;
}

static void send_from(struct outbox *outbox, struct mmsghdr *headers)
{
	unsigned sent = 0;
	bool waited = false;

	while (sent < outbox->count) {
		int n = sendmmsg(outbox->transport->fd, headers + sent, outbox->count - sent,
				 MSG_DONTWAIT);

		if (n > 0) {
			sent += (unsigned)n;
			waited = false;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN && !waited && wait_for_room(outbox->transport->fd)) {
			waited = true;
			continue;
		}
		stats_add(STATS_REPLIES_LOST, 1);
		log_limited(LOGGING_WARNING, "a reply to netlink port %u was lost: %s",
			    outbox->waiting[sent]->from.nl_pid, strerror(errno));
		sent++;
		waited = false;
	}
}

void outbox_send(struct outbox *outbox)
{
	struct mmsghdr headers[TRANSPORT_BATCH];
	struct iovec iov[TRANSPORT_BATCH];

	if (outbox->count == 0)
		return;
	memset(headers, 0, outbox->count * sizeof(headers[0]));
	for (unsigned i = 0; i < outbox->count; i++) {
		struct slot *slot = outbox->waiting[i];

		slot->from.nl_groups = 0;
		iov[i].iov_base = &slot->message.nl;
		iov[i].iov_len = wire_length(&slot->message);
		headers[i].msg_hdr.msg_iov = &iov[i];
		headers[i].msg_hdr.msg_iovlen = 1;
		headers[i].msg_hdr.msg_name = &slot->from;
		headers[i].msg_hdr.msg_namelen = sizeof(slot->from);
	}
	send_from(outbox, headers);
	for (unsigned i = 0; i < outbox->count; i++)
		slots_give(outbox->slots, outbox->waiting[i]);
	outbox->count = 0;
}
