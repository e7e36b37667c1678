/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters, the last error in one word so that a reader never sees half of two, and the rate of a resync over
 * windows of a second or, if a region takes longer, of a region. */
#include "server/log/tally.h"

#include "server/base/clock.h"
#include "server/base/stats.h"

#include <time.h>

#define WINDOW_NS (1 * NSEC_PER_SEC)
#define PATIENCE_NS (3 * NSEC_PER_SEC)
#define REGIONS_MISSED 3
#define PAUSE_NS (30 * NSEC_PER_SEC) /* a resync that brings nothing for so long does not go on */

/* Of the window that ends now; none before the first region, nor over a pause. */
static void end_window(struct tally *tally, uint64_t recovered, int64_t now_ns)
{
	int64_t length_ns = now_ns - tally->window_ns;
	double regions = (double)(recovered - tally->window_recovered);

	if (length_ns < WINDOW_NS)
		return;
	if (tally->window_ns != 0 && length_ns < PAUSE_NS) {
		double rate = regions * (double)NSEC_PER_SEC / (double)length_ns;

		atomic_store_explicit(&tally->rate_milli, (uint64_t)(rate * 1000),
				      memory_order_relaxed);
		atomic_store_explicit(&tally->rated_ns, now_ns, memory_order_relaxed);
	}
	tally->window_ns = now_ns;
	tally->window_recovered = recovered;
}

void tally_recovery_ended(struct tally *tally, bool recovered, int64_t now_ns)
{
	atomic_store_explicit(&tally->recovering, 0, memory_order_relaxed);
	if (!recovered)
		return;
	tally_add(&tally->recovered);
	end_window(tally, tally_read(&tally->recovered), now_ns);
}

void tally_commit_ended(struct tally *tally, int64_t began_ns, int64_t now_ns)
{
	int64_t before_ns = atomic_load_explicit(&tally->commits_ns, memory_order_relaxed);

	atomic_store_explicit(&tally->commits_ns, before_ns + now_ns - began_ns,
			      memory_order_relaxed);
	tally_add(&tally->commits);
}

static const enum stats_counter counters[] = {
	[TALLY_OPEN] = STATS_OPEN_ERRORS,
	[TALLY_READ] = STATS_READ_ERRORS,
	[TALLY_WRITE] = STATS_WRITE_ERRORS,
	[TALLY_LEG_FLUSH] = STATS_LEG_FLUSH_ERRORS,
};

void tally_failed(struct tally *tally, enum tally_place place, int error)
{
	uint64_t word =
		(uint64_t)time(NULL) << 24 | (uint64_t)place << 16 | (uint64_t)(-error & 0xffff);

	atomic_store_explicit(&tally->last_error, word, memory_order_relaxed);
	stats_add(counters[place], 1);
}

bool tally_last_error(const struct tally *tally, struct tally_error *error)
{
	uint64_t word = tally_read(&tally->last_error);

	*error = (struct tally_error){.place = (enum tally_place)(word >> 16 & 0xff),
				      .error = (int)(word & 0xffff),
				      .time = (int64_t)(word >> 24)};
	return word != 0;
}

/* A rate counts for so long: what is slow has longer until the next region. */
static double patience_ns(double rate)
{
	return (double)PATIENCE_NS + (rate > 0 ? REGIONS_MISSED * (double)NSEC_PER_SEC / rate : 0);
}

double tally_resync_rate(const struct tally *tally, int64_t now_ns)
{
	int64_t rated_ns = atomic_load_explicit(&tally->rated_ns, memory_order_relaxed);

	double rate = (double)tally_read(&tally->rate_milli) / 1000;

	if (rated_ns == 0 || (double)(now_ns - rated_ns) > patience_ns(rate))
		return 0;
	return rate;
}
