/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told to monitoring: all counters and what stands at this moment, in the text formats of Prometheus. Names
 * are those of docs/metrics.md. Nothing here makes a request wait: counters are read as they stand. Counters begin
 * with the server (_created), but for those that the kernel or the estate keeps.
 */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include "server/log/executor.h"
#include "server/log/registry.h"
#include "server/netlink/transport.h"

#include <stdio.h>

/* Constant once set. */
struct metrics {
	struct registry *registry;
	const struct slots *slots;
	const struct transport *transport;
	const struct executor *executors[ESTATE_EXECUTORS];
	unsigned executor_count;
	unsigned generation; /* which server we are, the first is 1 */
	double began; /* when this server began, seconds since 1970 */
};

/* open: OpenMetrics 1.0, else the text format 0.0.4. Any thread. */
void metrics_print(FILE *out, const struct metrics *metrics, bool open);

#endif
