/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is measured of one server: latencies for each request type, throughput over time, faults.
 * Pure; one thread.
 */
#ifndef PERF_GENERATOR_MEASURE_H
#define PERF_GENERATOR_MEASURE_H

#include <stdbool.h>

#include "perf/generator/histogram.h"
#include "server/protocol/wire.h"

#define MEASURE_BINS 512u

struct measure {
	struct histogram types[WIRE_TYPES];
	uint64_t answers; /* those in the histograms */
	uint64_t requests; /* all that were sent, those of the set-up too */
	uint64_t wrong, doubled, lost;
	int64_t active_ns; /* time in which requests were issued and answered */
	int64_t start_ns; /* CLOCK_MONOTONIC, of the first bin */
	int64_t bin_ns;
	uint32_t bins[MEASURE_BINS]; /* answers over time */
};

/* Start over, for a run of about so long. */
void measure_start(struct measure *measure, int64_t now_ns, int64_t run_ns);

void measure_answer(struct measure *measure, unsigned type, int64_t start_ns, int64_t now_ns);

/* All types together into total, which the caller gives (it is large). */
void measure_total(const struct measure *measure, struct histogram *total);

/* Answers a second. */
double measure_rate(const struct measure *measure);

static inline bool measure_failed(const struct measure *measure)
{
	return measure->wrong || measure->doubled || measure->lost;
}

#endif
