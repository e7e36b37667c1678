/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that look random and are the same on every run (splitmix64). The seed is any number. */
#ifndef PERF_GENERATOR_DICE_H
#define PERF_GENERATOR_DICE_H

#include <stdint.h>

static inline uint64_t dice_roll(uint64_t *dice)
{
	uint64_t z = *dice += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* Any number below limit, without a division. */
static inline uint64_t dice_below(uint64_t *dice, uint64_t limit)
{
	return (uint64_t)(((unsigned __int128)dice_roll(dice) * limit) >> 64);
}

#endif
