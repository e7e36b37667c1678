/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests go out past the client's batches, since a spoiled one has lengths of its own. Answers
 * come in by the batch and are given out one by one.
 */
#include "tests/lib/asker.h"

#include "perf/generator/connector.h"
#include "server/base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_PORT 0x40000000u /* no process id, and so nobody's by default */

int asker_open(struct asker *asker, uint64_t luid, const char *uuid)
{
	/* A new port each time: answers to the last one must not come here. */
	static uint32_t port = FIRST_PORT;

	memset(asker, 0, sizeof(*asker));
	asker->version = DM_ULOG_REQUEST_VERSION;
	asker_become(asker, luid, uuid);
	return client_open(&asker->client, port++);
}

void asker_close(struct asker *asker)
{
	client_close(&asker->client);
}

void asker_become(struct asker *asker, uint64_t luid, const char *uuid)
{
	asker->luid = luid;
	memset(asker->uuid, 0, sizeof(asker->uuid));
	strncpy(asker->uuid, uuid, sizeof(asker->uuid) - 1);
}

struct wire_message asker_request(struct asker *asker, unsigned type, const void *payload,
				  uint32_t size)
{
	struct wire_message m;

	memset(&m, 0, sizeof(m));
	m.request.luid = asker->luid;
	memcpy(m.request.uuid, asker->uuid, sizeof(m.request.uuid));
	m.request.request_type = type;
	m.request.data_size = size;
	if (size > 0)
		memcpy(m.payload, payload, size < sizeof(m.payload) ? size : sizeof(m.payload));
	connector_frame(&m, ++asker->seq);
	m.request.version = asker->version;
	return m;
}

int asker_send(struct asker *asker, const struct wire_message *message, size_t length)
{
	const struct sockaddr_nl *to = &asker->client.to;

	if (sendto(asker->client.fd, &message->nl, length, 0, (const struct sockaddr *)to,
		   sizeof(*to)) < 0)
		return -errno;
	return 0;
}

static struct answer next_answer(struct asker *asker)
{
	unsigned index = asker->taken++;
	size_t length = client_length(&asker->client, index);
	struct answer answer = {.got = (int)length};

	memcpy(&answer.message.nl, &asker->client.in[index].nl,
	       length < WIRE_DATAGRAM_MAX ? length : WIRE_DATAGRAM_MAX);
	return answer;
}

struct answer asker_receive(struct asker *asker, int timeout_msec)
{
	int64_t end_ns = clock_now() + timeout_msec * NSEC_PER_MSEC;
	int64_t left_ns = timeout_msec * NSEC_PER_MSEC;

	while (asker->taken == asker->received && left_ns > 0) {
		int n = client_receive(&asker->client, left_ns);

		if (n < 0)
			return (struct answer){.got = n};
		asker->taken = 0;
		asker->received = (unsigned)n;
		left_ns = end_ns - clock_now();
	}
	if (asker->taken == asker->received)
		return (struct answer){.got = -EAGAIN};
	return next_answer(asker);
}

bool answer_is_foreign(const struct answer *answer, const struct wire_message *request)
{
	const struct dm_ulog_request *got = &answer->message.request;

	return answer->got < 0 || answer->got > (int)WIRE_DATAGRAM_MAX ||
	       connector_frame_fault(&answer->message, (size_t)answer->got) ||
	       got->seq != request->request.seq || got->error > 0;
}

uint64_t answer_u64(const struct answer *answer, unsigned index)
{
	uint64_t value;

	if (answer->message.request.data_size < (index + 1) * sizeof(value))
		return UINT64_MAX;
	memcpy(&value, answer->message.payload + index * sizeof(value), sizeof(value));
	return value;
}
