/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The netlink socket: set up by libnl, driven by recvmmsg and sendmmsg. */
#include "server/netlink/transport.h"

#include "server/base/kill_point.h"
#include "server/base/diag.h"
#include "server/base/stats.h"

#include <errno.h>
#include <fcntl.h>
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
		diag_warning("receive buffer is %d bytes, not the %d asked for: run as root, or "
			     "raise net.core.rmem_max",
			     transport->rcvbuf / 2, rcvbuf);
	return 0;
}

/* libnl's socket object goes, its socket stays. */
static int keep_fd(struct nl_sock *sock)
{
	int fd = fcntl(nl_socket_get_fd(sock), F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int open_socket(struct transport *transport, struct nl_sock *sock, int rcvbuf)
{
	int r = nl_connect(sock, NETLINK_CONNECTOR);

	if (r < 0) {
		diag_error("no netlink connector socket: %s", nl_geterror(r));
		return -EPROTONOSUPPORT;
	}
	transport->fd = nl_socket_get_fd(sock);
	r = set_options(transport, rcvbuf);
	if (r < 0) {
		diag_error("cannot set up the netlink socket: %s", strerror(-r));
		return r;
	}
	r = nl_socket_add_membership(sock, CN_IDX_DM);
	if (r < 0) {
		diag_error("cannot join connector group %d: %s (root in the initial user "
			   "namespace is needed)",
			   CN_IDX_DM, nl_geterror(r));
		return -EPERM;
	}
	return keep_fd(sock);
}

int transport_open(struct transport *transport, int rcvbuf)
{
	struct nl_sock *sock = nl_socket_alloc();
	int r;

	if (!sock)
		return -ENOMEM;
	r = open_socket(transport, sock, rcvbuf);
	nl_socket_free(sock);
	transport->fd = r;
	return r < 0 ? r : 0;
}

int transport_take_over(struct transport *transport, int fd, int rcvbuf)
{
	int protocol = -1;
	socklen_t size = sizeof(protocol);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0)
		return -errno;
	if (protocol != NETLINK_CONNECTOR)
		return -EPROTOTYPE;
	transport->fd = fd;
	return set_options(transport, rcvbuf);
}

void transport_join(struct transport *transport)
{
	int group = CN_IDX_DM;

	if (setsockopt(transport->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) !=
	    0)
		diag_error("cannot join connector group %d: %s", group, strerror(errno));
}

void transport_leave(struct transport *transport)
{
	int group = CN_IDX_DM;

	setsockopt(transport->fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof(group));
}

static uint32_t own_port(const struct transport *transport)
{
	struct sockaddr_nl address = {.nl_pid = 0};
	socklen_t length = sizeof(address);

	getsockname(transport->fd, (struct sockaddr *)&address, &length);
	return address.nl_pid;
}

void transport_warn_of_listeners(const struct transport *transport)
{
	uint32_t own = own_port(transport);
	FILE *file = fopen("/proc/net/netlink", "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		unsigned protocol, port, groups;

		if (sscanf(line, "%*s %u %u %x", &protocol, &port, &groups) != 3)
			continue;
		if (protocol != NETLINK_CONNECTOR || port == own)
			continue;
		if (groups & (1u << (CN_IDX_DM - 1)))
			diag_warning("netlink port %u also listens to the dirty log's group: the "
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

void intake_add(struct intake *intake, const struct slots *slots, struct slot *slot)
{
	intake->numbers[intake->count] = slot_number(slots, slot);
	point(intake, intake->count++, slot);
}

void intake_drop(struct intake *intake, unsigned n)
{
	unsigned left = intake->count - n;

	/* The last ones fill the gap: only as many headers change as slots went. */
	for (unsigned i = 0; i < n && i < left; i++) {
		unsigned from = left < n ? n + i : left + i;

		intake->numbers[i] = intake->numbers[from];
		point(intake, i, intake->slots[from]);
	}
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
	kill_point("replied");
	slot_set_phase(slot, SLOT_ANSWERED);
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
		diag_limited(DIAG_WARNING, "a reply to netlink port %u was lost: %s",
			     outbox->waiting[sent]->from.nl_pid, strerror(errno));
		sent++;
		waited = false;
	}
}

/* The entry is nobody's while it changes: msg_len goes first, the arrival comes last. */
static void address_entry(struct outbox *outbox, unsigned i)
{
	struct dispatch *dispatch = outbox->dispatch;
	struct slot *slot = outbox->waiting[i];

	dispatch->headers[i].msg_len = 0;
	atomic_signal_fence(memory_order_seq_cst);
	slot->from.nl_groups = 0;
	dispatch->iov[i] = (struct iovec){.iov_base = &slot->message.nl,
					  .iov_len = wire_length(&slot->message)};
	dispatch->headers[i].msg_hdr = (struct msghdr){
		.msg_name = &slot->from,
		.msg_namelen = sizeof(slot->from),
		.msg_iov = &dispatch->iov[i],
		.msg_iovlen = 1,
	};
	dispatch->numbers[i] = slot_number(outbox->slots, slot);
	dispatch->arrivals[i] = slot->arrival;
}

void outbox_send(struct outbox *outbox)
{
	if (outbox->count == 0)
		return;
	for (unsigned i = 0; i < outbox->count; i++)
		address_entry(outbox, i);
	atomic_signal_fence(memory_order_seq_cst);
	kill_point("answered");
	send_from(outbox, outbox->dispatch->headers);
	kill_point("sent");
	for (unsigned i = 0; i < outbox->count; i++)
		slots_give(outbox->slots, outbox->waiting[i]);
	outbox->count = 0;
}

void dispatch_settle(const struct dispatch *dispatch, struct slots *slots)
{
	for (unsigned i = 0; i < TRANSPORT_BATCH; i++) {
		struct slot *slot;

		if (dispatch->headers[i].msg_len == 0 || dispatch->numbers[i] >= slots->count)
			continue;
		slot = &slots->all[dispatch->numbers[i]];
		if (slot->arrival == dispatch->arrivals[i] && slot_phase(slot) == SLOT_ANSWERED)
			slot_set_phase(slot, SLOT_FREE);
	}
}
