/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where log lines go: stderr or syslog, and no further than they go without a wait. For diag.c, one thread
 * at a time. */
#ifndef SERVER_BASE_DIAG_SINK_H
#define SERVER_BASE_DIAG_SINK_H

#include "server/base/diag.h"

#include <stdbool.h>

#define DIAG_LINE_BYTES 400u

/* A line's fields for the journal. */
struct diag_event {
	const char *id; /* NULL: there are none */
	char log[DIAG_LOG_BYTES]; /* "": none */
	unsigned major, minor;
};

void diag_sink_open(bool to_syslog);

/* Lines still pass, if with less certainty that none waits: whoever reads a pipe's other end shall see
 * that all is said. */
void diag_sink_close(void);

/* 0; -EAGAIN: it was not taken within wait_ns; another -errno: it never will be. */
int diag_sink_write(enum diag_level level, const char *text, int64_t wait_ns);

/* The same with the event's fields, if the journal takes them at once; else the text alone. */
int diag_sink_write_event(enum diag_level level, const struct diag_event *event, const char *text,
			  int64_t wait_ns);

#endif
