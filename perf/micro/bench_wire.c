/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long wire takes to check a request and to build its reply. */
#include "perf/generator/connector.h"
#include "perf/micro/micro.h"
#include "server/protocol/wire.h"

static struct wire_message request, message;
static size_t length;

static enum wire_verdict verdict_on_request(void)
{
	const char *why;
	int error;

	return wire_check(&request, length, &error, &why);
}

static void check(void)
{
	micro_keep(verdict_on_request());
}

static void check_and_reply(void)
{
	/* What a request and its answer have in common is copied as the kernel would. */
	memcpy(&message, &request, length);
	check();
	wire_reply(&message, 0, sizeof(int64_t));
	micro_keep_memory(&message);
}

int main(void)
{
	request.request.request_type = DM_ULOG_IN_SYNC;
	request.request.data_size = sizeof(uint64_t);
	strcpy(request.request.uuid, "LVM-some-mirror");
	connector_frame(&request, 1);
	length = wire_length(&request);
	if (verdict_on_request() != WIRE_GOOD) {
		fprintf(stderr, "the request is not good\n");
		return 1;
	}
	micro("check an IN_SYNC", 1000000, check);
	micro("copy, check and answer an IN_SYNC", 1000000, check_and_reply);
	return 0;
}
