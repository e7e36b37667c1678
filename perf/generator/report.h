/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results for people, as a table, and for programs, as JSON. Latencies are in microseconds, stalls
 * in milliseconds. Pure but for the output; one thread.
 */
#ifndef PERF_GENERATOR_REPORT_H
#define PERF_GENERATOR_REPORT_H

#include <stdio.h>

#include "perf/generator/load_run.h"

void report_table(FILE *out, const struct load_options *options, const struct load_result *result);

/* All runs of a sweep, or the one. 0 or -errno. path "-": stdout. */
int report_json(const char *path, const struct load_options *options,
		const struct load_result *results, unsigned count);

#endif
