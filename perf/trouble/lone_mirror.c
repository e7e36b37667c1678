/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "perf/trouble/lone_mirror.h"

#include "perf/generator/client.h"
#include "perf/generator/connector.h"
#include "server/base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of what waits for nothing, or for a device that is well; a server may be stopped. */
#define ANSWER_NS (10 * NSEC_PER_SEC)
/* A request that no server may have heard is repeated so often. */
#define REPEAT_NS (2 * NSEC_PER_SEC)
#define REPEATS_MAX 10u
#define LISTEN_NS (200 * NSEC_PER_MSEC)
#define LUIDS UINT64_C(0x10AE000000000000) /* dirtylog-load's begin with 0x10AD (traffic.h) */
#define REGION_SECTORS 1024u

struct waiting {
	uint32_t seq; /* 0: nothing is on its way */
	bool came;
	struct wire_message reply;
};

static struct {
	struct client client;
	char uuid[DM_UUID_LEN];
	char table[WIRE_PAYLOAD_MAX];
	uint64_t luid;
	uint32_t seq;
	struct waiting question, mark, repeated[REPEATS_MAX];
} mirror;

void lone_mirror_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "troubled-mirror: %s: ", mirror.uuid);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\n", stderr);
	exit(1);
}

static const char *name_of_type(unsigned type)
{
	return wire_opcodes[type % WIRE_TYPES].name;
}

static struct waiting *who_waits(uint32_t seq)
{
	struct waiting *all[2 + REPEATS_MAX] = {&mirror.question, &mirror.mark};

	for (unsigned i = 0; i < REPEATS_MAX; i++)
		all[2 + i] = &mirror.repeated[i];
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->seq == seq && !all[i]->came)
			return all[i];
	return NULL;
}

static void sort_in(const struct wire_message *reply, size_t length)
{
	const char *fault = connector_frame_fault(reply, length);
	struct waiting *waiting = who_waits(reply->request.seq);

	if (fault)
		lone_mirror_die("an answer with a wrong frame: %s", fault);
	if (!waiting)
		lone_mirror_die("an answer to %s with seq %u that nobody waits for",
				name_of_type(wire_type(reply)), reply->request.seq);
	if (reply->request.luid != mirror.luid ||
	    strncmp(reply->request.uuid, mirror.uuid, DM_UUID_LEN) != 0)
		lone_mirror_die("an answer to %s that is another log's",
				name_of_type(wire_type(reply)));
	waiting->came = true;
	waiting->reply = *reply;
}

static void listen_until(int64_t end_ns)
{
	int n = client_receive(&mirror.client, end_ns - clock_now());

	if (n < 0)
		lone_mirror_die("nothing can be received: %s", strerror(-n));
	for (int i = 0; i < n; i++)
		sort_in(&mirror.client.in[i], client_length(&mirror.client, (unsigned)i));
}

static bool has_come(const struct waiting *waiting, int64_t ns)
{
	int64_t end_ns = clock_now() + ns;

	while (!waiting->came && clock_now() < end_ns)
		listen_until(end_ns);
	return waiting->came;
}

static void send_request(struct waiting *waiting, unsigned type, const void *payload, size_t bytes)
{
	struct wire_message *message = client_message(&mirror.client);
	int r;

	memset(&message->request, 0, sizeof(message->request));
	message->request.luid = mirror.luid;
	memcpy(message->request.uuid, mirror.uuid, sizeof(mirror.uuid));
	message->request.request_type = type;
	message->request.data_size = (uint32_t)bytes;
	if (bytes > 0)
		memcpy(message->payload, payload, bytes);
	waiting->seq = ++mirror.seq;
	waiting->came = false;
	r = client_queue(&mirror.client, waiting->seq);
	if (r == 0)
		r = client_send(&mirror.client);
	if (r < 0)
		lone_mirror_die("%s cannot be sent: %s", name_of_type(type), strerror(-r));
}

static const struct wire_message *put_question(unsigned type, const void *payload, size_t bytes)
{
	send_request(&mirror.question, type, payload, bytes);
	if (!has_come(&mirror.question, ANSWER_NS))
		lone_mirror_die("no answer to %s for %d s", name_of_type(type),
				(int)(ANSWER_NS / NSEC_PER_SEC));
	if (wire_type(&mirror.question.reply) != type)
		lone_mirror_die("an answer to another type than %s", name_of_type(type));
	return &mirror.question.reply;
}

void lone_mirror_open(void)
{
	int r = client_open(&mirror.client, 0);

	snprintf(mirror.uuid, sizeof(mirror.uuid), "LVM-troubled-mirror-%d", getpid());
	mirror.luid = LUIDS + (uint64_t)getpid();
	if (r < 0)
		lone_mirror_die("no netlink socket: %s", strerror(-r));
}

const struct wire_message *lone_mirror_ask(unsigned type, const uint64_t *words, unsigned count)
{
	return put_question(type, words, count * sizeof(*words));
}

int lone_mirror_error(unsigned type, const uint64_t *words, unsigned count)
{
	return lone_mirror_ask(type, words, count)->request.error;
}

int lone_mirror_error_at_last(unsigned type, const uint64_t *words, unsigned count)
{
	for (unsigned i = 0; i < REPEATS_MAX; i++) {
		send_request(&mirror.question, type, words, count * sizeof(*words));
		if (has_come(&mirror.question, REPEAT_NS))
			return mirror.question.reply.request.error;
		mirror.repeated[i] = mirror.question;
	}
	lone_mirror_die("no answer to %s, which was asked %u times", name_of_type(type),
			REPEATS_MAX);
}

static int make(size_t bytes)
{
	int r = put_question(DM_ULOG_CTR, mirror.table, bytes)->request.error;

	return r == 0 ? lone_mirror_error(DM_ULOG_RESUME, NULL, 0) : r;
}

int lone_mirror_make(const char *device, unsigned regions, const char *sync)
{
	snprintf(mirror.table, sizeof(mirror.table), "%u disk %s %u%s", regions * REGION_SECTORS,
		 device, REGION_SECTORS, sync);
	return make(strlen(mirror.table));
}

int lone_mirror_make_again(void)
{
	return make(strlen(mirror.table) + 1);
}

void lone_mirror_remove(void)
{
	lone_mirror_ask(DM_ULOG_PRESUSPEND, NULL, 0);
	lone_mirror_ask(DM_ULOG_POSTSUSPEND, NULL, 0);
	if (lone_mirror_error(DM_ULOG_DTR, NULL, 0) != 0)
		lone_mirror_die("the log cannot be removed");
}

/* "3 disk 7:1 A" */
char lone_mirror_health(void)
{
	const struct wire_message *reply = lone_mirror_ask(DM_ULOG_STATUS_INFO, NULL, 0);
	const char *text = (const char *)reply->payload;
	char health = '?';

	if (reply->request.error != 0)
		lone_mirror_die("no status: error %d", reply->request.error);
	if (memchr(text, '\0', reply->request.data_size))
		sscanf(text, "%*u disk %*s %c", &health);
	return health;
}

void lone_mirror_send_mark(uint64_t region)
{
	send_request(&mirror.mark, DM_ULOG_FLUSH, &region, sizeof(region));
}

bool lone_mirror_mark_answered(int64_t ns)
{
	return has_come(&mirror.mark, ns);
}

int lone_mirror_mark_error(void)
{
	return mirror.mark.reply.request.error;
}

void lone_mirror_close(void)
{
	int64_t end_ns = clock_now() + LISTEN_NS;

	while (clock_now() < end_ns)
		listen_until(end_ns);
	client_close(&mirror.client);
}
