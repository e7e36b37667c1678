/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results as a picture: two plots beside each other in a PNG, the echo server's curves with the
 * daemon's. Needs gnuplot in PATH. One thread.
 */
#ifndef PERF_GENERATOR_PLOT_H
#define PERF_GENERATOR_PLOT_H

#include "perf/generator/load_run.h"

/* One run: latency quantiles, and throughput over time. A sweep: throughput and latencies over what
 * was swept. 0, or -errno said on stderr. */
int plot(const char *path, const struct load_options *options, const struct load_result *results,
	 unsigned count);

#endif
