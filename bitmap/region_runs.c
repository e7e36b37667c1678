/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of neighbouring regions, found a word of 64 at a time. */
#include "bitmap/region_runs.h"

#include <endian.h>
#include <string.h>

#define WORD_REGIONS 64u

static void close_run(struct region_runs *runs)
{
	if (!runs->open)
		return;
	runs->open = false;
	runs->found(runs->start, runs->next - 1, runs->context);
}

void region_runs_same(struct region_runs *runs, bool members, uint64_t regions)
{
	if (regions == 0)
		return;
	if (!members) {
		close_run(runs);
	} else if (!runs->open) {
		runs->open = true;
		runs->start = runs->next;
		runs->count++;
	}
	runs->members += members ? regions : 0;
	runs->next += regions;
}

static uint64_t word_at(const uint8_t *bits, uint64_t region)
{
	uint64_t le;

	memcpy(&le, bits + region / 8, sizeof(le));
	return le64toh(le);
}

/* The lowest `regions` bits of a word, equal ones at a time. */
static void take_word(struct region_runs *runs, uint64_t word, unsigned regions)
{
	unsigned at = 0;

	while (at < regions) {
		bool members = word >> at & 1;
		uint64_t others = (members ? ~word : word) >> at;
		unsigned equal = others ? (unsigned)__builtin_ctzll(others) : WORD_REGIONS;

		if (equal > regions - at)
			equal = regions - at;
		region_runs_same(runs, members, equal);
		at += equal;
	}
}

void region_runs_bits(struct region_runs *runs, const uint8_t *dirty, const uint8_t *clean,
		      uint64_t regions)
{
	for (uint64_t at = 0; at < regions; at += WORD_REGIONS) {
		uint64_t left = regions - at;
		uint64_t word = ~word_at(dirty, at);

		if (clean)
			word &= word_at(clean, at);
		take_word(runs, word, left < WORD_REGIONS ? (unsigned)left : WORD_REGIONS);
	}
}

void region_runs_end(struct region_runs *runs)
{
	close_run(runs);
}
