/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each request is sent by bench.asker and has its answer, which is looked at whole: a test that
 * asks for one number still fails when a frame is wrong or an answer is another's.
 */
#include "tests/lib/requests.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The whole message is looked at, but for error and payload. */
static void expect_own(const struct answer *answer, const struct wire_message *request)
{
	const char *name = wire_opcodes[wire_type(request)].name;
	const struct dm_ulog_request *got = &answer->message.request;

	cr_assert_gt(answer->got, 0, "%s: no answer (%d)\n%s", name, answer->got, output());
	cr_assert_not(answer_is_foreign(answer, request),
		      "%s: not its answer: %d bytes of type %u, seq %u for %u, error %d, log %lu",
		      name, answer->got, wire_type(&answer->message), got->seq,
		      request->request.seq, got->error, (unsigned long)got->luid);
}

struct wire_message send_request(unsigned type, const void *payload, uint32_t size)
{
	struct wire_message request = asker_request(&bench.asker, type, payload, size);

	cr_assert_eq(asker_send(&bench.asker, &request, wire_length(&request)), 0);
	return request;
}

struct answer await_answer(const struct wire_message *request)
{
	struct answer answer = asker_receive(&bench.asker, WAIT_MSEC);

	expect_own(&answer, request);
	return answer;
}

void await_success(const struct wire_message *request)
{
	cr_assert_eq(await_answer(request).message.request.error, 0);
}

void expect_silence(unsigned msec)
{
	struct answer answer = asker_receive(&bench.asker, (int)msec);

	cr_assert_eq(answer.got, -EAGAIN, "an answer too many: type %u, seq %u",
		     wire_type(&answer.message), answer.message.request.seq);
}

struct answer ask(unsigned type, const void *payload, uint32_t size)
{
	struct wire_message request = send_request(type, payload, size);

	return await_answer(&request);
}

int ask_error(unsigned type, const void *payload, uint32_t size)
{
	return ask(type, payload, size).message.request.error;
}

void ask_ok(unsigned type, const void *payload, uint32_t size)
{
	struct answer answer = ask(type, payload, size);

	cr_assert_eq(answer.message.request.error, 0, "%s: error %d\n%s", wire_opcodes[type].name,
		     answer.message.request.error, output());
	cr_assert_eq(answer.message.request.data_size, 0, "%s", wire_opcodes[type].name);
}

uint64_t ask_u64(unsigned type, const void *payload, uint32_t size)
{
	struct answer answer = ask(type, payload, size);

	cr_assert_eq(answer.message.request.error, 0, "%s: error %d", wire_opcodes[type].name,
		     answer.message.request.error);
	cr_assert_eq(answer.message.request.data_size, 8, "%s", wire_opcodes[type].name);
	return answer_u64(&answer, 0);
}

uint64_t in_sync(uint64_t region)
{
	return ask_u64(DM_ULOG_IN_SYNC, &region, sizeof(region));
}

uint64_t is_clean(uint64_t region)
{
	return ask_u64(DM_ULOG_IS_CLEAN, &region, sizeof(region));
}

uint64_t sync_count(void)
{
	return ask_u64(DM_ULOG_GET_SYNC_COUNT, NULL, 0);
}

void mark(uint64_t region)
{
	ask_ok(DM_ULOG_MARK_REGION, &region, sizeof(region));
}

void clear(uint64_t region)
{
	ask_ok(DM_ULOG_CLEAR_REGION, &region, sizeof(region));
}

void flush(void)
{
	ask_ok(DM_ULOG_FLUSH, NULL, 0);
}

int set_region_sync(uint64_t region, int64_t value)
{
	int64_t payload[2] = {(int64_t)region, value};

	return ask_error(DM_ULOG_SET_REGION_SYNC, payload, sizeof(payload));
}

void expect_text(unsigned type, const char *text)
{
	struct answer answer = ask(type, NULL, 0);

	cr_assert_eq(answer.message.request.error, 0);
	cr_assert_eq(answer.message.request.data_size, strlen(text) + 1);
	cr_assert_str_eq((const char *)answer.message.payload, text);
}

void expect_pair(unsigned type, const void *payload, uint32_t size, uint64_t first, uint64_t second)
{
	struct answer answer = ask(type, payload, size);

	cr_assert_eq(answer.message.request.error, 0);
	cr_assert_eq(answer.message.request.data_size, 16);
	cr_assert_eq(answer_u64(&answer, 0), first, "%s", wire_opcodes[type].name);
	cr_assert_eq(answer_u64(&answer, 1), second, "%s: %lu", wire_opcodes[type].name,
		     answer_u64(&answer, 1));
}

void expect_work(uint64_t region)
{
	expect_pair(DM_ULOG_GET_RESYNC_WORK, NULL, 0, 1, region);
}

void expect_no_work(void)
{
	struct answer answer = ask(DM_ULOG_GET_RESYNC_WORK, NULL, 0);

	cr_assert_eq(answer.message.request.error, 0);
	cr_assert_eq(answer_u64(&answer, 0), 0);
}

void expect_hint(uint64_t hint)
{
	uint64_t region = 1;

	expect_pair(DM_ULOG_IS_REMOTE_RECOVERING, &region, sizeof(region), 0, hint);
}

static struct answer ctr_with(const char *format, va_list args)
{
	char text[WIRE_PAYLOAD_MAX + 1];

	vsnprintf(text, sizeof(text), format, args);
	return ask(DM_ULOG_CTR, text, (uint32_t)strlen(text));
}

struct answer ctr(const char *format, ...)
{
	struct answer answer;
	va_list args;

	va_start(args, format);
	answer = ctr_with(format, args);
	va_end(args);
	return answer;
}

void ctr_ok(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	cr_assert_eq(ctr_with(format, args).message.request.error, 0, "CTR %s\n%s", format,
		     output());
	va_end(args);
}

int reconnect_error(const char *format, ...)
{
	char text[WIRE_PAYLOAD_MAX];
	va_list args;
	int bytes;

	va_start(args, format);
	bytes = vsnprintf(text, sizeof(text), format, args) + 1;
	va_end(args);
	return ask_error(DM_ULOG_CTR, text, (uint32_t)bytes);
}

void reconnect(const struct loop_device *loop, unsigned regions)
{
	cr_assert_eq(reconnect_error("%u disk %s 8", regions * 8, loop->path), 0);
}

void resume(void)
{
	ask_ok(DM_ULOG_RESUME, NULL, 0);
}

void make_log(const struct loop_device *loop, unsigned regions, const char *options)
{
	ctr_ok("%u disk %s 8%s", regions * 8, loop->path, options);
	resume();
}

void destroy_log(void)
{
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
}

void become(uint64_t luid, const char *uuid)
{
	asker_become(&bench.asker, luid, uuid);
}
