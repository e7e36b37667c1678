/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each answer goes to the histogram of its type and to the bin of its time: a hundred bins to a
 * run, none shorter than 10 ms. A run of turns has bins without answers in which the other server
 * had its turn.
 */
#include "perf/generator/measure.h"

#include "server/base/clock.h"

#include <string.h>

#define BIN_MIN_NS (10 * NSEC_PER_MSEC)

void measure_start(struct measure *measure, int64_t now_ns, int64_t run_ns)
{
	memset(measure->types, 0, sizeof(measure->types));
	memset(measure->bins, 0, sizeof(measure->bins));
	measure->answers = 0;
	measure->active_ns = 0;
	measure->start_ns = now_ns;
	measure->bin_ns = run_ns / 100;
	if (measure->bin_ns < BIN_MIN_NS)
		measure->bin_ns = BIN_MIN_NS;
}

void measure_answer(struct measure *measure, unsigned type, int64_t start_ns, int64_t now_ns)
{
	int64_t bin = (now_ns - measure->start_ns) / measure->bin_ns;

	histogram_record(&measure->types[type],
			 now_ns > start_ns ? (uint64_t)(now_ns - start_ns) : 0);
	measure->answers++;
	if (bin >= 0 && bin < MEASURE_BINS)
		measure->bins[bin]++;
}

void measure_total(const struct measure *measure, struct histogram *total)
{
	memset(total, 0, sizeof(*total));
	for (unsigned type = 0; type < WIRE_TYPES; type++)
		histogram_add(total, &measure->types[type]);
}

double measure_rate(const struct measure *measure)
{
	if (measure->active_ns <= 0)
		return 0;
	return (double)measure->answers * NSEC_PER_SEC / (double)measure->active_ns;
}
