/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be on a log device after a power cut, at each moment of a record, and whether a mirror that is made
 * again on it would lose anything. Asserts (Criterion).
 */
#ifndef TESTS_CRASH_ENUMERATE_H
#define TESTS_CRASH_ENUMERATE_H

#include <stddef.h>
#include <stdint.h>

struct enumeration {
	uint64_t moments, images, sampled; /* looked at; at how many moments not all images */
};

/* device: what was on it before the record began, bytes long. Whatever had been submitted and was not durable
 * may be there, block by block, which a device writes whole; up to 2^limit images are looked at for a moment, drawn by seed if there are more. */
struct enumeration enumerate_cuts(const char *record, const uint8_t *device, size_t bytes,
				  uint32_t block, unsigned limit, unsigned seed);

#endif
