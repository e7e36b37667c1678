/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A handler for each fault sets the mark of the thread that it runs on, which lies in the estate, and lets
 * the signal do its work: the successor blames the request that this thread was at (takeover.c), and not
 * those of the others, which died with it. */
#include "server/base/crash.h"

#include <signal.h>
#include <stddef.h>

static _Thread_local _Atomic uint32_t *own_mark;

/* The handler is reset before: raised again, the signal does what it would have done. */
static void mark_crash(int signal_number)
{
	if (own_mark)
		atomic_store(own_mark, 1);
	raise(signal_number);
}

void crash_watch(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	struct sigaction action = {.sa_handler = mark_crash, .sa_flags = SA_RESETHAND | SA_NODEFER};
	struct sigaction before;

	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (sigaction(faults[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			sigaction(faults[i], &action, NULL);
}

void crash_mark(_Atomic uint32_t *mark)
{
	own_mark = mark;
}
