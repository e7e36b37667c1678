/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of regions in any bits that come in any pieces: as a bit at a time tells them.
 *
 * Input: u8 whether it is a difference (odd), u8 regions past the last whole word (mod 64), u8 words of a
 * piece - 1, then the bits; of a difference the second half is what they differ from.
 */
#include "bitmap/region_runs.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 3
#define MAX_WORDS 4096u

/* What is to be found, told a region at a time. */
struct expected {
	const uint8_t *dirty, *clean; /* clean: NULL if it is no difference */
	uint64_t regions;
	uint64_t next; /* all below have been told */
	uint64_t members, count;
};

/* Not assert(): it must hold in every build. */
static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool bit(const uint8_t *bits, uint64_t region)
{
	return bits[region / 8] >> region % 8 & 1;
}

static bool is_member(const struct expected *expected, uint64_t region)
{
	return !bit(expected->dirty, region) && (!expected->clean || bit(expected->clean, region));
}

static void check_run(uint64_t first, uint64_t last, void *context)
{
	struct expected *expected = context;

	check(first >= expected->next && first <= last && last < expected->regions);
	for (; expected->next < first; expected->next++)
		check(!is_member(expected, expected->next));
	for (; expected->next <= last; expected->next++)
		check(is_member(expected, expected->next));
	check(last + 1 == expected->regions || !is_member(expected, last + 1));
	expected->members += last - first + 1;
	expected->count++;
}

static void run(struct expected *expected, uint64_t piece)
{
	struct region_runs runs = {.found = check_run, .context = expected};

	for (uint64_t at = 0; at < expected->regions; at += piece) {
		uint64_t left = expected->regions - at;

		region_runs_bits(&runs, expected->dirty + at / 8,
				 expected->clean ? expected->clean + at / 8 : NULL,
				 left < piece ? left : piece);
	}
	region_runs_end(&runs);
	for (; expected->next < expected->regions; expected->next++)
		check(!is_member(expected, expected->next));
	check(runs.next == expected->regions);
	check(runs.members == expected->members && runs.count == expected->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t words = size < HEAD_BYTES ? 0 : (size - HEAD_BYTES) / 8;
	struct expected expected = {0};
	uint8_t *bits;

	if (words < 2 || words > MAX_WORDS)
		return 0;
	/* Exactly as long as said, so that a stray access is seen. */
	bits = malloc(words * 8);
	memcpy(bits, data + HEAD_BYTES, words * 8);
	if (data[0] % 2)
		words /= 2;
	expected.dirty = bits;
	expected.clean = data[0] % 2 ? bits + words * 8 : NULL;
	expected.regions = (words - 1) * 64 + 1 + data[1] % 64;
	run(&expected, (data[2] + UINT64_C(1)) * 64);
	free(bits);
	return 0;
}
