/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The slow device is slow when it shall be, and then no longer. Needs root. */
#include "perf/generator/slow_device.h"
#include "server/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <criterion/criterion.h>

#define BYTES 4096u
#define SLOW_MSEC 1000u

static struct slow_device slow;

static int64_t msec_to_write(void)
{
	static _Alignas(BYTES) char block[BYTES];
	int fd = open(slow.device.path, O_WRONLY | O_DIRECT | O_DSYNC | O_CLOEXEC);
	int64_t start_ns = clock_now();

	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, block, BYTES, 0), BYTES);
	close(fd);
	return (clock_now() - start_ns) / NSEC_PER_MSEC;
}

/* A write can slip in while the file system is thawed. */
static int64_t slowest_of_three(void)
{
	int64_t slowest = 0;

	for (unsigned i = 0; i < 3; i++) {
		int64_t msec = msec_to_write();

		slowest = msec > slowest ? msec : slowest;
	}
	return slowest;
}

static void end(void)
{
	slow_device_release(&slow);
}

TestSuite(slow_device, .fini = end);

Test(slow_device, writes_wait_between_begin_and_end)
{
	cr_assert_eq(slow_device_make(&slow, "/var/tmp", 1 << 20), 0);
	cr_assert_lt(slowest_of_three(), SLOW_MSEC / 2);
	cr_assert_eq(slow_device_begin(&slow, SLOW_MSEC), 0);
	usleep(100000); /* until it is frozen for the first time */
	cr_assert_geq(slowest_of_three(), SLOW_MSEC / 2);
	cr_assert_eq(slow_device_end(&slow), 0);
	cr_assert_lt(slowest_of_three(), SLOW_MSEC / 2);
}

/* Or its log device could never be given up. */
Test(slow_device, it_thaws_when_the_generator_is_killed)
{
	pid_t generator;

	cr_assert_eq(slow_device_make(&slow, "/var/tmp", 1 << 20), 0);
	generator = fork();
	if (generator == 0) {
		slow_device_begin(&slow, 60000);
		raise(SIGKILL);
	}
	cr_assert_eq(waitpid(generator, NULL, 0), generator);
	cr_assert_lt(msec_to_write(), 10000);
}

Test(slow_device, one_that_cannot_be_frozen_is_no_slow_device)
{
	cr_assert_eq(slow_device_make(&slow, "/var/tmp", 1 << 20), 0);
	cr_assert_eq(dup2(open("/proc", O_RDONLY | O_CLOEXEC), slow.file_system), slow.file_system);
	cr_assert_eq(slow_device_begin(&slow, SLOW_MSEC), -EIO);
	cr_assert_eq(slow_device_end(&slow), 0);
}

Test(slow_device, an_end_without_a_beginning_is_none)
{
	cr_assert_eq(slow_device_end(&slow), 0);
}
