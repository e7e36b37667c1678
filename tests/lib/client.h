/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Speaks to a dirtylogd as the kernel does, from user space: the daemon needs --accept-from any.
 * For the tests; one thread. Nothing here asserts: the caller looks at what came.
 */
#ifndef TESTS_LIB_CLIENT_H
#define TESTS_LIB_CLIENT_H

#include "server/protocol/wire.h"

struct client {
	int fd;
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
int client_open(struct client *client, uint64_t luid, const char *uuid);
void client_close(struct client *client);

/* A request that is good in its frame, with the next seq. payload may be NULL when size is 0. */
struct wire_message client_request(struct client *client, unsigned type, const void *payload,
				   uint32_t size);

/* Send length bytes from message->nl on, whatever they are. 0 or -errno. */
int client_send(struct client *client, const struct wire_message *message, size_t length);

/* Wait for the next datagram. */
struct answer client_receive(struct client *client, int timeout_msec);

/* Send a good request and wait up to 5 s for its answer. */
struct answer client_ask(struct client *client, unsigned type, const void *payload, uint32_t size);

/* The answer to an other request than this one, or not an answer of the dirty log at all. */
bool answer_is_foreign(const struct answer *answer, const struct wire_message *request);

/* A 64-bit number of the payload; UINT64_MAX if the answer is not so long. */
uint64_t answer_u64(const struct answer *answer, unsigned index);

#endif
