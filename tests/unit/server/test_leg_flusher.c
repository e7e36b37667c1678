/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flushes of legs on devices that are fakes: one that hangs, fails or is slow, by its number. */
#include "server/log/leg_flusher.h"

#include "perf/generator/loop_device.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES (LEG_FLUSHER_THREADS + 64u)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool hangs[DEVICES];
	int error[DEVICES];
	bool error_once;
	unsigned begun[DEVICES], in_flight[DEVICES], most_in_flight;
	unsigned done;
	int errors[64]; /* in the order of the ends */
	struct leg_flusher *flusher;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int fake_flush(struct log_leg leg)
{
	unsigned device = leg.minor;
	int error;

	pthread_mutex_lock(&fake.lock);
	fake.begun[device]++;
	if (++fake.in_flight[device] > fake.most_in_flight)
		fake.most_in_flight = fake.in_flight[device];
	pthread_cond_broadcast(&fake.changed);
	while (fake.hangs[device])
		pthread_cond_wait(&fake.changed, &fake.lock);
	fake.in_flight[device]--;
	error = fake.error[device];
	if (fake.error_once)
		fake.error[device] = 0;
	pthread_mutex_unlock(&fake.lock);
	return error;
}

static void count_done(struct leg_flush *flush)
{
	pthread_mutex_lock(&fake.lock);
	fake.errors[fake.done++ % 64] = flush->error;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
	leg_flush_free(flush);
}

/* Within ten seconds. */
static bool reaches(const unsigned *count, unsigned wanted)
{
	struct timespec limit;
	bool reached;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 10;
	pthread_mutex_lock(&fake.lock);
	while (r == 0 && *count < wanted)
		r = pthread_cond_timedwait(&fake.changed, &fake.lock, &limit);
	reached = *count >= wanted;
	pthread_mutex_unlock(&fake.lock);
	return reached;
}

static bool is_in_flight(unsigned device)
{
	bool is;

	pthread_mutex_lock(&fake.lock);
	is = fake.in_flight[device] > 0;
	pthread_mutex_unlock(&fake.lock);
	return is;
}

static void hang(unsigned device, bool hangs)
{
	pthread_mutex_lock(&fake.lock);
	fake.hangs[device] = hangs;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

static struct leg_flush *make(unsigned first, unsigned count)
{
	struct log_legs *legs = NULL;
	struct leg_flush *flush;

	for (unsigned i = 0; i < count; i++)
		cr_assert(log_legs_add(&legs, 8, first + i));
	flush = leg_flush_make(legs);
	cr_assert_not_null(flush);
	flush->done = count_done;
	free(legs);
	return flush;
}

static struct leg_flush *ask(unsigned first, unsigned count)
{
	struct leg_flush *flush = make(first, count);

	leg_flusher_submit(fake.flusher, flush);
	return flush;
}

static void set_up(void)
{
	cr_assert_eq(leg_flusher_start(&fake.flusher, fake_flush), 0);
}

static void tear_down(void)
{
	for (unsigned i = 0; i < DEVICES; i++)
		hang(i, false);
	if (fake.flusher)
		leg_flusher_stop(fake.flusher);
}

TestSuite(leg_flusher, .init = set_up, .fini = tear_down, .timeout = 60);

Test(leg_flusher, flushes_each_leg_once)
{
	ask(0, 3);
	cr_assert(reaches(&fake.done, 1));
	cr_assert_eq(fake.begun[0] + fake.begun[1] + fake.begun[2], 3);
	cr_assert_eq(fake.errors[0], 0);
}

Test(leg_flusher, tells_of_a_leg_that_failed)
{
	fake.error[1] = -EIO;
	ask(0, 3);
	cr_assert(reaches(&fake.done, 1));
	cr_assert_eq(fake.errors[0], -EIO);
	ask(2, 1);
	cr_assert(reaches(&fake.done, 2));
	cr_assert_eq(fake.errors[1], 0);
}

/* Nothing is lost by a leg that was not asked. */
Test(leg_flusher, a_failed_leg_counts_more_than_one_that_was_not_tried)
{
	fake.error[0] = -EAGAIN;
	fake.error[1] = -EIO;
	fake.error[2] = -ENOMEM;
	for (unsigned i = 0; i < 3; i++) {
		fake.hangs[i] = true;
		ask(i, 1);
		cr_assert(reaches(&fake.begun[i], 1));
	}
	ask(0, 3); /* waits for all */
	for (unsigned i = 0; i < 3; i++) {
		hang(i, false);
		cr_assert(reaches(&fake.begun[i], 2));
	}
	cr_assert(reaches(&fake.done, 4));
	cr_assert_eq(fake.errors[3], -EIO);
}

Test(leg_flusher, flushes_a_device_once_at_a_time_and_once_for_all_who_wait)
{
	fake.hangs[0] = true;
	ask(0, 1);
	cr_assert(reaches(&fake.begun[0], 1));
	for (unsigned i = 0; i < 10; i++)
		ask(0, 2);
	cr_assert(reaches(&fake.begun[1], 1));
	cr_assert_eq(fake.done, 0);
	hang(0, false);
	cr_assert(reaches(&fake.done, 11));
	cr_assert_eq(fake.begun[0], 2, "begun before they asked is not for them; the next is");
	cr_assert_eq(fake.most_in_flight, 1);
}

Test(leg_flusher, a_failure_is_told_to_all_it_was_for)
{
	fake.hangs[0] = true;
	ask(0, 1);
	cr_assert(reaches(&fake.begun[0], 1));
	ask(0, 1);
	ask(0, 1);
	fake.error[0] = -EIO;
	hang(0, false);
	cr_assert(reaches(&fake.done, 3));
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(fake.errors[i], -EIO);
}

Test(leg_flusher, hung_devices_hold_up_nobody_else)
{
	for (unsigned i = 0; i < 40; i++) {
		fake.hangs[i] = true;
		ask(i, 1);
	}
	for (unsigned i = 40; i < 60; i++)
		ask(i, 2);
	cr_assert(reaches(&fake.done, 20));
	cr_assert_eq(fake.done, 20);
}

Test(leg_flusher, ends_once_all_legs_have)
{
	fake.hangs[1] = true;
	ask(0, 3);
	ask(5, 1);
	cr_assert(reaches(&fake.done, 1));
	cr_assert(reaches(&fake.begun[2], 1));
	cr_assert_eq(fake.done, 1);
	hang(1, false);
	cr_assert(reaches(&fake.done, 2));
}

Test(leg_flusher, who_gives_up_hears_nothing_more)
{
	struct leg_flush *begun, *waiting;

	fake.hangs[0] = true;
	begun = ask(0, 2);
	cr_assert(reaches(&fake.begun[0], 1));
	waiting = ask(0, 1);
	cr_assert(leg_flusher_abandon(fake.flusher, begun));
	cr_assert(leg_flusher_abandon(fake.flusher, waiting));
	hang(0, false);
	ask(0, 1);
	cr_assert(reaches(&fake.done, 1));
	cr_assert_eq(fake.done, 1);
	cr_assert_eq(fake.begun[0], 2, "none for who no longer waits");
}

static void keep_done(struct leg_flush *flush)
{
	pthread_mutex_lock(&fake.lock);
	fake.done++;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

/* It hangs still. */
static void give_up_on_one_that_fails(void)
{
	struct leg_flush *flush;

	hang(0, true);
	fake.error[0] = -EIO;
	flush = ask(0, 1);
	cr_assert(reaches(&fake.begun[0], 1));
	cr_assert(leg_flusher_abandon(fake.flusher, flush));
}

/* What it has lost may have been written behind the giving up, for which a later flush that succeeds is no proof. */
Test(leg_flusher, a_failure_that_nobody_hears_is_told_to_the_next)
{
	give_up_on_one_that_fails();
	hang(0, false);
	while (is_in_flight(0))
		usleep(1000);
	fake.error[0] = 0;
	ask(0, 1);
	cr_assert(reaches(&fake.done, 1));
	cr_assert_eq(fake.errors[0], -EIO);
	ask(0, 1);
	cr_assert(reaches(&fake.done, 2));
	cr_assert_eq(fake.errors[1], 0);
}

Test(leg_flusher, a_failure_that_nobody_hears_is_told_to_those_who_wait)
{
	give_up_on_one_that_fails();
	ask(0, 1);
	fake.error_once = true;
	hang(0, false);
	cr_assert(reaches(&fake.done, 1));
	cr_assert_eq(fake.errors[0], -EIO);
	cr_assert_eq(fake.begun[0], 2);
}

Test(leg_flusher, who_gives_up_too_late_is_told)
{
	struct leg_flush *flush = make(0, 1);

	flush->done = keep_done;
	leg_flusher_submit(fake.flusher, flush);
	cr_assert(reaches(&fake.done, 1));
	cr_assert_not(leg_flusher_abandon(fake.flusher, flush));
	leg_flush_free(flush);
}

Test(leg_flusher, fails_when_all_threads_hang)
{
	for (unsigned i = 0; i < LEG_FLUSHER_THREADS; i++) {
		fake.hangs[i] = true;
		ask(i, 1);
		cr_assert(reaches(&fake.begun[i], 1));
	}
	ask(LEG_FLUSHER_THREADS + 10, 2);
	usleep(100 * 1000);
	cr_assert_eq(fake.done, 0, "they may be only slow");
	usleep(LEG_FLUSHER_HANGS_NS / NSEC_PER_USEC);
	ask(LEG_FLUSHER_THREADS + 20, 1);
	cr_assert(reaches(&fake.done, 2));
	cr_assert_eq(fake.errors[0], -EAGAIN);
	cr_assert_eq(fake.errors[1], -EAGAIN);
	hang(0, false);
	cr_assert(reaches(&fake.done, 3));
	ask(LEG_FLUSHER_THREADS + 10, 2);
	cr_assert(reaches(&fake.done, 4));
	cr_assert_eq(fake.errors[3], 0, "one thread is enough");
}

Test(leg_flusher, stops_though_a_device_hangs)
{
	int64_t start_ns = clock_now();

	fake.hangs[0] = true;
	ask(0, 2);
	cr_assert(reaches(&fake.begun[0], 1));
	ask(0, 1);
	leg_flusher_stop(fake.flusher);
	fake.flusher = NULL;
	cr_assert_lt(clock_now() - start_ns, NSEC_PER_SEC);
	hang(0, false);
	usleep(50 * 1000);
	cr_assert_eq(fake.done, 0);
}

/* --- the flush of a device --- */

static unsigned long flushes_of(const struct loop_device *loop)
{
	unsigned long field = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%s/stat", loop->number);
	file = fopen(path, "re");
	if (!file)
		cr_skip_test("%s: %s\n", path, strerror(errno));
	for (int i = 0; i < 16; i++)
		cr_assert_eq(fscanf(file, "%lu", &field), 1);
	fclose(file);
	return field;
}

Test(leg_flusher_fsync, flushes_the_cache_of_the_device_of_that_number)
{
	struct loop_device_config config = {
		.directory = "/var/tmp", .bytes = 1 << 20, .block_bytes = 512};
	struct loop_device loop;
	int error = loop_device_make(&loop, &config);
	struct log_leg leg;
	unsigned long before;

	if (error < 0)
		cr_skip_test("no loop device to be had: %s\n", strerror(-error));
	cr_assert_eq(sscanf(loop.number, "%u:%u", &leg.major, &leg.minor), 2);
	before = flushes_of(&loop);
	cr_assert_eq(leg_flusher_fsync(leg), 0);
	cr_assert_gt(flushes_of(&loop), before);
	loop_device_close(&loop);
}

Test(leg_flusher_fsync, fails_without_a_device_of_that_number)
{
	int error = leg_flusher_fsync((struct log_leg){.major = 7, .minor = 1048575});

	cr_assert_lt(error, 0);
	cr_assert_not(leg_flush_was_not_tried(error));
}
