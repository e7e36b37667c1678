/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long wire takes to check a request and to build its reply. */
#include "perf/micro/micro.h"
#include "server/protocol/wire.h"

struct bench {
	struct wire_message request, message;
	size_t length;
	volatile int sink;
};

static void check(void *context)
{
	struct bench *bench = context;
	const char *why;
	int error;

	bench->sink = (int)wire_check(&bench->request, bench->length, &error, &why);
}

static void check_and_reply(void *context)
{
	struct bench *bench = context;

	/* What a request and its answer have in common is copied as the kernel would. */
	memcpy(&bench->message, &bench->request, bench->length);
	check(context);
	wire_reply(&bench->message, 0, sizeof(int64_t));
}

int main(void)
{
	static struct bench bench;
	struct wire_message *message = &bench.request;

	message->cn.id.idx = CN_IDX_DM;
	message->cn.id.val = CN_VAL_DM_USERSPACE_LOG;
	message->request.version = DM_ULOG_REQUEST_VERSION;
	message->request.request_type = DM_ULOG_IN_SYNC;
	strcpy(message->request.uuid, "LVM-some-mirror");
	wire_reply(message, 0, sizeof(uint64_t)); /* its lengths are those of the request */
	bench.length = wire_length(message);
	check(&bench);
	if (bench.sink != WIRE_GOOD) {
		fprintf(stderr, "the request is not good\n");
		return 1;
	}
	micro("check an IN_SYNC", 1000000, check, &bench);
	micro("copy, check and answer an IN_SYNC", 1000000, check_and_reply, &bench);
	return 0;
}
