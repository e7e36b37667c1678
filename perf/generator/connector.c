/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connector message is a netlink header, a connector header with the subsystem's id, and the
 * dirty log's request, whose length each of the three tells in its own way: what fills them in and
 * what compares them stand here side by side.
 */
#include "perf/generator/connector.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BUFFER (256 << 20)

int connector_open(uint32_t port, struct sockaddr_nl *address)
{
	struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_pid = port};
	socklen_t length = sizeof(own);
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
	int r;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&own, length) == 0 &&
	    getsockname(fd, (struct sockaddr *)&own, &length) == 0) {
		if (address)
			*address = own;
		return fd;
	}
	r = -errno;
	close(fd);
	return r;
}

int connector_join(int fd)
{
	int group = CN_IDX_DM;

	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
		return -errno;
	return 0;
}

int connector_make_room(int fd)
{
	int bytes = RECEIVE_BUFFER;
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)) != 0)
		return -errno;
	return 0;
}

void connector_frame(struct wire_message *message, uint32_t seq)
{
	message->request.version = DM_ULOG_REQUEST_VERSION;
	message->request.seq = seq;
	message->request.error = 0;
	message->cn.id.idx = CN_IDX_DM;
	message->cn.id.val = CN_VAL_DM_USERSPACE_LOG;
	message->cn.seq = seq;
	message->cn.len = (uint16_t)(sizeof(message->request) + message->request.data_size);
	message->nl.nlmsg_type = NLMSG_DONE;
	message->nl.nlmsg_seq = seq;
	message->nl.nlmsg_len = (uint32_t)(WIRE_DATAGRAM_MIN + message->request.data_size);
}

const char *connector_frame_fault(const struct wire_message *reply, size_t length)
{
	if (length < WIRE_DATAGRAM_MIN)
		return "shorter than its headers";
	if (reply->cn.id.idx != CN_IDX_DM || reply->cn.id.val != CN_VAL_DM_USERSPACE_LOG)
		return "connector id is not the dirty log's";
	if (reply->cn.seq != reply->request.seq)
		return "connector header tells another seq";
	if (reply->cn.ack != 0)
		return "connector header has an ack";
	if (reply->nl.nlmsg_len != length)
		return "netlink header tells another length";
	if (reply->cn.len != length - NLMSG_HDRLEN - sizeof(struct cn_msg))
		return "connector header tells another length";
	if (reply->request.data_size != length - WIRE_DATAGRAM_MIN)
		return "data_size is not what came";
	return NULL;
}
