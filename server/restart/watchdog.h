/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The watchdog: the supervisor's look at a server that neither works nor dies.
 *
 *   a thread is at one turn for longer    it is named, with the request and the log that it is at; the
 *   than the limit                        server is ended by SIGABRT on that thread, so that the request
 *                                         is blamed as for a crash, and 2 s later by SIGKILL
 *   that thread waits in the kernel, or   said, and nothing else: to end the server would not help, and
 *   3 restarts in a minute were no help   the other threads serve on
 *   the server is stopped                 SIGKILL after the limit; no request is to blame
 *
 * A turn is what a thread does between two waits (estate_works, estate_waits); its length is measured by
 * the watchdog, in time in which it was itself awake. It also tells systemd that all goes well
 * (WatchdogSec= in systemd.service(5)), unless a server has yet to be ended; and how it does (status_line.h).
 *
 * All calls are the supervisor's. watchdog_wait and _feed allocate nothing and open no file, but for those of
 * /proc once a thread is suspected, and as long as the kernel's module is not loaded.
 */
#ifndef SERVER_RESTART_WATCHDOG_H
#define SERVER_RESTART_WATCHDOG_H

#include <signal.h>

#include "server/restart/estate.h"
#include "server/restart/notify.h"
#include "server/restart/status_line.h"

#define WATCHDOG_RESTARTS DEATHS_MAX /* in a minute: what condemns a request must fit in */

/* What is known of a thread. */
struct watched {
	uint64_t turn;
	int64_t busy_ns; /* it has been at that turn so long, as far as was seen */
	const char *told; /* what was said of that */
};

struct watchdog {
	const struct estate *estate;
	int64_t limit_ns;
	int64_t looked_ns; /* the last look */
	struct watched threads[ESTATE_EXECUTORS];
	bool stopped; /* the server, by a signal */
	int64_t stopped_ns; /* so long */
	int64_t aborted_ns; /* when SIGABRT was sent, 0: it was not */
	bool blamed; /* the server ends for a fault of its own, by whatever signal */
	int64_t restarts_ns[WATCHDOG_RESTARTS]; /* the last ones, a ring */
	unsigned restarts;
	struct notify notify; /* systemd */
	int64_t feed_ns, fed_ns; /* how often its watchdog is fed, 0: never, and when it last was */
	struct status_line status_line;
};

/* Watch the servers that work on this estate. Takes all that it needs. fault: of the start, for the status line,
 * outliving the watchdog; NULL: none. */
void watchdog_open(struct watchdog *watchdog, const struct estate *estate, int64_t limit_ns,
		   const char *fault);

/* A server is about to be started; none runs. */
void watchdog_begin(struct watchdog *watchdog);

/* Wait for one of the signals, as sigtimedwait(2), but no longer than until then (clock_now()), or the next look, and look after
 * the server. */
int watchdog_wait(struct watchdog *watchdog, const sigset_t *signals, siginfo_t *info, pid_t server,
		  int64_t until_ns);

/* While the supervisor waits for something else. */
void watchdog_feed(struct watchdog *watchdog);

#endif
