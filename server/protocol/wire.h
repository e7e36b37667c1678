/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The wire: one netlink connector message of the userspace dirty log, checked once at the edge.
 *
 * Formats: <linux/dm-log-userspace.h>, <linux/connector.h>. What they leave unsaid:
 * docs/protocol.md. Everything here is pure: no I/O, no clock; callable from any thread.
 */
#ifndef SERVER_PROTOCOL_WIRE_H
#define SERVER_PROTOCOL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>
#include <linux/connector.h>
#include <linux/dm-log-userspace.h>

#define WIRE_TYPES 18u /* request types are 1 to 17 */
#define WIRE_VERSION_MIN 1u
#define WIRE_PAYLOAD_MAX 376u /* the kernel sends at most 332 bytes */

/* A message in memory. pad puts dm_ulog_request on its 8-byte alignment; the datagram is nl on. */
struct wire_message {
	uint32_t pad;
	struct nlmsghdr nl;
	struct cn_msg cn;
	struct dm_ulog_request request;
	uint8_t payload[WIRE_PAYLOAD_MAX];
};

#define WIRE_DATAGRAM_MAX (sizeof(struct wire_message) - offsetof(struct wire_message, nl))
#define WIRE_DATAGRAM_MIN (WIRE_DATAGRAM_MAX - WIRE_PAYLOAD_MAX)

_Static_assert(sizeof(struct dm_ulog_request) == 160, "wire layout");
_Static_assert(offsetof(struct wire_message, cn) == 20, "wire layout");
_Static_assert(offsetof(struct wire_message, request) == 40, "wire layout");
_Static_assert(offsetof(struct wire_message, payload) == 200, "wire layout");

/* What a request may carry. */
enum wire_payload {
	WIRE_NOTHING,
	WIRE_STRING, /* 1 to 376 bytes */
	WIRE_REGION, /* one u64 */
	WIRE_REGIONS, /* one u64 or more */
	WIRE_REGIONS_OR_NONE, /* none or more (integrated flush) */
	WIRE_REGION_SYNC, /* {u64 region, s64 in_sync} */
};

/* Who may answer it, and whether the answer waits for storage. */
enum wire_lane {
	WIRE_LANE_QUERY, /* whoever executes the log, at once, before others that wait: it changes nothing */
	WIRE_LANE_INLINE, /* whoever executes the log, at once */
	WIRE_LANE_MAYBE, /* the same, unless there is something to be made durable first */
	WIRE_LANE_WORKER, /* the log's worker alone: may wait for storage in any case */
};

/* What the kernel makes of the answer that a log is unknown (-ESRCH). */
enum wire_unknown {
	WIRE_UNKNOWN_REPEATED, /* makes the log again (CTR, RESUME) and sends the request again */
	WIRE_UNKNOWN_LOST, /* does not send it again: it fails, or is passed over with a warning */
	WIRE_UNKNOWN_GONE, /* is not told: that the log is gone is what it wanted */
};

/* The one table of requests: validation, dispatch, statistics, tests and fuzzers read it. Where else
 * types are told apart: docs/hacking.md. */
struct wire_opcode {
	const char *name; /* as dirtylogctl stats prints it */
	enum wire_payload payload;
	/* Bytes of a good answer's payload; an -ESRCH answer carries the same (docs/protocol.md,
	 * trap 1). For STATUS_* the size that an -ESRCH answer has. */
	uint16_t reply_bytes;
	enum wire_lane lane;
	enum wire_unknown unknown;
};

extern const struct wire_opcode wire_opcodes[WIRE_TYPES];

enum wire_verdict {
	WIRE_GOOD,
	WIRE_REFUSE, /* malformed, but whole enough to be answered with an error */
	WIRE_DROP, /* not to be answered */
};

/* Check a datagram of length bytes in message. On WIRE_REFUSE *error is the -errno to answer with;
 * on anything but WIRE_GOOD *why says what is wrong (a static string). Regions are not compared
 * with a log here: that needs the log (dirty_log_region_valid). On WIRE_GOOD the uuid is
 * NUL-terminated, the type is known, and payload has request.data_size bytes. */
enum wire_verdict wire_check(const struct wire_message *message, size_t length, int *error,
			     const char **why);

/* The type of a checked request, 1 to 17. */
static inline unsigned wire_type(const struct wire_message *message)
{
	return DM_ULOG_REQUEST_TYPE(message->request.request_type);
}

static inline const struct wire_opcode *wire_opcode(const struct wire_message *message)
{
	return &wire_opcodes[wire_type(message)];
}

/* The payload as regions; count of them. */
static inline uint64_t *wire_regions(struct wire_message *message)
{
	return (uint64_t *)message->payload;
}

static inline unsigned wire_region_count(const struct wire_message *message)
{
	return message->request.data_size / sizeof(uint64_t);
}

/* Turn a request into its reply, in place. error: 0 or -errno. The payload must be in place. */
void wire_reply(struct wire_message *message, int error, uint32_t data_size);

/* The one reply to a request on a log that is not here: -ESRCH with the good answer's size. */
void wire_reply_unknown_log(struct wire_message *message);

/* Bytes of the datagram that message holds. */
static inline size_t wire_length(const struct wire_message *message)
{
	return message->nl.nlmsg_len;
}

#endif
