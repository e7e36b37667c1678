/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The requests are the kernel's, and no wrong answer passes. A dirty_log answers here as the daemon
 * would.
 */
#include "perf/generator/connector.h"
#include "perf/generator/mirror_script.h"

#include <errno.h>
#include <string.h>
#include <criterion/criterion.h>

#define N 20u
#define MANY 1000000u

static struct mirror_script_config config;
static struct mirror mirror;
static struct wire_message message;
static struct mirror_expected expected;
static char fault[256];

static _Alignas(8) uint8_t memory[MANY / 4 + 16];

static void set_up_regions(const char *workload, uint64_t regions)
{
	struct mirror_description description = {
		.luid = 1, .uuid = "LVM-one", .regions = regions, .region_size = 8, .seed = 7};

	config.workload = mirror_script_workload(workload);
	cr_assert(config.workload);
	if (!config.writers)
		config.writers = 1;
	memset(memory, 0, sizeof(memory));
	mirror_init(&mirror, &config, &description, memory);
	connector_frame(&message, 0);
	mirror_begin(&mirror, MIRROR_RUN);
}

static void set_up(const char *workload)
{
	set_up_regions(workload, N);
}

static unsigned next_type(void)
{
	cr_assert(mirror_next(&mirror, &message, &expected));
	return message.request.request_type;
}

static bool answer(int error, const void *payload, uint32_t size)
{
	if (size > 0)
		memcpy(message.payload, payload, size);
	wire_reply(&message, error, size);
	return mirror_check(&mirror, &expected, &message, wire_length(&message), fault,
			    sizeof(fault));
}

static bool answer_u64(uint64_t value)
{
	return answer(0, &value, sizeof(value));
}

static bool answer_pair(uint64_t first, uint64_t second)
{
	uint64_t words[2] = {first, second};

	return answer(0, words, sizeof(words));
}

static bool answer_nothing(void)
{
	return answer(0, NULL, 0);
}

static void expect_write(void)
{
	uint64_t region;

	cr_assert_eq(next_type(), DM_ULOG_IN_SYNC);
	region = wire_regions(&message)[0];
	cr_assert(answer_u64(1), "%s", fault);
	cr_assert_eq(next_type(), DM_ULOG_IN_SYNC);
	cr_assert_eq(wire_regions(&message)[0], region);
	cr_assert(answer_u64(1));
}

Test(mirror_script, a_write_asks_marks_and_clears_as_the_kernel_does)
{
	static const unsigned rest[] = {DM_ULOG_MARK_REGION, DM_ULOG_FLUSH, DM_ULOG_CLEAR_REGION,
					DM_ULOG_FLUSH};

	set_up("kernel");
	for (unsigned i = 0; i < 100; i++) {
		expect_write();
		for (unsigned k = 0; k < 4; k++) {
			cr_assert_eq(next_type(), rest[k]);
			cr_assert(answer_nothing());
		}
	}
}

Test(mirror_script, integrated_flush_carries_the_marks)
{
	config.integrated_flush = true;
	set_up("kernel");
	for (unsigned i = 0; i < 100; i++) {
		expect_write();
		cr_assert_eq(next_type(), DM_ULOG_FLUSH);
		cr_assert_eq(message.request.data_size, 8);
		cr_assert(answer_nothing());
		cr_assert_eq(next_type(), DM_ULOG_CLEAR_REGION);
		cr_assert(answer_nothing());
	}
}

Test(mirror_script, reads_only_ask)
{
	config.reads_percent = 100;
	set_up("kernel");
	for (unsigned i = 0; i < 1000; i++) {
		cr_assert_eq(next_type(), DM_ULOG_IN_SYNC);
		cr_assert(answer_u64(1));
	}
}

Test(mirror_script, many_writers_mostly_ask_and_mark_no_region_twice)
{
	unsigned asked = 0, type;

	config.writers = 32;
	set_up_regions("kernel", MANY);
	while ((type = next_type()) == DM_ULOG_IN_SYNC) {
		cr_assert(answer_u64(1));
		asked++;
	}
	cr_assert_eq(type, DM_ULOG_MARK_REGION);
	cr_assert_eq(wire_region_count(&message) * 2, asked);
	cr_assert_leq(message.request.data_size, 332);
	config.writers = 32;
	set_up("kernel");
	while ((type = next_type()) == DM_ULOG_IN_SYNC)
		cr_assert(answer_u64(1));
	cr_assert_leq(wire_region_count(&message), N);
}

Test(mirror_script, patterns_stay_in_their_regions)
{
	config.hot = 3;
	set_up("in_sync");
	for (unsigned i = 0; i < 1000; i++) {
		next_type();
		cr_assert_lt(wire_regions(&message)[0], 3);
	}
	config.hot = 0;
	config.pattern = MIRROR_SCRIPT_SEQUENTIAL;
	set_up("in_sync");
	for (unsigned i = 0; i < 3 * N; i++) {
		next_type();
		cr_assert_eq(wire_regions(&message)[0], i % N);
	}
}

Test(mirror_script, a_recovery_pass_settles_the_region_it_was_given)
{
	set_up("resync");
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(next_type(), DM_ULOG_GET_RESYNC_WORK);
		cr_assert(answer_pair(1, N - 1 - i), "%s", fault);
		cr_assert_eq(next_type(), DM_ULOG_SET_REGION_SYNC);
		cr_assert_eq(wire_regions(&message)[0], N - 1 - i);
		cr_assert_eq(wire_regions(&message)[1], 1);
		cr_assert(answer_nothing());
		cr_assert_eq(next_type(), DM_ULOG_GET_SYNC_COUNT);
		cr_assert(answer_u64(i + 1), "%s", fault);
	}
	cr_assert_eq(next_type(), DM_ULOG_GET_RESYNC_WORK);
	cr_assert(answer_pair(0, 0));
}

/* --- wrong answers --- */

Test(mirror_script, wrong_bits_are_caught)
{
	set_up("in_sync");
	next_type();
	cr_assert_not(answer_u64(0));
	next_type();
	cr_assert_not(answer_u64(2));
	next_type();
	cr_assert_not(answer_u64(UINT64_MAX));
	set_up("is_clean");
	next_type();
	cr_assert(answer_u64(1));
	next_type();
	cr_assert_not(answer_u64(0));
}

Test(mirror_script, errors_and_sizes_are_caught)
{
	uint64_t words[2] = {1, 1};

	set_up("in_sync");
	next_type();
	cr_assert_not(answer(-EINVAL, words, 8));
	next_type();
	cr_assert_not(answer(1, words, 8)); /* the kernel takes a positive one for success */
	next_type();
	cr_assert_not(answer_nothing());
	next_type();
	cr_assert_not(answer(0, words, 16));
	set_up("mark");
	next_type();
	cr_assert_not(answer(0, words, 8));
	next_type();
	cr_assert_not(answer(-EIO, NULL, 0));
	next_type();
	cr_assert(answer_nothing());
}

static void spoil_and_expect_fault(void (*spoil)(void), const char *what)
{
	uint64_t one = 1;

	next_type();
	memcpy(message.payload, &one, sizeof(one));
	wire_reply(&message, 0, sizeof(one));
	spoil();
	cr_assert_not(mirror_check(&mirror, &expected, &message, WIRE_DATAGRAM_MIN + 8, fault,
				   sizeof(fault)),
		      "%s", what);
	connector_frame(&message, 0);
}

static void other_idx(void)
{
	message.cn.id.idx++;
}

static void other_cn_seq(void)
{
	message.cn.seq++;
}

static void an_ack(void)
{
	message.cn.ack = EAGAIN;
}

static void longer_cn(void)
{
	message.cn.len++;
}

static void longer_nl(void)
{
	message.nl.nlmsg_len += 8;
}

static void larger_data(void)
{
	message.request.data_size = 16;
}

Test(mirror_script, wrong_frames_are_caught)
{
	set_up("in_sync");
	spoil_and_expect_fault(other_idx, "connector id");
	spoil_and_expect_fault(other_cn_seq, "connector seq");
	spoil_and_expect_fault(an_ack, "ack");
	spoil_and_expect_fault(longer_cn, "connector length");
	spoil_and_expect_fault(longer_nl, "netlink length");
	spoil_and_expect_fault(larger_data, "data_size");
	next_type();
	cr_assert_not(mirror_check(&mirror, &expected, &message, 36, fault, sizeof(fault)));
}

Test(mirror_script, wrong_resync_work_is_caught)
{
	set_up("get_resync_work");
	next_type();
	cr_assert_not(answer_pair(0, 0), "nothing to do while all is out of sync");
	next_type();
	cr_assert_not(answer_pair(1, N), "behind the end");
	next_type();
	cr_assert_not(answer_pair(2, 0), "neither yes nor no");
	next_type();
	cr_assert(answer_pair(1, 4));
	next_type();
	cr_assert_not(answer_pair(1, 5), "another one while the first is not settled");
	next_type();
	cr_assert(answer_pair(1, 4));
	log_model_set_sync(&mirror.model, 4, true);
	next_type();
	cr_assert_not(answer_pair(1, 4), "it is in sync");
}

Test(mirror_script, wrong_counts_and_hints_are_caught)
{
	set_up("get_sync_count");
	next_type();
	cr_assert(answer_u64(N));
	next_type();
	cr_assert_not(answer_u64(N - 1));
	set_up("is_remote_recovering");
	next_type();
	cr_assert(answer_pair(0, N - 1));
	next_type();
	cr_assert_not(answer_pair(0, N));
	next_type();
	cr_assert_not(answer_pair(1, N - 1));
	set_up("get_region_size");
	next_type();
	cr_assert(answer_u64(8));
	next_type();
	cr_assert_not(answer_u64(16));
}

Test(mirror_script, wrong_texts_are_caught)
{
	set_up("status_info");
	next_type();
	cr_assert(answer(0, "1 core", 7));
	next_type();
	cr_assert_not(answer(0, "1 core", 6), "without its NUL");
	next_type();
	cr_assert_not(answer(0, "1 cora", 7));
	set_up("status_table");
	next_type();
	cr_assert(answer(0, "core 8 nosync", 14), "%s", fault);
}

Test(mirror_script, a_full_count_before_resume_is_caught)
{
	set_up("in_sync");
	mirror_begin(&mirror, MIRROR_ACTIVATE);
	cr_assert_eq(next_type(), DM_ULOG_CTR);
	cr_assert_eq(message.request.data_size, strlen("160 core 8 nosync"));
	cr_assert(answer_nothing());
	cr_assert_eq(next_type(), DM_ULOG_GET_REGION_SIZE);
	cr_assert(answer_u64(8));
	cr_assert_eq(next_type(), DM_ULOG_GET_SYNC_COUNT);
	cr_assert_not(answer_u64(N));
	cr_assert_eq(next_type(), DM_ULOG_RESUME);
	cr_assert(answer_nothing());
	cr_assert_eq(next_type(), DM_ULOG_GET_RESYNC_WORK);
	cr_assert(answer_pair(0, 0));
	cr_assert_not(mirror_next(&mirror, &message, &expected));
}

/* A mark that was forgotten shows at the end at the latest. */
Test(mirror_script, verification_asks_for_what_was_marked)
{
	set_up_regions("mark", 1);
	next_type();
	cr_assert(answer_nothing());
	mirror_begin(&mirror, MIRROR_VERIFY);
	cr_assert_eq(next_type(), DM_ULOG_RESUME);
	cr_assert(answer_nothing());
	cr_assert_eq(next_type(), DM_ULOG_GET_SYNC_COUNT);
	cr_assert(answer_u64(1));
	cr_assert_eq(next_type(), DM_ULOG_IS_CLEAN);
	cr_assert_not(answer_u64(1));
	cr_assert_eq(next_type(), DM_ULOG_IN_SYNC);
	cr_assert(answer_u64(1));
}

/* The good answer to what was asked, by the model; *told is set if a region is told to be dirty. */
static bool answer_well(bool *told)
{
	const char *text =
		message.request.request_type == DM_ULOG_STATUS_INFO ? "1 core" : "core 8 nosync";

	switch (message.request.request_type) {
	case DM_ULOG_IS_CLEAN:
		*told = *told || expected.value == 0;
		return answer_u64(expected.value);
	case DM_ULOG_IN_SYNC:
	case DM_ULOG_GET_SYNC_COUNT:
		return answer_u64(expected.value);
	case DM_ULOG_IS_REMOTE_RECOVERING:
		return answer_pair(0, expected.value);
	case DM_ULOG_STATUS_INFO:
	case DM_ULOG_STATUS_TABLE:
		return answer(0, text, (uint32_t)strlen(text) + 1);
	default:
		return answer_nothing();
	}
}

static unsigned looks[MIRROR_LOOK_EXACT + 1];

/* Through a phase; whether any region was told to be dirty. */
static bool play(enum mirror_script_phase phase)
{
	bool told = false;

	memset(looks, 0, sizeof(looks));
	mirror_begin(&mirror, phase);
	while (mirror_next(&mirror, &message, &expected)) {
		looks[expected.look]++;
		cr_assert(answer_well(&told), "%s", fault);
	}
	return told;
}

/* The run of a kernel leaves none dirty, so a server that keeps no mark at all would pass. */
Test(mirror_script, verification_has_regions_that_are_dirty_and_one_that_failed)
{
	set_up("kernel");
	cr_assert(play(MIRROR_VERIFY));
	cr_assert_eq(mirror.model.in_sync, N);
	cr_assert_eq(looks[MIRROR_LOOK_DIRTY], 2);
	cr_assert_eq(looks[MIRROR_LOOK_EXACT], 1);
	cr_assert_not(log_model_is_clean(&mirror.model, (mirror.spot + 1) % N));
	cr_assert(log_model_is_clean(&mirror.model, mirror.spot));
}

Test(mirror_script, verification_of_one_region_holds_together)
{
	set_up_regions("kernel", 1);
	cr_assert(play(MIRROR_VERIFY));
	cr_assert_eq(mirror.model.in_sync, 1);
}

Test(mirror_script, a_log_is_looked_at_when_it_is_suspended)
{
	set_up("mark");
	cr_assert_not(play(MIRROR_SETTLE));
	cr_assert_eq(looks[MIRROR_LOOK_DIRTY], 1);
	cr_assert_eq(looks[MIRROR_LOOK_EXACT], 1);
}

Test(mirror_script, a_log_that_is_gone_must_not_be_known)
{
	uint64_t one = 1;

	set_up("kernel");
	mirror_begin(&mirror, MIRROR_DEACTIVATE);
	while (next_type() != DM_ULOG_IN_SYNC)
		cr_assert(answer_nothing());
	cr_assert_not(answer_u64(1));
	cr_assert_not(answer(-EINVAL, &one, 8));
	cr_assert_not(answer(-ESRCH, NULL, 0), "the size of the good answer is missing");
	cr_assert(answer(-ESRCH, &one, 8), "%s", fault);
	cr_assert_not(mirror_next(&mirror, &message, &expected));
}

/* Between the FLUSH of a mark and its clear: nothing else tells whether the mark was kept. */
static void expect_looks(void)
{
	unsigned asked = 0, last = 0;
	bool told = false;

	set_up("kernel");
	for (unsigned i = 0; i < 10000; i++) {
		unsigned type = next_type();

		if (type == DM_ULOG_IS_CLEAN) {
			cr_assert_eq(last, MIRROR_LOOK_MARKS);
			asked++;
		}
		last = expected.look;
		cr_assert(answer_well(&told), "%s", fault);
	}
	cr_assert(told);
	cr_assert_gt(asked, 1);
	cr_assert_lt(asked, 15);
}

Test(mirror_script, a_mark_is_asked_for_now_and_then)
{
	expect_looks();
}

Test(mirror_script, a_mark_in_a_flush_is_asked_for_now_and_then)
{
	config.integrated_flush = true;
	expect_looks();
}

Test(mirror_script, the_same_seed_gives_the_same_requests)
{
	uint64_t first[64];

	set_up("in_sync");
	for (unsigned i = 0; i < 64; i++) {
		next_type();
		first[i] = wire_regions(&message)[0];
	}
	set_up("in_sync");
	for (unsigned i = 0; i < 64; i++) {
		next_type();
		cr_assert_eq(wire_regions(&message)[0], first[i]);
	}
}
