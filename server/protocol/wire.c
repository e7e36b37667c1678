/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The wire: opcode table, the one check of untrusted messages, replies built in place. */
#include "server/protocol/wire.h"

#include <errno.h>
#include <string.h>

/* Source of the last column: userspace_do_request() in drivers/md/dm-log-userspace-base.c. */
const struct wire_opcode wire_opcodes[WIRE_TYPES] = {
	/* clang-format off */
	[DM_ULOG_CTR] = {"ctr", WIRE_STRING, 0, WIRE_LANE_WORKER, WIRE_UNKNOWN_LOST},
	[DM_ULOG_DTR] = {"dtr", WIRE_NOTHING, 0, WIRE_LANE_WORKER, WIRE_UNKNOWN_GONE},
	[DM_ULOG_PRESUSPEND] = {"presuspend", WIRE_NOTHING, 0, WIRE_LANE_WORKER, WIRE_UNKNOWN_LOST},
	[DM_ULOG_POSTSUSPEND] = {"postsuspend", WIRE_NOTHING, 0, WIRE_LANE_WORKER, WIRE_UNKNOWN_LOST},
	[DM_ULOG_RESUME] = {"resume", WIRE_NOTHING, 0, WIRE_LANE_WORKER, WIRE_UNKNOWN_LOST},
	[DM_ULOG_GET_REGION_SIZE] = {"get_region_size", WIRE_NOTHING, 8, WIRE_LANE_QUERY, WIRE_UNKNOWN_LOST},
	[DM_ULOG_IS_CLEAN] = {"is_clean", WIRE_REGION, 8, WIRE_LANE_QUERY, WIRE_UNKNOWN_REPEATED},
	[DM_ULOG_IN_SYNC] = {"in_sync", WIRE_REGION, 8, WIRE_LANE_QUERY, WIRE_UNKNOWN_REPEATED},
	[DM_ULOG_FLUSH] = {"flush", WIRE_REGIONS_OR_NONE, 0, WIRE_LANE_MAYBE, WIRE_UNKNOWN_REPEATED},
	[DM_ULOG_MARK_REGION] = {"mark_region", WIRE_REGIONS, 0, WIRE_LANE_MAYBE, WIRE_UNKNOWN_REPEATED},
	[DM_ULOG_CLEAR_REGION] = {"clear_region", WIRE_REGIONS, 0, WIRE_LANE_INLINE, WIRE_UNKNOWN_REPEATED},
	[DM_ULOG_GET_RESYNC_WORK] = {"get_resync_work", WIRE_NOTHING, 16, WIRE_LANE_INLINE, WIRE_UNKNOWN_REPEATED},
	[DM_ULOG_SET_REGION_SYNC] = {"set_region_sync", WIRE_REGION_SYNC, 0, WIRE_LANE_MAYBE, WIRE_UNKNOWN_REPEATED},
	[DM_ULOG_GET_SYNC_COUNT] = {"get_sync_count", WIRE_NOTHING, 8, WIRE_LANE_QUERY, WIRE_UNKNOWN_REPEATED},
	[DM_ULOG_STATUS_INFO] = {"status_info", WIRE_NOTHING, 64, WIRE_LANE_QUERY, WIRE_UNKNOWN_REPEATED},
	[DM_ULOG_STATUS_TABLE] = {"status_table", WIRE_NOTHING, 64, WIRE_LANE_QUERY, WIRE_UNKNOWN_REPEATED},
	[DM_ULOG_IS_REMOTE_RECOVERING] = {"is_remote_recovering", WIRE_REGION, 16, WIRE_LANE_QUERY, WIRE_UNKNOWN_REPEATED},
	/* clang-format on */
};

static bool payload_fits(enum wire_payload rule, uint32_t size)
{
	switch (rule) {
	case WIRE_NOTHING:
		return true; /* whatever came is not looked at */
	case WIRE_STRING:
		return size > 0;
	case WIRE_REGION:
		return size == sizeof(uint64_t);
	case WIRE_REGIONS:
		return size > 0 && size % sizeof(uint64_t) == 0;
	case WIRE_REGIONS_OR_NONE:
		return size % sizeof(uint64_t) == 0;
	case WIRE_REGION_SYNC:
		return size == 2 * sizeof(uint64_t);
	}
	return false;
}

static enum wire_verdict drop_verdict(const char **why, const char *text)
{
	*why = text;
	return WIRE_DROP;
}

static enum wire_verdict refuse_verdict(int *error, int value, const char **why, const char *text)
{
	*error = value;
	*why = text;
	return WIRE_REFUSE;
}

/* Lengths first: nothing behind a header is read before the header's own length was checked. */
static enum wire_verdict check_frame(const struct wire_message *message, size_t length,
				     const char **why)
{
	if (length < WIRE_DATAGRAM_MIN)
		return drop_verdict(why, "message shorter than its headers");
	if (length > WIRE_DATAGRAM_MAX)
		return drop_verdict(why, "message longer than any request");
	if (message->nl.nlmsg_len < WIRE_DATAGRAM_MIN || message->nl.nlmsg_len > length)
		return drop_verdict(why, "netlink header tells another length");
	if (message->cn.id.idx != CN_IDX_DM || message->cn.id.val != CN_VAL_DM_USERSPACE_LOG)
		return drop_verdict(why, "connector id is not the dirty log's");
	if (message->cn.len < sizeof(struct dm_ulog_request) ||
	    message->cn.len > message->nl.nlmsg_len - NLMSG_HDRLEN - sizeof(struct cn_msg))
		return drop_verdict(why, "connector header tells another length");
	return WIRE_GOOD;
}

enum wire_verdict wire_check(const struct wire_message *message, size_t length, int *error,
			     const char **why)
{
	const struct dm_ulog_request *request = &message->request;
	enum wire_verdict verdict = check_frame(message, length, why);
	unsigned type;

	if (verdict != WIRE_GOOD)
		return verdict;
	type = wire_type(message);
	if (request->version < WIRE_VERSION_MIN || request->version > DM_ULOG_REQUEST_VERSION)
		return refuse_verdict(error, -EPROTO, why, "unknown protocol version");
	if (type == 0 || type >= WIRE_TYPES)
		return refuse_verdict(error, -EOPNOTSUPP, why, "unknown request type");
	if (!memchr(request->uuid, '\0', DM_UUID_LEN))
		return refuse_verdict(error, -EINVAL, why, "uuid without its end");
	if (request->data_size > message->cn.len - sizeof(*request))
		return refuse_verdict(error, -EINVAL, why, "payload longer than the message");
	if (!payload_fits(wire_opcodes[type].payload, request->data_size))
		return refuse_verdict(error, -EINVAL, why, "payload of the wrong size");
	return WIRE_GOOD;
}

void wire_reply(struct wire_message *message, int error, uint32_t data_size)
{
	message->request.error = error;
	message->request.data_size = data_size;
	message->cn.seq = message->request.seq;
	message->cn.ack = 0;
	message->cn.flags = 0;
	message->cn.len = (uint16_t)(sizeof(struct dm_ulog_request) + data_size);
	message->nl.nlmsg_type = NLMSG_DONE;
	message->nl.nlmsg_flags = 0;
	message->nl.nlmsg_pid = 0;
	message->nl.nlmsg_len = (uint32_t)(WIRE_DATAGRAM_MIN + data_size);
}

void wire_reply_unknown_log(struct wire_message *message)
{
	uint32_t size = wire_opcode(message)->reply_bytes;

	memset(message->payload, 0, size);
	wire_reply(message, -ESRCH, size);
}
