/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which point, and how often it is passed before: from the environment, once. The count of passes is in
 * memory that all servers share, so that a successor is not killed at the same place again. */
#include "server/base/kill_point.h"

#ifdef DIRTYLOG_KILL_POINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
	char name[32];
	unsigned skip;
	bool always, hangs;
	_Atomic unsigned *passed; /* NULL: not armed */
} armed;

void kill_point_arm(void)
{
	const char *text = getenv("DIRTYLOGD_KILL_AT");
	char end = 0;

	if (!text || sscanf(text, "%31[^:!~]:%u%c", armed.name, &armed.skip, &end) < 1)
		return;
	armed.always = strchr(text, '!') != NULL;
	armed.hangs = strchr(text, '~') != NULL;
	armed.passed = mmap(NULL, sizeof(*armed.passed), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (armed.passed == MAP_FAILED)
		abort();
}

/* As in a deadlock; it ends with the process. */
static void hang(void)
{
	for (;;)
		pause();
}

void kill_point(const char *name)
{
	unsigned passed;

	if (!armed.passed || strcmp(name, armed.name) != 0)
		return;
	passed = atomic_fetch_add(armed.passed, 1);
	if (passed == armed.skip || (armed.always && passed > armed.skip)) {
		if (armed.hangs)
			hang();
		if (armed.always)
			raise(SIGABRT); /* of this thread, as a fault would be */
		kill(getpid(), SIGKILL);
		pause(); /* another thread may be the one that the signal ends first */
	}
}

#endif
