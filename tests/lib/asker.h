/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks a dirtylogd one thing at a time, as the kernel does: the daemon needs --accept-from any. It
 * is the load generator's client with a log that it asks about, and with requests that no client
 * sends. For the tests; one thread. Nothing here asserts: the caller looks at what came.
 */
#ifndef TESTS_LIB_ASKER_H
#define TESTS_LIB_ASKER_H

#include "perf/generator/client.h"

struct asker {
	struct client client;
	unsigned taken, received; /* of the answers in client.in */
	uint32_t seq; /* of the last request */
	uint32_t version;
	uint64_t luid;
	char uuid[DM_UUID_LEN];
};

/* What came back, or -errno in got. */
struct answer {
	int got; /* bytes of the datagram, or -errno: -EAGAIN when nothing came in time */
	struct wire_message message;
};

/* 0 or -errno. version 3. */
int asker_open(struct asker *asker, uint64_t luid, const char *uuid);
void asker_close(struct asker *asker);

/* Asks about this log from now on. */
void asker_become(struct asker *asker, uint64_t luid, const char *uuid);

/* A request that is good in its frame, with the next seq. payload may be NULL when size is 0. */
struct wire_message asker_request(struct asker *asker, unsigned type, const void *payload,
				  uint32_t size);

/* Send length bytes from message->nl on, whatever they are. 0 or -errno. */
int asker_send(struct asker *asker, const struct wire_message *message, size_t length);

/* Wait for the next datagram. */
struct answer asker_receive(struct asker *asker, int timeout_msec);

/* The answer to another request than this one, or not an answer of the dirty log at all. */
bool answer_is_foreign(const struct answer *answer, const struct wire_message *request);

/* A 64-bit number of the payload; UINT64_MAX if the answer is not so long. */
uint64_t answer_u64(const struct answer *answer, unsigned index);

#endif
