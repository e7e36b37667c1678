/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines that never make the caller wait: formatted into a ring, written by a thread of their
 * own, since the log may live on a mirror that waits for us. Callable from any thread. The writer
 * sleeps while there is none; its wake-up is all that a line can cost the caller.
 */
#ifndef SERVER_BASE_DIAG_H
#define SERVER_BASE_DIAG_H

#include <stdbool.h>
#include <stdint.h>

enum logging_level { LOGGING_ERROR, LOGGING_WARNING, LOGGING_INFO, LOGGING_DEBUG };

/* Where lines go. to_syslog: syslog(3), else stderr (with <priority> prefixes when the journal
 * listens, sd-daemon(3)). Until logging_start the caller itself writes them, and waits. */
void logging_open(enum logging_level level, bool to_syslog);

/* Start the writer. 0 or -errno. */
int logging_start(void);

/* Wait until what was said is written, for at most 200 ms. Not on the request path. */
void logging_flush(void);

/* Write what is left and stop. */
void logging_stop(void);

/* "error" ... "debug". False: no such level. */
bool logging_parse_level(const char *name, enum logging_level *level);

bool logging_on(enum logging_level level);

void logging_write(enum logging_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* One budget for each call site: 10 lines in 5 s, and then a count of those kept back. */
struct logging_limit {
	_Atomic int64_t window_start_ns;
	_Atomic unsigned lines;
};

bool logging_limit_pass(struct logging_limit *limit);

#define log_error(...) logging_write(LOGGING_ERROR, __VA_ARGS__)
#define log_warning(...) logging_write(LOGGING_WARNING, __VA_ARGS__)
#define log_info(...) logging_write(LOGGING_INFO, __VA_ARGS__)
#define log_debug(...) logging_write(LOGGING_DEBUG, __VA_ARGS__)

/* For what a stranger or a broken device can cause in a loop. */
#define log_limited(level, ...)                                       \
	do {                                                          \
		static struct logging_limit limit_;                   \
		if (logging_on(level) && logging_limit_pass(&limit_)) \
			logging_write(level, __VA_ARGS__);            \
	} while (0)

#endif
