/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Latencies in log-linear buckets: any quantile within 0.4 %, in memory of one size.
 *
 * Values are nanoseconds, below 2^40 (18 minutes; longer ones count as that). Pure; one thread.
 */
#ifndef PERF_GENERATOR_HISTOGRAM_H
#define PERF_GENERATOR_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7u
#define HISTOGRAM_VALUE_BITS 40u
#define HISTOGRAM_BUCKETS ((HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

/* All zero is empty. */
struct histogram {
	uint64_t count;
	uint64_t sum;
	uint64_t max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_record(struct histogram *histogram, uint64_t value);

/* Add all of from. */
void histogram_add(struct histogram *histogram, const struct histogram *from);

/* The value that the share quantile (0 to 1) of all values does not exceed; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double quantile);

/* Exact. 0 when empty. */
double histogram_mean(const struct histogram *histogram);

#endif
