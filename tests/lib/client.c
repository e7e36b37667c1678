/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's part of the talk. */
#include "tests/lib/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MSEC 5000
#define FIRST_PORT 0x40000000u /* no process id, and so nobody's by default */

int client_open(struct client *client, uint64_t luid, const char *uuid)
{
	/* A new port each time: answers to the last one must not come here. */
	static uint32_t port = FIRST_PORT;
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_pid = port++};

	memset(client, 0, sizeof(*client));
	client->version = DM_ULOG_REQUEST_VERSION;
	client->luid = luid;
	strncpy(client->uuid, uuid, sizeof(client->uuid) - 1);
	client->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
	if (client->fd < 0)
		return -errno;
	if (bind(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return -errno;
	return 0;
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

struct wire_message client_request(struct client *client, unsigned type, const void *payload,
				   uint32_t size)
{
	struct wire_message m;

	memset(&m, 0, sizeof(m));
	m.request.luid = client->luid;
	memcpy(m.request.uuid, client->uuid, sizeof(m.request.uuid));
	m.request.version = client->version;
	m.request.seq = ++client->seq;
	m.request.request_type = type;
	m.request.data_size = size;
	m.cn.id.idx = CN_IDX_DM;
	m.cn.id.val = CN_VAL_DM_USERSPACE_LOG;
	m.cn.seq = m.request.seq;
	m.cn.len = (uint16_t)(sizeof(m.request) + size);
	m.nl.nlmsg_type = NLMSG_DONE;
	m.nl.nlmsg_seq = m.request.seq;
	m.nl.nlmsg_len = (uint32_t)(WIRE_DATAGRAM_MIN + size);
	if (size > 0)
		memcpy(m.payload, payload, size < sizeof(m.payload) ? size : sizeof(m.payload));
	return m;
}

int client_send(struct client *client, const struct wire_message *message, size_t length)
{
	struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = 1u << (CN_IDX_DM - 1)};

	/* It is sent to port 0, the kernel, as well, which does not take it: ECONNREFUSED. */
	if (sendto(client->fd, &message->nl, length, 0, (struct sockaddr *)&group, sizeof(group)) <
		    0 &&
	    errno != ECONNREFUSED)
		return -errno;
	return 0;
}

struct answer client_receive(struct client *client, int timeout_msec)
{
	struct pollfd ready = {.fd = client->fd, .events = POLLIN};
	struct answer answer = {.got = -EAGAIN};

	if (poll(&ready, 1, timeout_msec) <= 0)
		return answer;
	answer.got = (int)recv(client->fd, &answer.message.nl, WIRE_DATAGRAM_MAX, MSG_TRUNC);
	if (answer.got < 0)
		answer.got = -errno;
	return answer;
}

struct answer client_ask(struct client *client, unsigned type, const void *payload, uint32_t size)
{
	struct wire_message request = client_request(client, type, payload, size);
	struct answer answer = {.got = client_send(client, &request, wire_length(&request))};

	return answer.got < 0 ? answer : client_receive(client, ANSWER_MSEC);
}

bool answer_is_foreign(const struct answer *answer, const struct wire_message *request)
{
	const struct wire_message *m = &answer->message;

	return answer->got < (int)WIRE_DATAGRAM_MIN || answer->got > (int)WIRE_DATAGRAM_MAX ||
	       m->cn.id.idx != CN_IDX_DM || m->cn.id.val != CN_VAL_DM_USERSPACE_LOG ||
	       m->cn.seq != request->request.seq || m->request.seq != request->request.seq ||
	       m->cn.ack != 0 || m->cn.len != sizeof(m->request) + m->request.data_size ||
	       m->nl.nlmsg_len != (uint32_t)answer->got ||
	       m->nl.nlmsg_len != WIRE_DATAGRAM_MIN + m->request.data_size || m->request.error > 0;
}

uint64_t answer_u64(const struct answer *answer, unsigned index)
{
	uint64_t value;

	if (answer->message.request.data_size < (index + 1) * sizeof(value))
		return UINT64_MAX;
	memcpy(&value, answer->message.payload + index * sizeof(value), sizeof(value));
	return value;
}
