/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon as it is, for Criterion. Each test has a network namespace of its own: its own daemon,
 * and no ear for another's. Needs root. All functions assert.
 */
#ifndef TESTS_LIB_DAEMON_H
#define TESTS_LIB_DAEMON_H

#include "tests/lib/asker.h"
#include "tests/lib/wait.h"

#include <stdbool.h>
#include <sys/types.h>

#define NEVER "3600" /* a clear delay that no test lives to see */

/* One for each test, since each test is a process. */
struct bench {
	pid_t daemon; /* 0: none runs */
	int output; /* what it says */
	const char *max_lazy, *mark_ahead, *io_retry, *probe, *config, *cpus, *watchdog,
		*metrics_listen; /* of the next start, NULL: the default */
	char run_dir[32]; /* for place.h, removed in the end */
	bool supervised; /* of the next start */
	bool takes_over; /* of the next start: --take-over */
	bool clustered; /* of the next start: --clustered-as-single-host */
	void (*in_child)(void); /* before exec, NULL: nothing */
	struct asker asker;
};

extern struct bench bench;

/* .init and .fini of every suite. The end fails a test whose daemon has ended by itself. */
void set_up(void);
void tear_down(void);

/* Whether the kernel's module seems to be loaded, for the next start: in a mount namespace of the test's own. */
void pretend_module(bool loaded);

/* Start it and wait until it serves; start takes what most tests want. The arguments are those of
 * --accept-from, --io-engine and --clear-delay. */
void start_with(const char *accept, const char *engine, const char *delay);
void start(void);

/* Returns the wait status; -1 when none runs. */
int end_daemon(int signal_number);

/* The program under test: $DIRTYLOGD, so that ThreadSanitizer's daemon is tried with these tests
 * too, which it cannot run itself; or that of this build. */
const char *daemon_path(void);

/* Run it with these arguments, the last NULL, its words to bench.output. */
pid_t spawn(char *const *args);

/* The beginning of what the control socket says to this line; "" if it says nothing. */
void control_ask(const char *line, char *text, size_t bytes);
/* True once the control thread answers, and so the receiver has joined. */
bool control_answers(void);
/* A line of `dirtylogctl stats`; 0: there is none. */
unsigned long stat_of(const char *name);

/* All that it has said, in memory that the next call uses again. */
char *output(void);
/* A line with both texts comes to be said. */
void expect_said(const char *first, const char *second);

#endif
