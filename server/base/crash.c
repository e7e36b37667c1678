/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A handler for each fault sets the mark of the thread that it runs on, which lies in the estate, and lets
 * the signal do its work: the successor blames the request that this thread was at (takeover.c), and not
 * those of the others, which died with it. */
#include "server/base/crash.h"

#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>

#define LOST_TRIES 20u
#define LOST_PAUSE_NS 10000000L

static _Thread_local _Atomic uint32_t *own_mark;
static unsigned (*lost_threads)(void);

/* They may only be about to come back. */
static void spare_the_dump(void)
{
	const struct timespec pause = {.tv_nsec = LOST_PAUSE_NS};

	for (unsigned i = 0; i < LOST_TRIES && lost_threads() > 0; i++)
		nanosleep(&pause, NULL);
	if (lost_threads() > 0)
		prctl(PR_SET_DUMPABLE, 0);
}

/* The handler is reset before: raised again, the signal does what it would have done. */
static void mark_crash(int signal_number)
{
	if (own_mark)
		atomic_store(own_mark, 1);
	spare_the_dump();
	raise(signal_number);
}

void crash_watch(unsigned (*lost)(void))
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	struct sigaction action = {.sa_handler = mark_crash, .sa_flags = SA_RESETHAND | SA_NODEFER};
	struct sigaction before;

	lost_threads = lost;
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (sigaction(faults[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			sigaction(faults[i], &action, NULL);
}

void crash_mark(_Atomic uint32_t *mark)
{
	own_mark = mark;
}
