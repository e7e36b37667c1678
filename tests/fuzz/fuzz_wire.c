/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any datagram through the one check; what it calls good keeps the promises of server/protocol/wire.h.
 *
 * Input: the datagram, from its netlink header on. The message is as long as the datagram and no
 * longer, so that a look behind its end is seen.
 */
#include "server/protocol/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): it must hold in every build. */
static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_payload(const struct wire_message *message)
{
	uint32_t size = message->request.data_size;

	switch (wire_opcode(message)->payload) {
	case WIRE_NOTHING:
		break;
	case WIRE_STRING:
		check(size >= 1);
		break;
	case WIRE_REGION:
		check(size == 8);
		break;
	case WIRE_REGIONS:
		check(size >= 8 && size % 8 == 0);
		break;
	case WIRE_REGIONS_OR_NONE:
		check(size % 8 == 0);
		break;
	case WIRE_REGION_SYNC:
		check(size == 16);
		break;
	}
}

static void check_good(const struct wire_message *message, size_t size)
{
	check(size >= WIRE_DATAGRAM_MIN && size <= WIRE_DATAGRAM_MAX);
	check(wire_type(message) >= 1 && wire_type(message) < WIRE_TYPES);
	check(message->request.version >= 1 && message->request.version <= 3);
	check(memchr(message->request.uuid, '\0', DM_UUID_LEN));
	check(message->request.data_size <= size - WIRE_DATAGRAM_MIN);
	check_payload(message);
}

/* Each byte of the payload may be read: MSan and ASan know. */
static unsigned read_payload(const struct wire_message *message)
{
	unsigned sum = 0;

	for (uint32_t i = 0; i < message->request.data_size; i++)
		sum += message->payload[i];
	return sum;
}

static void check_reply(const struct wire_message *request, size_t size)
{
	struct wire_message reply;

	memset(&reply, 0, sizeof(reply));
	memcpy(&reply.nl, &request->nl, size);
	wire_reply_unknown_log(&reply);
	check(reply.request.data_size == wire_opcode(request)->reply_bytes);
	check(wire_length(&reply) == WIRE_DATAGRAM_MIN + reply.request.data_size);
	check(wire_length(&reply) <= WIRE_DATAGRAM_MAX);
	check(reply.cn.len == sizeof(reply.request) + reply.request.data_size);
	check(reply.cn.seq == request->request.seq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_message *message = calloc(1, offsetof(struct wire_message, nl) + size);
	volatile unsigned sum;
	const char *why = NULL;
	int error = 1;

	memcpy((uint8_t *)message + offsetof(struct wire_message, nl), data, size);
	switch (wire_check(message, size, &error, &why)) {
	case WIRE_GOOD:
		check_good(message, size);
		sum = read_payload(message);
		(void)sum;
		check_reply(message, size);
		break;
	case WIRE_REFUSE:
		check(size >= WIRE_DATAGRAM_MIN && error < 0 && why && *why);
		break;
	case WIRE_DROP:
		check(why && *why);
		break;
	}
	free(message);
	return 0;
}
