/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two text formats of Prometheus: OpenMetrics 1.0, and the older 0.0.4, whose readers know counters by another
 * name and no _created. A family is begun, and then all its samples are written. Any thread.
 */
#ifndef SERVER_BASE_METRIC_TEXT_H
#define SERVER_BASE_METRIC_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "server/base/buckets.h"

enum metric_kind { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

struct metric_text {
	FILE *out;
	bool open; /* OpenMetrics */
	double created; /* since when counters count, seconds since 1970; 0: longer */
	/* The family at hand. */
	const char *name;
	enum metric_kind kind;
};

struct metric_label {
	const char *name; /* NULL behind the last */
	const char *value; /* any bytes */
};

/* name: without _total. */
void metric_family(struct metric_text *text, const char *name, enum metric_kind kind,
		   const char *help);

/* A sample of a gauge or counter. labels: NULL if it has none. */
void metric_count(const struct metric_text *text, const struct metric_label *labels,
		  uint64_t value);
void metric_real(const struct metric_text *text, const struct metric_label *labels, double value);

/* The samples of a histogram. */
void metric_buckets(const struct metric_text *text, const struct metric_label *labels,
		    const struct buckets *buckets, const struct bucket_scale *scale);

/* Nothing comes behind it. */
void metric_end(const struct metric_text *text);

#endif
