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

#include "perf/generator/dice.h"
#include "server/base/clock.h"

#define MICRO_ROUNDS 7

/* Any number below limit: no predictor knows the next. */
static inline uint64_t micro_any(uint64_t limit)
{
	static uint64_t dice = 1;

	return dice_below(&dice, limit);
}

/* What a step found out: the compiler must not leave out what led to it. */
static inline void micro_keep(uint64_t value)
{
	__asm__ volatile("" : : "r"(value));
}

/* The same for memory that it has filled in. */
static inline void micro_keep_memory(const void *memory)
{
	__asm__ volatile("" : : "r"(memory) : "memory");
}

/* Time count calls of step, each of which does so many operations, and print the time of one. */
static inline void micro_of_many(const char *name, uint64_t count, unsigned operations,
				 void (*step)(void))
{
	int64_t best = INT64_MAX;

	for (int round = 0; round < MICRO_ROUNDS; round++) {
		int64_t start = clock_now();

		for (uint64_t i = 0; i < count; i++)
			step();
		start = clock_now() - start;
		best = start < best ? start : best;
	}
	printf("%-44s %10.1f ns\n", name, (double)best / (double)count / operations);
}

/* Time count calls of step, each an operation, and print. */
static inline void micro(const char *name, uint64_t count, void (*step)(void))
{
	micro_of_many(name, count, 1, step);
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
