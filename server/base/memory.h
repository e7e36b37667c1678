/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether memory can be had without somebody being killed for it. Any thread. */
#ifndef SERVER_BASE_MEMORY_H
#define SERVER_BASE_MEMORY_H

#include <stdint.h>

/* Bytes: the least of what the host has available (proc(5), MemAvailable) and what is left to each control
 * group that we are in, with what its files could give back. UINT64_MAX: it cannot be told. Reads some
 * files. */
uint64_t memory_available(void);

/* How many mappings a process may have (proc(5), /proc/sys/vm/max_map_count). UINT64_MAX: it cannot be told. Reads a file. */
uint64_t memory_mappings_max(void);

#endif
