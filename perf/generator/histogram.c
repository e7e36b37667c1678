/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log-linear buckets: 128 of equal width for each power of two. */
#include "perf/generator/histogram.h"

#define SUB_BUCKETS (1u << HISTOGRAM_SUB_BITS)
#define VALUE_MAX ((UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1)

/* How far a value is shifted for its leading bits to be those of a sub-bucket. */
static unsigned bucket_shift(uint64_t value)
{
	unsigned top = 63 - (unsigned)__builtin_clzll(value | 1);

	return top > HISTOGRAM_SUB_BITS ? top - HISTOGRAM_SUB_BITS : 0;
}

static unsigned bucket_of(uint64_t value)
{
	unsigned shift = bucket_shift(value);

	return (shift << HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

static uint64_t middle_of(unsigned bucket)
{
	unsigned shift;

	if (bucket < 2 * SUB_BUCKETS)
		return bucket;
	shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
	return ((uint64_t)(bucket - (shift << HISTOGRAM_SUB_BITS)) << shift) +
	       (UINT64_C(1) << shift) / 2;
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
	if (value > VALUE_MAX)
		value = VALUE_MAX;
	histogram->count++;
	histogram->sum += value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->buckets[bucket_of(value)]++;
}

void histogram_add(struct histogram *histogram, const struct histogram *from)
{
	if (from->count == 0)
		return;
	histogram->count += from->count;
	histogram->sum += from->sum;
	if (from->max > histogram->max)
		histogram->max = from->max;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		histogram->buckets[i] += from->buckets[i];
}

/* 1 to count; the double's rounding must not lead past the last. */
static uint64_t rank_of(const struct histogram *histogram, double quantile)
{
	double exact = quantile * (double)histogram->count;
	uint64_t rank = (uint64_t)exact;

	if ((double)rank < exact)
		rank++;
	if (rank == 0)
		rank = 1;
	return rank < histogram->count ? rank : histogram->count;
}

uint64_t histogram_quantile(const struct histogram *histogram, double quantile)
{
	uint64_t left;

	if (histogram->count == 0)
		return 0;
	left = rank_of(histogram, quantile);
	if (left == histogram->count)
		return histogram->max;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram->buckets[i] >= left)
			return middle_of(i) < histogram->max ? middle_of(i) : histogram->max;
		left -= histogram->buckets[i];
	}
	return histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
	return histogram->count ? (double)histogram->sum / (double)histogram->count : 0;
}
