/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Power cuts by enumeration: the daemon works on a log as a kernel would have it, its writes and answers are
 * recorded, and every image that a cut at any moment could leave is looked at (enumerate.h).
 * $CRASH_ROUNDS: how many lives of a log (20). $CRASH_SEED: of the first. */
#include "tests/crash/enumerate.h"
#include "tests/crash/record.h"
#include "tests/lib/daemon.h"
#include "tests/lib/log_device.h"
#include "tests/lib/requests.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define BYTES 8192u /* of the log device: all of it is looked at */
#define REGIONS_MAX 40000u
#define STEPS 60u
#define LIMIT 9u /* so many blocks on their way: all images */
#define BATCH 4u
#define STREAM 20 /* regions to each side */

static char record[] = "/tmp/dirtylogd-crash.XXXXXX";
static int record_fd;
static struct loop_device loop;
static uint32_t block;
static uint64_t nregions;
static uint8_t before[BYTES];

static void append(struct record_event event, const void *data)
{
	struct iovec parts[] = {{&event, sizeof(event)}, {(void *)(uintptr_t)data, event.bytes}};

	cr_assert_eq(writev(record_fd, parts, 2), (ssize_t)(sizeof(event) + event.bytes));
}

static void will_ask(unsigned type, const void *payload, uint32_t bytes)
{
	append((struct record_event){.kind = RECORD_REQUEST, .type = type, .bytes = bytes},
	       payload);
}

static uint64_t a_region(void)
{
	return (uint64_t)rand() % nregions;
}

/* --- what a kernel asks --- */

/* Several at once, as when the kernel sends them again; answers in any order. */
static void mark_some(void)
{
	unsigned count = 1 + (unsigned)rand() % BATCH;
	uint64_t regions[8];

	for (unsigned i = 0; i < count; i++) {
		unsigned n = 1 + (unsigned)rand() % 8;

		/* The same ones again, while they are being written perhaps. */
		for (unsigned k = 0; k < 8 && (i == 0 || rand() & 1); k++)
			regions[k] = a_region();
		if (i > 0)
			usleep((unsigned)rand() % 200);
		send_request(rand() & 1 ? DM_ULOG_MARK_REGION : DM_ULOG_FLUSH, regions,
			     n * (uint32_t)sizeof(regions[0]));
	}
	for (unsigned i = 0; i < count; i++) {
		struct answer answer = asker_receive(&bench.asker, WAIT_MSEC);

		cr_assert_gt(answer.got, 0);
		cr_assert_eq(answer.message.request.error, 0);
	}
}

/* A stream, from one block of the log into another if there are two: what is marked ahead must not be believed to be
 * dirty on the device where it is not. */
static void mark_stream(void)
{
	uint64_t blocks = nregions / (block * 8);
	uint64_t middle = blocks ? (1 + (uint64_t)rand() % blocks) * block * 8 : nregions / 2;
	int64_t step = rand() & 1 ? 1 : -1;

	for (int64_t i = -STREAM; i < STREAM; i++) {
		uint64_t region = middle + (uint64_t)(i * step);

		if (region < nregions)
			ask_ok(DM_ULOG_MARK_REGION, &region, sizeof(region));
	}
}

static void clear_some(void)
{
	uint64_t regions[32];

	for (unsigned i = 0; i < 32; i++)
		regions[i] = a_region();
	will_ask(DM_ULOG_CLEAR_REGION, regions, sizeof(regions));
	ask_ok(DM_ULOG_CLEAR_REGION, regions, sizeof(regions));
}

static void set_sync(void)
{
	int64_t change[2] = {(int64_t)a_region(), rand() % 4 != 0};

	if (change[1])
		will_ask(DM_ULOG_SET_REGION_SYNC, change, sizeof(change));
	ask_ok(DM_ULOG_SET_REGION_SYNC, change, sizeof(change));
}

static void suspend_and_resume(void)
{
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_RESUME, NULL, 0);
}

static void begin_log(uint64_t regions, bool nosync)
{
	nregions = regions;
	append((struct record_event){.kind = RECORD_LOG, .id = regions, .error = nosync}, NULL);
	ctr_ok("%llu disk %s 8%s", (unsigned long long)regions * 8, loop.path,
	       nosync ? " nosync" : "");
	ask_ok(DM_ULOG_RESUME, NULL, 0);
}

/* Of a mirror that has been made larger. */
static void another_log(void)
{
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
	begin_log(nregions + (uint64_t)rand() % (REGIONS_MAX - nregions), false);
}

static void step(void)
{
	unsigned lot = (unsigned)rand() % 20;

	if (lot < 1)
		mark_stream();
	else if (lot < 9)
		mark_some();
	else if (lot < 14)
		clear_some();
	else if (lot < 17)
		set_sync();
	else if (lot < 18)
		suspend_and_resume();
	else if (lot < 19)
		another_log();
	else
		sleep_msec(20); /* clears come to be written */
}

/* --- a life --- */

/* A device that nobody has used, or whose last user has left bits that mean nothing now. */
static void make_device(void)
{
	block = rand() & 1 ? 512 : 4096;
	loop = make_loop(DEVICE_BYTES, block);
	memset(before, 0, sizeof(before));
	if (rand() & 1)
		memset(before + LOG_IMAGE_BITS_OFFSET, 0xff,
		       sizeof(before) - LOG_IMAGE_BITS_OFFSET);
	cr_assert_eq(pwrite(loop.file, before, sizeof(before), 0), (ssize_t)sizeof(before));
	fsync(loop.file);
}

static struct enumeration live(unsigned seed)
{
	srand(seed);
	cr_assert_eq(ftruncate(record_fd, 0), 0);
	make_device();
	become(seed, "crash");
	begin_log(5000 + (uint64_t)rand() % 15000, rand() & 1);
	for (unsigned i = 0; i < STEPS; i++)
		step();
	ask_ok(DM_ULOG_PRESUSPEND, NULL, 0);
	ask_ok(DM_ULOG_POSTSUSPEND, NULL, 0);
	ask_ok(DM_ULOG_DTR, NULL, 0);
	loop_device_close(&loop);
	return enumerate_cuts(record, before, sizeof(before), block, LIMIT, seed);
}

static unsigned number_of(const char *variable, unsigned otherwise)
{
	const char *text = getenv(variable);

	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

TestSuite(crash, .init = set_up, .fini = tear_down, .timeout = 3600);

Test(crash, no_cut_loses_what_was_answered)
{
	unsigned rounds = number_of("CRASH_ROUNDS", 20), seed = number_of("CRASH_SEED", 1);
	struct enumeration all = {0};

	record_fd = mkostemp(record, O_APPEND | O_CLOEXEC);
	cr_assert_geq(record_fd, 0);
	setenv(RECORD_VARIABLE, record, 1);
	setenv("DIRTYLOGD", RECORDED_DAEMON, 1);
	bench.mark_ahead = "64";
	start_with("any", "auto", "0.005");
	for (unsigned i = 0; i < rounds; i++) {
		struct enumeration one;

		cr_log_info("seed %u", seed + i);
		one = live(seed + i);
		all.moments += one.moments;
		all.images += one.images;
		all.sampled += one.sampled;
	}
	unlink(record);
	printf("%u lives of a log, %zu moments, %zu images, of %zu moments a sample\n", rounds,
	       (size_t)all.moments, (size_t)all.images, (size_t)all.sampled);
}
