/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of bitmap/ share: zeroed memory that ends where it should. */
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

#endif
