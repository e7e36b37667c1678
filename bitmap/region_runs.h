/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of neighbouring regions, found in bits that come in pieces and in order: of a log image, and of what
 * two of them differ in. Any thread; the caller's memory.
 */
#ifndef BITMAP_REGION_RUNS_H
#define BITMAP_REGION_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The regions [first, last] are members, and their neighbours are not. */
typedef void region_run_found(uint64_t first, uint64_t last, void *context);

/* Zero it, but for found and context, before the first piece. */
struct region_runs {
	region_run_found *found;
	void *context;
	uint64_t next; /* the region that the next piece begins with */
	uint64_t members; /* regions in runs */
	uint64_t count; /* runs, also the one that is open */
	uint64_t start; /* of the run that is open */
	bool open;
};

/* The next `regions` regions, of which those are members whose bit is 0 in `dirty` and, unless it is NULL, 1
 * in `clean`. Both in the order of an image, whole words of 8 bytes long; bits past regions are not looked at.
 * regions: a multiple of 64 but for the last piece. */
void region_runs_bits(struct region_runs *runs, const uint8_t *dirty, const uint8_t *clean,
		      uint64_t regions);

/* The next `regions` regions, all of which are members or none. O(1). */
void region_runs_same(struct region_runs *runs, bool members, uint64_t regions);

/* No more come: the run that is open is found. */
void region_runs_end(struct region_runs *runs);

#endif
