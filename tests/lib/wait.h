/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting, for Criterion: no longer than needed for what must come, and long enough for what
 * must not. */
#ifndef TESTS_LIB_WAIT_H
#define TESTS_LIB_WAIT_H

#include <stdint.h>
#include <unistd.h>
#include <criterion/criterion.h>

#include "server/base/clock.h"

#define WAIT_MSEC 10000 /* for what must come */
#define QUIET_MSEC 200 /* for what must not */

static inline void sleep_msec(unsigned msec)
{
	usleep(msec * 1000);
}

static inline int64_t now_msec(void)
{
	return clock_now() / NSEC_PER_MSEC;
}

/* The condition comes true within WAIT_MSEC; what follows is said if it does not. */
#define EXPECT_SOON(condition, ...)                                                  \
	for (int64_t end_msec = now_msec() + WAIT_MSEC; !(condition); sleep_msec(5)) \
	cr_assert_lt(now_msec(), end_msec, __VA_ARGS__)

#endif
