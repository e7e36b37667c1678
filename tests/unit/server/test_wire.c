/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one check of untrusted messages, and the replies built in place. */
#include "server/protocol/wire.h"

#include <errno.h>
#include <string.h>
#include <criterion/criterion.h>

#define SEQ 77u

static struct wire_message request(unsigned type, uint32_t data_size)
{
	struct wire_message m;

	memset(&m, 0, sizeof(m));
	m.request.luid = 1;
	strcpy(m.request.uuid, "LVM-uuid");
	m.request.version = 3;
	m.request.seq = SEQ;
	m.request.request_type = type;
	m.request.data_size = data_size;
	m.cn.id.idx = CN_IDX_DM;
	m.cn.id.val = CN_VAL_DM_USERSPACE_LOG;
	m.cn.len = (uint16_t)(sizeof(m.request) + data_size);
	m.nl.nlmsg_len = (uint32_t)(WIRE_DATAGRAM_MIN + data_size);
	return m;
}

static uint32_t good_size(unsigned type)
{
	switch (type) {
	case DM_ULOG_CTR:
		return 20;
	case DM_ULOG_SET_REGION_SYNC:
		return 16;
	case DM_ULOG_IS_CLEAN:
	case DM_ULOG_IN_SYNC:
	case DM_ULOG_MARK_REGION:
	case DM_ULOG_CLEAR_REGION:
	case DM_ULOG_IS_REMOTE_RECOVERING:
		return 8;
	}
	return 0;
}

static void expect(const struct wire_message *m, size_t length, enum wire_verdict verdict,
		   int error, const char *what)
{
	const char *why = NULL;
	int got = 0;

	cr_assert_eq(wire_check(m, length, &got, &why), verdict, "%s", what);
	if (verdict == WIRE_REFUSE)
		cr_assert_eq(got, error, "%s: error %d", what, got);
	if (verdict != WIRE_GOOD)
		cr_assert(why && *why, "%s: no reason given", what);
}

static void expect_whole(const struct wire_message *m, enum wire_verdict verdict, int error,
			 const char *what)
{
	expect(m, wire_length(m), verdict, error, what);
}

Test(wire, every_request_of_the_kernel_is_good)
{
	for (unsigned type = 1; type < WIRE_TYPES; type++) {
		struct wire_message m = request(type, good_size(type));

		expect_whole(&m, WIRE_GOOD, 0, wire_opcodes[type].name);
		cr_assert_eq(wire_opcode(&m), &wire_opcodes[type]);
	}
}

Test(wire, every_version_from_1_is_good_and_no_other)
{
	for (uint32_t version = 0; version < 6; version++) {
		struct wire_message m = request(DM_ULOG_DTR, 0);
		bool known = version >= 1 && version <= DM_ULOG_REQUEST_VERSION;

		m.request.version = version;
		expect_whole(&m, known ? WIRE_GOOD : WIRE_REFUSE, -EPROTO, "version");
	}
}

Test(wire, the_type_is_the_low_byte)
{
	struct wire_message m = request(DM_ULOG_IN_SYNC | 0x12345600, 8);

	expect_whole(&m, WIRE_GOOD, 0, "flags above the type");
	cr_assert_eq(wire_type(&m), DM_ULOG_IN_SYNC);
}

Test(wire, unknown_types_are_refused)
{
	static const unsigned types[] = {0, 18, 19, 100, 255, 256};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct wire_message m = request(types[i], 0);

		expect_whole(&m, WIRE_REFUSE, -EOPNOTSUPP, "type");
	}
}

Test(wire, every_truncated_length_is_dropped)
{
	struct wire_message m = request(DM_ULOG_IN_SYNC, 8);

	for (size_t length = 0; length < wire_length(&m); length++)
		expect(&m, length, WIRE_DROP, 0, "short");
}

/* Behind a datagram that ends early stands another one's rest: it must not be believed. */
Test(wire, a_header_that_promises_more_than_came_is_dropped)
{
	struct wire_message m = request(DM_ULOG_IN_SYNC, 8);

	m.nl.nlmsg_len = (uint32_t)WIRE_DATAGRAM_MIN;
	expect(&m, WIRE_DATAGRAM_MIN, WIRE_DROP, 0, "cn.len over nlmsg_len");
	m = request(DM_ULOG_IN_SYNC, 8);
	m.nl.nlmsg_len++;
	expect(&m, WIRE_DATAGRAM_MIN + 8, WIRE_DROP, 0, "nlmsg_len over length");
	m = request(DM_ULOG_IN_SYNC, 8);
	m.nl.nlmsg_len = UINT32_MAX;
	expect(&m, WIRE_DATAGRAM_MIN + 8, WIRE_DROP, 0, "nlmsg_len huge");
	m = request(DM_ULOG_IN_SYNC, 8);
	m.nl.nlmsg_len = 0;
	expect(&m, WIRE_DATAGRAM_MIN + 8, WIRE_DROP, 0, "nlmsg_len 0");
	m = request(DM_ULOG_IN_SYNC, 8);
	m.cn.len = UINT16_MAX;
	expect(&m, WIRE_DATAGRAM_MIN + 8, WIRE_DROP, 0, "cn.len huge");
	m = request(DM_ULOG_IN_SYNC, 8);
	m.cn.len = sizeof(m.request) - 1;
	expect(&m, WIRE_DATAGRAM_MIN + 8, WIRE_DROP, 0, "cn.len under the request");
}

Test(wire, longer_than_any_request_is_dropped)
{
	struct wire_message m = request(DM_ULOG_CTR, WIRE_PAYLOAD_MAX);

	expect(&m, WIRE_DATAGRAM_MAX, WIRE_GOOD, 0, "the longest");
	expect(&m, WIRE_DATAGRAM_MAX + 1, WIRE_DROP, 0, "longer");
}

/* cn_msg.len may be more than is needed (docs/protocol.md: at least 160 + data_size). */
Test(wire, padding_behind_the_payload_is_good)
{
	struct wire_message m = request(DM_ULOG_IN_SYNC, 16);

	m.request.data_size = 8;
	expect_whole(&m, WIRE_GOOD, 0, "padded");
	m.cn.len -= 8;
	expect_whole(&m, WIRE_GOOD, 0, "padded behind cn");
}

Test(wire, other_connector_ids_are_dropped)
{
	struct wire_message m = request(DM_ULOG_DTR, 0);

	m.cn.id.idx = CN_IDX_DM + 1;
	expect_whole(&m, WIRE_DROP, 0, "idx");
	m = request(DM_ULOG_DTR, 0);
	m.cn.id.val = CN_VAL_DM_USERSPACE_LOG + 1;
	expect_whole(&m, WIRE_DROP, 0, "val");
}

Test(wire, data_size_beyond_the_message_is_refused)
{
	static const uint32_t sizes[] = {9,	     16,	 377,	    0x7FFFFFFF,
					 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF};

	for (unsigned type = 1; type < WIRE_TYPES; type++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct wire_message m = request(type, 8);

			m.request.data_size = sizes[i];
			expect_whole(&m, WIRE_REFUSE, -EINVAL, wire_opcodes[type].name);
		}
	}
}

static bool fits(unsigned type, uint32_t size)
{
	switch (type) {
	case DM_ULOG_CTR:
		return size > 0;
	case DM_ULOG_IS_CLEAN:
	case DM_ULOG_IN_SYNC:
	case DM_ULOG_IS_REMOTE_RECOVERING:
		return size == 8;
	case DM_ULOG_MARK_REGION:
	case DM_ULOG_CLEAR_REGION:
		return size > 0 && size % 8 == 0;
	case DM_ULOG_FLUSH:
		return size % 8 == 0;
	case DM_ULOG_SET_REGION_SYNC:
		return size == 16;
	}
	return true;
}

Test(wire, payload_sizes_are_those_of_the_request)
{
	for (unsigned type = 1; type < WIRE_TYPES; type++) {
		for (uint32_t size = 0; size <= WIRE_PAYLOAD_MAX; size++) {
			struct wire_message m = request(type, size);

			expect_whole(&m, fits(type, size) ? WIRE_GOOD : WIRE_REFUSE, -EINVAL,
				     wire_opcodes[type].name);
		}
	}
}

Test(wire, a_uuid_without_its_end_is_refused)
{
	struct wire_message m = request(DM_ULOG_DTR, 0);

	memset(m.request.uuid, 'x', sizeof(m.request.uuid));
	expect_whole(&m, WIRE_REFUSE, -EINVAL, "no NUL");
	m.request.uuid[DM_UUID_LEN - 1] = '\0';
	expect_whole(&m, WIRE_GOOD, 0, "NUL in the last byte");
}

Test(wire, a_reply_keeps_who_asked)
{
	struct wire_message m = request(DM_ULOG_IN_SYNC, 8);

	m.cn.ack = 5;
	m.cn.flags = 6;
	m.nl.nlmsg_pid = 7;
	wire_reply(&m, -EIO, 16);
	cr_assert_eq(m.request.seq, SEQ);
	cr_assert_eq(m.cn.seq, SEQ);
	cr_assert_eq(m.cn.ack, 0);
	cr_assert_eq(m.request.error, -EIO);
	cr_assert_eq(m.request.data_size, 16);
	cr_assert_eq(m.cn.len, 160 + 16);
	cr_assert_eq(m.nl.nlmsg_len, 16 + 20 + 160 + 16);
	cr_assert_eq(wire_length(&m), 16 + 20 + 160 + 16);
	cr_assert_eq(m.request.luid, 1);
	cr_assert_str_eq(m.request.uuid, "LVM-uuid");
	cr_assert_eq(m.request.request_type, DM_ULOG_IN_SYNC);
}

/* The kernel asks again with the size that the error has written over its own. */
Test(wire, an_unknown_log_leaves_room_for_the_good_answer)
{
	static const uint32_t sizes[WIRE_TYPES] = {
		[DM_ULOG_GET_REGION_SIZE] = 8, [DM_ULOG_IS_CLEAN] = 8,
		[DM_ULOG_IN_SYNC] = 8,	       [DM_ULOG_GET_RESYNC_WORK] = 16,
		[DM_ULOG_GET_SYNC_COUNT] = 8,  [DM_ULOG_STATUS_INFO] = 64,
		[DM_ULOG_STATUS_TABLE] = 64,   [DM_ULOG_IS_REMOTE_RECOVERING] = 16,
	};

	for (unsigned type = 1; type < WIRE_TYPES; type++) {
		struct wire_message m = request(type, good_size(type));

		memset(m.payload, 0xAA, sizeof(m.payload));
		wire_reply_unknown_log(&m);
		cr_assert_eq(m.request.error, -ESRCH);
		cr_assert_eq(m.request.data_size, sizes[type], "%s", wire_opcodes[type].name);
		cr_assert_eq(m.cn.len, 160 + sizes[type]);
		for (uint32_t i = 0; i < sizes[type]; i++)
			cr_assert_eq(m.payload[i], 0);
	}
}

Test(wire, requests_that_wait_are_never_served_inline)
{
	static const unsigned workers[] = {DM_ULOG_CTR, DM_ULOG_DTR, DM_ULOG_POSTSUSPEND,
					   DM_ULOG_RESUME};

	for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++)
		cr_assert_eq(wire_opcodes[workers[i]].lane, WIRE_LANE_WORKER);
	cr_assert_eq(wire_opcodes[DM_ULOG_FLUSH].lane, WIRE_LANE_MAYBE);
	cr_assert_eq(wire_opcodes[DM_ULOG_SET_REGION_SYNC].lane, WIRE_LANE_MAYBE);
	cr_assert_eq(wire_opcodes[DM_ULOG_IN_SYNC].lane, WIRE_LANE_QUERY);
	cr_assert_eq(wire_opcodes[DM_ULOG_CLEAR_REGION].lane, WIRE_LANE_INLINE);
	/* It hands a region out. */
	cr_assert_eq(wire_opcodes[DM_ULOG_GET_RESYNC_WORK].lane, WIRE_LANE_INLINE);
}
