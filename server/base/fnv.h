/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FNV-1a, 64 bits: for hash tables and for checksums against accidents. Not against enemies. */
#ifndef SERVER_BASE_FNV_H
#define SERVER_BASE_FNV_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t fnv1a(const void *bytes, size_t count)
{
	uint64_t hash = UINT64_C(0xCBF29CE484222325);

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001B3);
	return hash;
}

#endif
