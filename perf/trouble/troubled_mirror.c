/* SPDX-License-Identifier: GPL-2.0-or-later */
/* troubled-mirror: a mirror that has bad luck, beside the load of others (perf/soak), and what dirtylogd has to answer
 * meanwhile. Each trouble begins with a log that is well and has a mark on its device:
 *
 * - eio, full: the log device fails each write. Until the mirror is told, and when it is, questions are answered; the
 *   log is failed (D), and goes; with room again the next one is well, and the mark is still there.
 * - hang: writes do not come back. A mark is not answered before they do, questions are; then it is, and is on the device.
 * - forgotten: the server does not know the log any more, since another program could not take over what it left. As
 *   the kernel does it the log is made again, what was marked is out of sync and no more than that, and is recovered.
 *
 * It goes on until its time is over (forgotten: or until SIGTERM), and tells how often the trouble has come; forgotten
 * each time as well, when all is as it was.
 */
#include "perf/generator/device_look.h"
#include "perf/generator/dice.h"
#include "perf/generator/slow_device.h"
#include "perf/trouble/full_device.h"
#include "perf/trouble/lone_mirror.h"
#include "server/base/clock.h"

#include <errno.h>
#include <linux/types.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICE_BYTES (64 << 10)
#define REGIONS 65536u /* bits in three pages of the device */
#define FIRST 5u /* a region whose bit is in the first page */
#define LAST 30000u /* one in the page that is gone when the device is full */
#define FAILING_NS (20 * NSEC_PER_SEC) /* dirtylogd tries again for a while (--io-retry) */
#define HANG_NS (6 * NSEC_PER_SEC)
#define HANG_MSEC 60000u /* of the freezer: longer than HANG_NS */
#define THAWED_NS (5 * NSEC_PER_SEC)
#define QUESTION_NS (100 * NSEC_PER_MSEC) /* between two */

/* What waits for no device is answered by then, even on a host that is busy. */
#define PROMPT_NS (2 * NSEC_PER_SEC)

/* linux/ext4.h, which is not installed: the file system is dead at once, each write is an EIO. */
#define EXT4_SHUTDOWN _IOR('X', 125, __u32)
#define EXT4_SHUTDOWN_NOW 2u

/* --- what all have in common --- */

static void must(int r, const char *what)
{
	if (r != 0)
		lone_mirror_die("%s: %s", what, strerror(r < 0 ? -r : r));
}

static uint64_t in_sync(uint64_t region)
{
	const struct wire_message *reply = lone_mirror_ask(DM_ULOG_IN_SYNC, &region, 1);
	uint64_t value;

	must(reply->request.error, "IN_SYNC of a log that is here");
	memcpy(&value, reply->payload, sizeof(value));
	return value;
}

/* It waits for no device, whatever else does. */
static void question_is_answered_promptly(void)
{
	int64_t asked_ns = clock_now();
	int64_t ns;

	in_sync(FIRST + 1);
	ns = clock_now() - asked_ns;
	if (ns > PROMPT_NS)
		lone_mirror_die("IN_SYNC took %.1f s while a device was in trouble",
				(double)ns / NSEC_PER_SEC);
}

static void expect_health(char expected)
{
	char health = lone_mirror_health();

	if (health != expected)
		lone_mirror_die("the log is told to be %c, %c expected", health, expected);
}

static void mark(uint64_t region)
{
	lone_mirror_send_mark(region);
	if (!lone_mirror_mark_answered(FAILING_NS))
		lone_mirror_die("no answer to a mark on a device that is well");
	must(lone_mirror_mark_error(), "a mark on a device that is well");
}

static void begin_well(const char *device)
{
	must(lone_mirror_make(device, REGIONS, " nosync"), "a log on a device that is well");
	expect_health('A');
	mark(FIRST);
}

static void expect_gone(void)
{
	uint64_t region = FIRST;
	int error = lone_mirror_error(DM_ULOG_IN_SYNC, &region, 1);

	if (error != -ESRCH)
		lone_mirror_die("a log that was removed is still here (%d)", error);
}

/* The device fails since before the mark: the mirror has to be told. Questions go on. */
static void expect_failing_mark(void)
{
	int64_t end_ns = clock_now() + FAILING_NS;

	lone_mirror_send_mark(LAST);
	while (!lone_mirror_mark_answered(QUESTION_NS)) {
		question_is_answered_promptly();
		if (clock_now() > end_ns)
			lone_mirror_die("the mirror is not told that its log device fails");
	}
	if (lone_mirror_mark_error() == 0)
		lone_mirror_die("a mark was acknowledged that cannot be on the device");
	expect_health('D');
	question_is_answered_promptly();
	lone_mirror_remove();
	expect_gone();
}

/* --- the troubles --- */

static void eio(const char *directory)
{
	struct slow_device slow = {0};
	__u32 how = EXT4_SHUTDOWN_NOW;

	must(slow_device_make(&slow, directory, DEVICE_BYTES), "a device that can fail");
	begin_well(slow.device.path);
	if (ioctl(slow.file_system, EXT4_SHUTDOWN, &how) != 0)
		must(errno, "ext4's shutdown");
	expect_failing_mark();
	slow_device_release(&slow);
}

static void full(const char *directory)
{
	struct full_device full;

	must(full_device_make(&full, directory, DEVICE_BYTES), "a device that can be full");
	begin_well(full.device.path);
	must(full_device_fill(&full, FULL_DEVICE_PAGE), "a device that is full");
	expect_failing_mark();
	must(full_device_make_room(&full), "a device with room again");
	must(lone_mirror_make(full.device.path, REGIONS, ""), "a log on a device with room again");
	expect_health('A');
	if (in_sync(FIRST))
		lone_mirror_die("a mark from before the device was full is lost");
	if (!in_sync(FIRST + 1))
		lone_mirror_die("what was in sync before the device was full is not any more");
	lone_mirror_remove();
	full_device_release(&full);
}

static void look_at_mark(const struct slow_device *slow, uint64_t region)
{
	char path[32], fault[256];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", slow->device.file);
	if (!device_look_at_marks(path, &region, 1, fault, sizeof(fault)))
		lone_mirror_die("behind a device that hung: %s", fault);
}

static void expect_hanging_mark(void)
{
	int64_t end_ns = clock_now() + HANG_NS;

	lone_mirror_send_mark(LAST);
	while (clock_now() < end_ns) {
		if (lone_mirror_mark_answered(QUESTION_NS))
			lone_mirror_die("a mark was answered (%d) while its device hung",
					lone_mirror_mark_error());
		question_is_answered_promptly();
	}
}

static void hang(const char *directory)
{
	struct slow_device slow = {0};

	must(slow_device_make(&slow, directory, DEVICE_BYTES), "a device that can hang");
	begin_well(slow.device.path);
	must(slow_device_begin(&slow, HANG_MSEC), "a device that hangs");
	expect_hanging_mark();
	must(slow_device_end(&slow), "a device that has come back");
	if (!lone_mirror_mark_answered(THAWED_NS))
		lone_mirror_die("a device has come back, and the mark is not answered");
	must(lone_mirror_mark_error(), "a mark whose device hung");
	look_at_mark(&slow, LAST);
	expect_health('A');
	lone_mirror_remove();
	slow_device_release(&slow);
}

/* --- a server that has forgotten the log --- */

#define FEW_REGIONS 512u /* all are asked for, again and again */
#define SPACING 8u /* of those that are marked: a stream would be marked ahead */

/* What is known of a region's bit on the log device, whatever server reads it. */
enum bit {
	BIT_CLEAN,
	BIT_DIRTY,
	BIT_EITHER /* cleared, or asked for while the log was forgotten */
};

static struct {
	struct loop_device device;
	enum bit bits[FEW_REGIONS];
	uint64_t dice;
	unsigned times; /* it was forgotten */
} kept;

static volatile sig_atomic_t told_to_end;

static void end_soon(int signal_number)
{
	told_to_end = 1;
}

/* Each region that is out of sync is handed out once. */
static unsigned recover(void)
{
	unsigned count = 0;

	for (;;) {
		const struct wire_message *reply =
			lone_mirror_ask(DM_ULOG_GET_RESYNC_WORK, NULL, 0);
		uint64_t work[2], done[2];

		must(reply->request.error, "GET_RESYNC_WORK");
		memcpy(work, reply->payload, sizeof(work));
		if (!work[0])
			return count;
		if (work[1] >= FEW_REGIONS || in_sync(work[1]))
			lone_mirror_die("region %llu is to be recovered, and is in sync or none",
					(unsigned long long)work[1]);
		done[0] = work[1];
		done[1] = 1;
		must(lone_mirror_error(DM_ULOG_SET_REGION_SYNC, done, 2), "SET_REGION_SYNC");
		must(lone_mirror_error(DM_ULOG_CLEAR_REGION, done, 1), "CLEAR_REGION");
		count++;
	}
}

/* The bits are those of the device: nothing that was marked is lost, nothing else is out of sync. */
static unsigned compare_with_bits(void)
{
	unsigned out = 0, marks = 0, lost = 0, doubted = 0;

	for (uint64_t region = 0; region < FEW_REGIONS; region++) {
		bool value = in_sync(region);

		out += !value;
		marks += kept.bits[region] == BIT_DIRTY;
		lost += kept.bits[region] == BIT_DIRTY && value;
		doubted += kept.bits[region] == BIT_CLEAN && !value;
	}
	if (lost > 0)
		lone_mirror_die("%u of %u marks are lost", lost, marks);
	if (doubted > 0)
		lone_mirror_die("%u regions were clean, and are out of sync", doubted);
	return out;
}

/* A suspension has the clears on the device: behind it all bits are known again. */
static void settle(void)
{
	must(lone_mirror_error(DM_ULOG_PRESUSPEND, NULL, 0), "PRESUSPEND");
	must(lone_mirror_error(DM_ULOG_POSTSUSPEND, NULL, 0), "POSTSUSPEND");
	must(lone_mirror_error(DM_ULOG_RESUME, NULL, 0), "RESUME");
	for (unsigned i = 0; i < FEW_REGIONS; i++)
		if (kept.bits[i] == BIT_EITHER)
			kept.bits[i] = BIT_CLEAN;
}

static void make_again(void)
{
	unsigned out, recovered;

	kept.times++;
	must(lone_mirror_make(kept.device.path, FEW_REGIONS, " nosync"),
	     "a log that was forgotten");
	out = compare_with_bits();
	recovered = recover();
	if (recovered != out)
		lone_mirror_die("%u regions were out of sync, and %u recovered", out, recovered);
	for (unsigned i = 0; i < FEW_REGIONS; i++)
		kept.bits[i] = BIT_EITHER;
	settle();
	printf("forgotten %u\n", kept.times);
	fflush(stdout);
}

/* False: the log was forgotten, and is here again; the kernel repeats the request. */
static bool ask_as_kernel(unsigned type, uint64_t region)
{
	int error = lone_mirror_error_at_last(type, &region, 1);

	if (error == -ESRCH)
		make_again();
	else
		must(error, wire_opcodes[type].name);
	return error == 0;
}

static uint64_t choose(void)
{
	return dice_below(&kept.dice, FEW_REGIONS / SPACING) * SPACING;
}

static void write_somewhere(void)
{
	uint64_t region = choose();

	do
		if (kept.bits[region] == BIT_CLEAN)
			kept.bits[region] = BIT_EITHER;
	while (!ask_as_kernel(DM_ULOG_FLUSH, region));
	kept.bits[region] = BIT_DIRTY;
	if (dice_below(&kept.dice, 2)) {
		kept.bits[region] = BIT_EITHER;
		while (!ask_as_kernel(DM_ULOG_CLEAR_REGION, region))
			;
	}
	while (!ask_as_kernel(DM_ULOG_IN_SYNC, choose()))
		;
}

static void make_kept(const char *directory)
{
	struct loop_device_config config = {
		.directory = directory, .bytes = DEVICE_BYTES, .block_bytes = 512, .direct = true};

	kept.dice = (uint64_t)getpid();
	must(loop_device_make(&kept.device, &config), "a loop device");
	must(lone_mirror_make(kept.device.path, FEW_REGIONS, " nosync"), "a log");
	settle();
}

/* --- */

static unsigned be_forgotten(const char *directory, int64_t end_ns)
{
	signal(SIGTERM, end_soon);
	make_kept(directory);
	while (clock_now() < end_ns && !told_to_end)
		write_somewhere();
	lone_mirror_remove();
	expect_gone();
	loop_device_close(&kept.device);
	return kept.times;
}

static unsigned repeat(void (*trouble)(const char *), const char *directory, int64_t end_ns)
{
	unsigned times = 0;

	do {
		trouble(directory);
		times++;
	} while (clock_now() < end_ns);
	return times;
}

static void (*const troubles[])(const char *) = {eio, full, hang};
static const char *const names[] = {"eio", "full", "hang"};

/* -1: none of this name. */
static int meet(const char *name, const char *directory, int64_t end_ns)
{
	if (strcmp(name, "forgotten") == 0)
		return (int)be_forgotten(directory, end_ns);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return (int)repeat(troubles[i], directory, end_ns);
	return -1;
}

int main(int argc, char **argv)
{
	double seconds = argc == 4 ? atof(argv[2]) : 0;
	int times = -1;

	if (seconds > 0) {
		lone_mirror_open();
		times = meet(argv[1], argv[3], clock_now() + (int64_t)(seconds * NSEC_PER_SEC));
	}
	if (times < 0) {
		fputs("usage: troubled-mirror eio|full|hang|forgotten SECONDS DIRECTORY\n", stderr);
		return 2;
	}
	lone_mirror_close();
	printf("%s %d\n", argv[1], times);
	return 0;
}
