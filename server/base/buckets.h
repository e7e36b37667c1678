/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A histogram that one thread fills and any thread reads, each number a moment old: no locked instruction. It has no
 * limits of its own, so that many of them share one scale. All zero is empty.
 */
#ifndef SERVER_BASE_BUCKETS_H
#define SERVER_BASE_BUCKETS_H

#include <stdatomic.h>
#include <stdint.h>

#define BUCKETS_MAX 21u

struct bucket_scale {
	unsigned count;
	double unit; /* of a value, in what is told: 1e-9 if nanoseconds are told in seconds */
	uint64_t limits[BUCKETS_MAX]; /* ascending; a bucket has its limit in it */
};

struct buckets {
	_Atomic uint64_t
		counts[BUCKETS_MAX + 1]; /* the last of a scale: what is above its limits */
	_Atomic uint64_t sum;
};

static inline void bucket_increase(_Atomic uint64_t *count, uint64_t n)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* The one thread that fills it. */
static inline void buckets_add(struct buckets *buckets, const struct bucket_scale *scale,
			       uint64_t value)
{
	unsigned i = 0;

	while (i < scale->count && value > scale->limits[i])
		i++;
	bucket_increase(&buckets->counts[i], 1);
	bucket_increase(&buckets->sum, value);
}

/* Add what from holds to a histogram of the caller's own. */
static inline void buckets_merge(struct buckets *to, const struct buckets *from)
{
	for (unsigned i = 0; i <= BUCKETS_MAX; i++)
		bucket_increase(&to->counts[i],
				atomic_load_explicit(&from->counts[i], memory_order_relaxed));
	bucket_increase(&to->sum, atomic_load_explicit(&from->sum, memory_order_relaxed));
}

#endif
