/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both directions have 64 messages with their headers laid out once, so that a system call takes or
 * brings a batch. Waiting is in steps of 50 ms at most: the receiver sleeps in the socket's own
 * timeout, which costs no second system call, in ppoll where it must wake sooner, or not at all
 * when it polls.
 */
#include "perf/generator/client.h"

#include "perf/generator/connector.h"
#include "server/base/clock.h"

#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_NS (50 * NSEC_PER_MSEC) /* the longest sleep */

/* A socket that takes everything and keeps nothing. */
static int open_sink(struct sockaddr_nl *address)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &drop};
	int fd = connector_open(0, address);

	if (fd >= 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

/* Of a receiver that sleeps: it looks around now and then. */
static int set_tick(int fd)
{
	struct timeval tick = {.tv_usec = TICK_NS / NSEC_PER_USEC};

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick)) == 0 ? 0 : -errno;
}

static void set_up_headers(struct mmsghdr *headers, struct iovec *iov,
			   struct wire_message *messages)
{
	for (unsigned i = 0; i < CLIENT_BATCH; i++) {
		iov[i].iov_base = &messages[i].nl;
		iov[i].iov_len = WIRE_DATAGRAM_MAX;
		headers[i].msg_hdr.msg_iov = &iov[i];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
}

static void set_up_messages(struct client *client)
{
	set_up_headers(client->out_headers, client->out_iov, client->out);
	set_up_headers(client->in_headers, client->in_iov, client->in);
	client->in_headers[0].msg_hdr.msg_name = &client->from;
	for (unsigned i = 0; i < CLIENT_BATCH; i++) {
		client->out_headers[i].msg_hdr.msg_name = &client->to;
		client->out_headers[i].msg_hdr.msg_namelen = sizeof(client->to);
	}
}

int client_open(struct client *client, uint32_t port)
{
	int r;

	memset(client, 0, sizeof(*client));
	client->sink = -1;
	client->fd = connector_open(port, NULL);
	if (client->fd < 0)
		return client->fd;
	r = connector_make_room(client->fd);
	if (r == 0)
		r = set_tick(client->fd);
	if (r == 0)
		r = client->sink = open_sink(&client->to);
	client->out = calloc(CLIENT_BATCH, sizeof(*client->out));
	client->in = calloc(CLIENT_BATCH, sizeof(*client->in));
	if (r >= 0 && !(client->out && client->in))
		r = -ENOMEM;
	if (r < 0) {
		client_close(client);
		return r;
	}
	client->to.nl_groups = 1u << (CN_IDX_DM - 1);
	set_up_messages(client);
	return 0;
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	if (client->sink >= 0)
		close(client->sink);
	client->fd = client->sink = -1;
	free(client->out);
	free(client->in);
	client->out = client->in = NULL;
}

void client_unicast(struct client *client, uint32_t port)
{
	client->to.nl_groups = 0;
	client->to.nl_pid = port;
}

struct wire_message *client_message(struct client *client)
{
	return &client->out[client->queued];
}

int client_queue(struct client *client, uint32_t seq)
{
	struct wire_message *message = &client->out[client->queued];

	connector_frame(message, seq);
	client->out_iov[client->queued].iov_len = message->nl.nlmsg_len;
	client->queued++;
	return client->queued == CLIENT_BATCH ? client_send(client) : 0;
}

int client_send(struct client *client)
{
	unsigned sent = 0;

	while (sent < client->queued) {
		int n = sendmmsg(client->fd, client->out_headers + sent, client->queued - sent, 0);

		if (n > 0)
			sent += (unsigned)n;
		else if (errno != EINTR)
			break;
	}
	if (sent < client->queued) {
		client->queued = 0;
		return -errno;
	}
	client->queued = 0;
	return 0;
}

static int take(struct client *client, int flags)
{
	int n;

	client->in_headers[0].msg_hdr.msg_namelen = sizeof(client->from);
	n = recvmmsg(client->fd, client->in_headers, CLIENT_BATCH, MSG_TRUNC | flags, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
	return n;
}

static int poll_busily(struct client *client, int64_t timeout_ns)
{
	int64_t end = clock_now() + timeout_ns;
	int n;

	do {
		n = take(client, MSG_DONTWAIT);
	} while (n == 0 && clock_now() < end);
	return n;
}

int client_receive(struct client *client, int64_t timeout_ns)
{
	struct timespec timeout = {0};
	struct pollfd ready = {.fd = client->fd, .events = POLLIN};

	if (timeout_ns <= 0)
		return take(client, MSG_DONTWAIT);
	if (timeout_ns > TICK_NS)
		timeout_ns = TICK_NS;
	if (client->busy_poll)
		return poll_busily(client, timeout_ns);
	if (timeout_ns == TICK_NS)
		return take(client, MSG_WAITFORONE);
	timeout.tv_nsec = timeout_ns;
	if (ppoll(&ready, 1, &timeout, NULL) <= 0)
		return 0;
	return take(client, MSG_DONTWAIT);
}
