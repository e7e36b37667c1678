/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monotonic time in nanoseconds. Any thread. */
#ifndef SERVER_BASE_CLOCK_H
#define SERVER_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC INT64_C(1000000000)
#define NSEC_PER_MSEC INT64_C(1000000)
#define NSEC_PER_USEC INT64_C(1000)

/* To a few milliseconds (the kernel's tick), for deadlines. For more, a guest
 * whose clock is not the processor's own makes a system call, as dear as serving a request. */
static inline int64_t clock_coarse(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static inline int64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

#endif
