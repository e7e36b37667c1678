/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dirtylogd tells to Prometheus (server/base/metric_text.h), read. Pure; any thread. */
#ifndef SERVER_CTL_METRICS_READ_H
#define SERVER_CTL_METRICS_READ_H

#include <jansson.h>

/* [{"name", "help", "type", "samples": [{"name", "labels": {}, "value"}]}] of a text of either format, which is cut. */
json_t *metrics_read(char *text);

#endif
