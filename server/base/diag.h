/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines that never make the caller wait: formatted into a ring, written by a thread of their
 * own, since the log may live on a mirror that waits for us. Callable from any thread. The writer
 * sleeps while there is none; its wake-up is all that a line can cost the caller.
 */
#ifndef SERVER_BASE_DIAG_H
#define SERVER_BASE_DIAG_H

#include <stdbool.h>
#include <stdint.h>

/* Ends a message about a fault of ours. */
#define DIAG_WHERE_TO_REPORT "/usr/share/doc/dirtylogd/SECURITY.md says where"

enum diag_level { DIAG_ERROR, DIAG_WARNING, DIAG_INFO, DIAG_DEBUG };

/* Where lines go. to_syslog: /dev/log, else stderr (with <priority> prefixes when the journal
 * listens, sd-daemon(3)). Until diag_start the caller itself writes them, and waits for 20 ms at most. */
void diag_open(enum diag_level level, bool to_syslog);

/* Start the writer. 0 or -errno. */
int diag_start(void);

/* Wait until what was said is written, for at most 200 ms. Not on the request path. */
void diag_flush(void);

/* Write what is left and stop; what the log does not take within 200 ms is lost. */
void diag_stop(void);

/* "error" ... "debug". False: no such level. */
bool diag_parse_level(const char *name, enum diag_level *level);

const char *diag_level_name(enum diag_level level);

/* From now on, in this process. Any thread. */
void diag_set_level(enum diag_level level);

bool diag_on(enum diag_level level);

void diag_write(enum diag_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What a line tells, for who searches the journal (MESSAGE_ID): docs/operations.md has them. */
#define DIAG_EVENT_LOG_FAILED "907ba53a5999432a97371610d3e2914a"
#define DIAG_EVENT_TAKEN_OVER "95fe80437b8344879b88652225a39080"
#define DIAG_EVENT_LEG_NOT_FLUSHED "e6fff7f570004c1c8ddd796a1d31d47d"

#define DIAG_LOG_BYTES 129u /* of an uuid, with its end */

/* What a line is about: fields of the journal, if it is that which takes the lines; others have the text alone. */
struct diag_subject {
	const char *event; /* one of the above */
	const char *log; /* its uuid, NULL: none */
	unsigned major, minor; /* its log device, 0:0: none */
};

/* As diag_write. The subject is copied. */
void diag_write_about(enum diag_level level, const struct diag_subject *subject, const char *format,
		      ...) __attribute__((format(printf, 3, 4)));

/* One budget for each call site: 10 lines in 5 s, and then a count of those kept back. */
struct diag_limit {
	_Atomic int64_t window_start_ns;
	_Atomic unsigned lines;
};

bool diag_limit_pass(struct diag_limit *limit);

#define diag_error(...) diag_write(DIAG_ERROR, __VA_ARGS__)
#define diag_warning(...) diag_write(DIAG_WARNING, __VA_ARGS__)
#define diag_info(...) diag_write(DIAG_INFO, __VA_ARGS__)
#define diag_debug(...) diag_write(DIAG_DEBUG, __VA_ARGS__)

/* For what a stranger or a broken device can cause in a loop. */
#define diag_limited(level, ...)                                \
	do {                                                    \
		static struct diag_limit limit_;                \
		if (diag_on(level) && diag_limit_pass(&limit_)) \
			diag_write(level, __VA_ARGS__);         \
	} while (0)

#endif
