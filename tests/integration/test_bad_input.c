/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that are malformed, absurd or not the kernel's: they are refused or dropped, and what is
 * there does not change.
 */
#include "perf/generator/dice.h"
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(bad_input, .init = set_up, .fini = tear_down, .timeout = 60);

/* --- a log that must not change --- */

/* The log that must not change: 3 is dirty, 4 lazy, 5 out of sync. */
static struct {
	struct loop_device loop;
	uint8_t image[2048];
} victim;

static void make_victim(void)
{
	victim.loop = make_loop(DEVICE_BYTES, 512);
	start();
	make_log(&victim.loop, REGIONS, " nosync");
	mark(3);
	mark(4);
	flush();
	clear(4);
	cr_assert_eq(set_region_sync(5, 0), 0);
	cr_assert_eq(pread(victim.loop.file, victim.image, sizeof(victim.image), 0),
		     (ssize_t)sizeof(victim.image));
}

static void expect_victim_unchanged(const char *name)
{
	uint8_t image[sizeof(victim.image)];

	become(1, "LVM-one");
	cr_assert_eq(sync_count(), REGIONS - 1, "%s", name);
	for (uint64_t r = 0; r < REGIONS; r++) {
		cr_assert_eq(is_clean(r), r != 3 && r != 5, "%s: region %lu", name, r);
		cr_assert_eq(in_sync(r), r != 5, "%s: region %lu", name, r);
	}
	cr_assert_eq(pread(victim.loop.file, image, sizeof(image), 0), (ssize_t)sizeof(image));
	cr_assert_eq(memcmp(image, victim.image, sizeof(image)), 0, "%s: device changed", name);
}

/* --- frames --- */

enum expected { ERROR, DROPPED, ANSWER };

/* A whole message and how many bytes of it are sent. */
struct spoiled {
	struct wire_message message;
	size_t length;
};

struct spoiler {
	const char *name;
	void (*spoil)(struct spoiled *bad);
	enum expected expected;
	int error;
};

static void other_idx(struct spoiled *bad)
{
	bad->message.cn.id.idx++;
}

static void other_val(struct spoiled *bad)
{
	bad->message.cn.id.val = 0;
}

static void cn_len_short(struct spoiled *bad)
{
	bad->message.cn.len = sizeof(bad->message.request) - 1;
}

static void cn_len_0(struct spoiled *bad)
{
	bad->message.cn.len = 0;
}

static void cn_len_max(struct spoiled *bad)
{
	bad->message.cn.len = UINT16_MAX;
}

static void nl_len_over(struct spoiled *bad)
{
	bad->message.nl.nlmsg_len++;
}

static void nl_len_0(struct spoiled *bad)
{
	bad->message.nl.nlmsg_len = 0;
}

static void nl_len_max(struct spoiled *bad)
{
	bad->message.nl.nlmsg_len = UINT32_MAX;
}

static void one_byte_short(struct spoiled *bad)
{
	bad->length--;
}

static void only_headers(struct spoiled *bad)
{
	bad->length = sizeof(struct nlmsghdr) + sizeof(struct cn_msg);
}

static void one_byte(struct spoiled *bad)
{
	bad->length = 1;
}

static void longest(struct spoiled *bad)
{
	bad->length = WIRE_DATAGRAM_MAX;
}

static void version_0(struct spoiled *bad)
{
	bad->message.request.version = 0;
}

static void version_4(struct spoiled *bad)
{
	bad->message.request.version = 4;
}

static void version_max(struct spoiled *bad)
{
	bad->message.request.version = UINT32_MAX;
}

static void type_0(struct spoiled *bad)
{
	bad->message.request.request_type = 0;
}

static void type_18(struct spoiled *bad)
{
	bad->message.request.request_type = 18;
}

static void type_255(struct spoiled *bad)
{
	bad->message.request.request_type = UINT32_MAX;
}

static void uuid_endless(struct spoiled *bad)
{
	memset(bad->message.request.uuid, 'x', sizeof(bad->message.request.uuid));
}

static void data_size_over(struct spoiled *bad)
{
	bad->message.request.data_size += 8;
}

static void data_size_max(struct spoiled *bad)
{
	bad->message.request.data_size = UINT32_MAX;
}

static void data_size_negative(struct spoiled *bad)
{
	bad->message.request.data_size = UINT32_MAX - 7;
}

/* What follows is none of the server's business: it must not mind. */
static void error_set(struct spoiled *bad)
{
	bad->message.request.error = -77;
}

static void headers_odd(struct spoiled *bad)
{
	bad->message.cn.ack = 99;
	bad->message.cn.flags = 0xFFFF;
	bad->message.cn.seq = 0;
	bad->message.nl.nlmsg_type = 0x7777;
	bad->message.nl.nlmsg_flags = 0xFFFF;
	bad->message.nl.nlmsg_seq = UINT32_MAX;
	bad->message.nl.nlmsg_pid = 12345;
}

static void flags_above_type(struct spoiled *bad)
{
	bad->message.request.request_type |= 0xABCDEF00;
}

static const struct spoiler spoilers[] = {
	{"another connector idx", other_idx, DROPPED, 0},
	{"another connector val", other_val, DROPPED, 0},
	{"cn.len under the request", cn_len_short, DROPPED, 0},
	{"cn.len 0", cn_len_0, DROPPED, 0},
	{"cn.len of 64 KiB", cn_len_max, DROPPED, 0},
	{"nlmsg_len over the datagram", nl_len_over, DROPPED, 0},
	{"nlmsg_len 0", nl_len_0, DROPPED, 0},
	{"nlmsg_len of 4 GiB", nl_len_max, DROPPED, 0},
	{"a byte missing", one_byte_short, DROPPED, 0},
	{"headers alone", only_headers, DROPPED, 0},
	{"one byte", one_byte, DROPPED, 0},
	{"version 0", version_0, ERROR, -EPROTO},
	{"version 4", version_4, ERROR, -EPROTO},
	{"version 2^32-1", version_max, ERROR, -EPROTO},
	{"type 0", type_0, ERROR, -EOPNOTSUPP},
	{"type 18", type_18, ERROR, -EOPNOTSUPP},
	{"type 255", type_255, ERROR, -EOPNOTSUPP},
	{"uuid without its end", uuid_endless, ERROR, -EINVAL},
	{"data_size over the message", data_size_over, ERROR, -EINVAL},
	{"data_size 2^32-1", data_size_max, ERROR, -EINVAL},
	{"data_size 2^32-8", data_size_negative, ERROR, -EINVAL},
	{"an error in the request", error_set, ANSWER, 0},
	{"odd headers", headers_odd, ANSWER, 0},
	{"flags above the type", flags_above_type, ANSWER, 0},
	{"a tail behind the message", longest, ANSWER, 0},
};

static void expect_error(const char *name, const struct spoiled *bad, int error)
{
	struct answer answer = asker_receive(&bench.asker, WAIT_MSEC);
	unsigned type = wire_type(&bad->message);
	uint32_t size = type > 0 && type < WIRE_TYPES ? wire_opcodes[type].reply_bytes : 0;

	cr_assert_not(answer_is_foreign(&answer, &bad->message), "%s: not its answer", name);
	cr_assert_eq(answer.message.request.error, error, "%s: error %d", name,
		     answer.message.request.error);
	cr_assert_eq(answer.message.request.data_size, size, "%s: %u bytes", name,
		     answer.message.request.data_size);
}

static void expect_answer(const char *name, const struct spoiled *bad)
{
	struct answer answer = asker_receive(&bench.asker, WAIT_MSEC);

	cr_assert_not(answer_is_foreign(&answer, &bad->message), "%s: not its answer", name);
	cr_assert_eq(answer.message.request.error, 0, "%s: error %d", name,
		     answer.message.request.error);
}

/* A dropped message has no answer: the next one that comes belongs to a good request. */
static void expect_treated(const char *name, const struct spoiled *bad, enum expected expected,
			   int error)
{
	int r = asker_send(&bench.asker, &bad->message, bad->length);

	cr_assert_eq(r, 0, "%s: cannot be sent: %s", name, strerror(-r));
	if (expected == ERROR)
		expect_error(name, bad, error);
	else if (expected == ANSWER)
		expect_answer(name, bad);
	expect_victim_unchanged(name);
}

/* A request that changes nothing of the victim when it is good. */
static struct spoiled harmless(unsigned type)
{
	static const uint64_t region_sync[2] = {6, 1};
	struct spoiled bad;
	uint64_t region = type == DM_ULOG_CLEAR_REGION ? 6 : 3;

	switch (wire_opcodes[type].payload) {
	case WIRE_NOTHING:
		bad.message = asker_request(&bench.asker, type, NULL, 0);
		break;
	case WIRE_STRING:
		bad.message = asker_request(&bench.asker, type, "160 core 8", 10);
		break;
	case WIRE_REGION_SYNC:
		bad.message = asker_request(&bench.asker, type, region_sync, 16);
		break;
	default:
		bad.message = asker_request(&bench.asker, type, &region, 8);
	}
	if (type == DM_ULOG_CTR || type == DM_ULOG_DTR || type == DM_ULOG_POSTSUSPEND ||
	    type == DM_ULOG_RESUME)
		bad.message.request.luid = 100 + type; /* another log */
	bad.length = wire_length(&bad.message);
	return bad;
}

/* RESUME and POSTSUSPEND of another log, which is unknown. */
static bool answered_as_unknown(unsigned type)
{
	return type == DM_ULOG_RESUME || type == DM_ULOG_POSTSUSPEND;
}

static void spoil_all(unsigned type)
{
	for (size_t i = 0; i < sizeof(spoilers) / sizeof(spoilers[0]); i++) {
		const struct spoiler *spoiler = &spoilers[i];
		struct spoiled bad = harmless(type);
		char name[96];

		snprintf(name, sizeof(name), "%s, %s", wire_opcodes[type].name, spoiler->name);
		spoiler->spoil(&bad);
		if (spoiler->expected == ANSWER && answered_as_unknown(type))
			expect_treated(name, &bad, ERROR, -ESRCH);
		else
			expect_treated(name, &bad, spoiler->expected, spoiler->error);
	}
}

Test(bad_input, bad_frames_change_nothing)
{
	make_victim();
	for (unsigned type = 1; type < WIRE_TYPES; type++)
		spoil_all(type);
}

/* --- payloads --- */

struct bad_payload {
	unsigned type;
	uint32_t size;
	uint64_t words[4];
	enum expected expected;
	uint64_t answer; /* the last word of it */
};

#define MAX UINT64_MAX
#define SIGN (UINT64_C(1) << 63)

static const struct bad_payload bad_payloads[] = {
	{DM_ULOG_IN_SYNC, 8, {REGIONS}, ANSWER, 0},
	{DM_ULOG_IN_SYNC, 8, {SIGN}, ANSWER, 0},
	{DM_ULOG_IN_SYNC, 8, {MAX}, ANSWER, 0},
	{DM_ULOG_IN_SYNC, 0, {0}, ERROR, 0},
	{DM_ULOG_IN_SYNC, 7, {0}, ERROR, 0},
	{DM_ULOG_IN_SYNC, 16, {0}, ERROR, 0},
	{DM_ULOG_IS_CLEAN, 8, {REGIONS}, ANSWER, 0},
	{DM_ULOG_IS_CLEAN, 8, {SIGN}, ANSWER, 0},
	{DM_ULOG_IS_CLEAN, 8, {MAX}, ANSWER, 0},
	{DM_ULOG_IS_CLEAN, 4, {0}, ERROR, 0},
	{DM_ULOG_IS_REMOTE_RECOVERING, 8, {MAX}, ANSWER, REGIONS - 1},
	{DM_ULOG_IS_REMOTE_RECOVERING, 0, {0}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 8, {REGIONS}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 8, {MAX}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 16, {0, REGIONS}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 24, {0, 1, SIGN}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 0, {0}, ERROR, 0},
	{DM_ULOG_MARK_REGION, 12, {0, 1}, ERROR, 0},
	{DM_ULOG_CLEAR_REGION, 8, {REGIONS}, ERROR, 0},
	{DM_ULOG_CLEAR_REGION, 16, {3, MAX}, ERROR, 0},
	{DM_ULOG_CLEAR_REGION, 0, {0}, ERROR, 0},
	{DM_ULOG_CLEAR_REGION, 9, {3, 3}, ERROR, 0},
	{DM_ULOG_FLUSH, 8, {REGIONS}, ERROR, 0},
	{DM_ULOG_FLUSH, 32, {0, 1, 2, MAX}, ERROR, 0},
	{DM_ULOG_FLUSH, 15, {0, 1}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 16, {REGIONS, 1}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 16, {REGIONS, 0}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 16, {MAX, 0}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 8, {5}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 24, {5, 1, 0}, ERROR, 0},
	{DM_ULOG_SET_REGION_SYNC, 0, {0}, ERROR, 0},
};

Test(bad_input, regions_out_of_range_change_nothing)
{
	make_victim();
	for (size_t i = 0; i < sizeof(bad_payloads) / sizeof(bad_payloads[0]); i++) {
		const struct bad_payload *row = &bad_payloads[i];
		const char *name = wire_opcodes[row->type].name;
		struct answer answer = ask(row->type, row->words, row->size);
		uint32_t bytes = wire_opcodes[row->type].reply_bytes;

		cr_assert_eq(answer.message.request.data_size, bytes, "%s, row %zu", name, i);
		if (row->expected == ERROR)
			cr_assert_eq(answer.message.request.error, -EINVAL, "%s, row %zu", name, i);
		else
			cr_assert_eq(answer.message.request.error, 0, "%s, row %zu", name, i);
		if (row->expected == ANSWER)
			cr_assert_eq(answer_u64(&answer, bytes / 8 - 1), row->answer, "%s, row %zu",
				     name, i);
		expect_victim_unchanged(name);
	}
}

/* length 0: as long as the text. */
static const struct {
	const char *text;
	uint32_t length;
} bad_ctrs[] = {
	{"", 1},
	{" ", 0},
	{"\0\0\0", 3},
	{"160 core 8\0\0", 12},
	{"160 core\0 8", 11},
	{"160", 0},
	{"160 core", 0},
	{"160 core 7", 0},
	{"160 core 4", 0},
	{"160 core 0", 0},
	{"160 core 99999999999999999999", 0},
	{"0 core 8", 0},
	{"-160 core 8", 0},
	{"0x160 core 8", 0},
	{"18446744073709551616 core 8", 0},
	{"9223372036854775808 core 8", 0},
	{"160 core 8 nosync sync", 0},
	{"160 core 8 %s%s%s%n", 0},
	{"160 nonsense 8", 0},
	{"160 disk 8", 0},
	{"160 disk ../../etc/passwd 8", 0},
	{"160 disk /dev/ 8", 0},
	{"160 disk /dev/null 8", 0},
	{"160 disk 4294967295:4294967295 8", 0},
	{"160 disk -1:-1 8", 0},
	{"160 disk 99999999999999999999:0 8", 0},
	{"\xFF\xFE\x80\x01\x1B[2J core 8", 0},
	{"9223372036854775807 core 8", 0}, /* 2^60 regions: no memory */
};

Test(bad_input, absurd_constructor_strings_are_refused)
{
	make_victim();
	for (size_t i = 0; i < sizeof(bad_ctrs) / sizeof(bad_ctrs[0]); i++) {
		uint32_t length = bad_ctrs[i].length;

		become(1000 + i, "LVM-absurd");
		if (length == 0)
			length = (uint32_t)strlen(bad_ctrs[i].text);
		cr_assert_lt(ask_error(DM_ULOG_CTR, bad_ctrs[i].text, length), 0,
			     "\"%s\" was taken", bad_ctrs[i].text);
		cr_assert_eq(ask_error(DM_ULOG_GET_SYNC_COUNT, NULL, 0), -ESRCH, "\"%s\"",
			     bad_ctrs[i].text);
		expect_victim_unchanged(bad_ctrs[i].text);
	}
}

/* What a table line gives whose <ARGC> is 7 instead of 4. */
Test(bad_input, words_that_were_miscounted_are_told)
{
	start();
	cr_assert_eq(ctr("160 disk /dev/log 8 2 /dev/leg0 0").message.request.error, -EINVAL);
	expect_said("as if the mirror's legs were the log's",
		    "<ARGC> counts the words behind it from the UUID on: 4, or 5 with "
		    "integrated_flush, not 7 or 8");
	cr_assert_eq(ctr("160 disk /dev/log").message.request.error, -EINVAL);
	expect_said("region size is missing",
		    "from the UUID on: 4, or 5 with integrated_flush, not 3 or 4");
}

Test(bad_input, a_bad_constructor_string_ends_no_log)
{
	static const char good[] = "160 core 8 nosync";
	static const char bad[] = "160 nonsense 8";
	uint64_t luid = bench.asker.luid;

	start();
	become(luid, "LVM-good");
	ask_ok(DM_ULOG_CTR, good, sizeof(good) - 1);
	resume();
	cr_assert_lt(ask_error(DM_ULOG_CTR, bad, sizeof(bad) - 1), 0);
	cr_assert_eq(sync_count(), 20);
	become(luid, "LVM-other");
	cr_assert_lt(ask_error(DM_ULOG_CTR, bad, sizeof(bad) - 1), 0);
	become(luid, "LVM-good");
	cr_assert_eq(sync_count(), 20);
}

Test(bad_input, a_constructor_string_of_the_longest_size_is_read_whole)
{
	char text[WIRE_PAYLOAD_MAX];

	start();
	memset(text, ' ', sizeof(text));
	memcpy(text, "160 core 8", 10);
	memcpy(text + sizeof(text) - 6, "nosync", 6);
	ask_ok(DM_ULOG_CTR, text, sizeof(text));
	resume();
	cr_assert_eq(sync_count(), REGIONS);
	become(2, "LVM-two");
	memset(text, 'x', sizeof(text));
	cr_assert_eq(ask_error(DM_ULOG_CTR, text, sizeof(text)), -EINVAL);
}

/* --- datagrams --- */

/* Oversized datagrams: they have to be sent from memory that is so long. */
Test(bad_input, datagrams_longer_than_any_request_are_dropped)
{
	static const size_t lengths[] = {WIRE_DATAGRAM_MAX + 1, 1024, 4096, 65536};
	struct wire_message *huge = calloc(1, 1 << 17);

	make_victim();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		*huge = asker_request(&bench.asker, DM_ULOG_IN_SYNC, "\3\0\0\0\0\0\0\0", 8);
		cr_assert_eq(asker_send(&bench.asker, huge, lengths[i]), 0);
		expect_victim_unchanged("small one with a long tail");
		*huge = asker_request(&bench.asker, DM_ULOG_IN_SYNC, "\3\0\0\0\0\0\0\0", 8);
		huge->nl.nlmsg_len = (uint32_t)lengths[i];
		huge->cn.len = 65000;
		huge->request.data_size = 64000;
		cr_assert_eq(asker_send(&bench.asker, huge, lengths[i]), 0);
		expect_victim_unchanged("a long one");
	}
	free(huge);
}

/* What is still on its way to the client is of no interest. */
static void forget_answers(void)
{
	uint32_t seq = bench.asker.seq;

	asker_close(&bench.asker);
	cr_assert_eq(asker_open(&bench.asker, 1, "LVM-one"), 0);
	bench.asker.seq = seq;
}

/* Good messages with up to 4 bytes changed, for another log than the victim. The same ones on
 * every run. */
Test(bad_input, survives_random_bytes)
{
	uint64_t dice = 1;

	make_victim();
	for (unsigned i = 0; i < 4000; i++) {
		struct spoiled bad = harmless(1 + i % (WIRE_TYPES - 1));
		uint8_t *bytes = (uint8_t *)&bad.message.nl;

		bad.message.request.luid = 50;
		for (unsigned k = 0; k < 1 + i % 4; k++) {
			uint64_t where = dice_below(&dice, bad.length);

			bytes[where] = (uint8_t)dice_roll(&dice);
		}
		asker_send(&bench.asker, &bad.message, bad.length);
		if (i % 64 == 63) {
			forget_answers();
			expect_victim_unchanged("random bytes");
		}
	}
}

/* --- of others --- */

Test(bad_input, messages_of_others_than_the_kernel_are_dropped)
{
	start_with("kernel", "auto", NEVER);
	send_request(DM_ULOG_CTR, "160 core 8", 10);
	expect_silence(QUIET_MSEC);
	expect_said("not the kernel", "dropped");
}

/* In a process of its own: 0 when nobody is told off. */
static int ask_as_nobody(void)
{
	static const char *const lines[] = {"logs\n",	    "status\n",
					    "metrics\n",    "stay\n",
					    "relieve\n",    "set clear-delay 7\n",
					    "whole logs\n", "pause LVM-one 1\n"};
	char text[64];

	if (setuid(65534) != 0)
		return 2;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		text[0] = '\0';
		control_ask(lines[i], text, sizeof(text));
		if (strncmp(text, "error: only root", 16) != 0)
			return 1;
	}
	return 0;
}

/* A luid is an address in the kernel. */
Test(bad_input, tells_its_logs_to_root_alone)
{
	static const char text[] = "160 core 8 nosync";
	int status;
	pid_t pid;

	start();
	ask_ok(DM_ULOG_CTR, text, sizeof(text) - 1);
	pid = fork();
	if (pid == 0)
		_exit(ask_as_nobody());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	cr_assert_eq(WEXITSTATUS(status), 0);
}
