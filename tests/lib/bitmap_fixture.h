/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of bitmap/ share: zeroed memory that ends where it should, and a fixed dice. */
#ifndef TESTS_LIB_BITMAP_FIXTURE_H
#define TESTS_LIB_BITMAP_FIXTURE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <criterion/criterion.h>

/* As the contract asks: 64-byte aligned, exactly as long as said (ASan guards the end), zeroed. */
static inline void *zeroed_memory(size_t bytes)
{
	void *mem = aligned_alloc(64, bytes);

	cr_assert_not_null(mem);
	memset(mem, 0, bytes);
	return mem;
}

/* splitmix64: the same numbers on every run. */
static inline uint64_t roll(uint64_t *dice)
{
	uint64_t z = (*dice += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

#endif
