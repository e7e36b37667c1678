/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Micro-benchmarks: nanoseconds of one operation, the best of some rounds, so that what else the
 * machine does stays out. Compare builds on one machine, not machines.
 */
#ifndef PERF_MICRO_MICRO_H
#define PERF_MICRO_MICRO_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/clock.h"

#define MICRO_ROUNDS 7

/* A cheap sequence that no predictor knows (xorshift). */
static inline uint64_t micro_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline uint64_t micro_random_below(uint64_t *state, uint64_t limit)
{
	return micro_random(state) % limit;
}

/* Time count calls of step, each of which does so many operations, and print the time of one. */
static inline void micro_of_many(const char *name, uint64_t count, unsigned operations,
				 void (*step)(void *), void *context)
{
	int64_t best = INT64_MAX;

	for (int round = 0; round < MICRO_ROUNDS; round++) {
		int64_t start = clock_now();

		for (uint64_t i = 0; i < count; i++)
			step(context);
		start = clock_now() - start;
		best = start < best ? start : best;
	}
	printf("%-44s %10.1f ns\n", name, (double)best / (double)count / operations);
}

/* Time count calls of step, each an operation, and print. */
static inline void micro(const char *name, uint64_t count, void (*step)(void *), void *context)
{
	micro_of_many(name, count, 1, step, context);
}

/* Zeroed and aligned for the modules; ends the program when there is none. */
static inline void *micro_memory(size_t bytes)
{
	void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

	if (!memory) {
		fprintf(stderr, "no memory for %zu bytes\n", bytes);
		exit(1);
	}
	return memset(memory, 0, bytes);
}

#endif
