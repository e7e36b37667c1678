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

#define POINTS_MAX 2u

struct armed {
	char name[32];
	unsigned skip;
	bool always, hangs;
	_Atomic unsigned *passed;
};

static struct armed points[POINTS_MAX];
static unsigned npoints;

static bool has_flag(const char *text, char flag)
{
	return memchr(text, flag, strcspn(text, ",")) != NULL;
}

static bool read_point(const char *text, struct armed *armed)
{
	if (sscanf(text, "%31[^:!~,]:%u", armed->name, &armed->skip) < 1)
		return false;
	armed->always = has_flag(text, '!');
	armed->hangs = has_flag(text, '~');
	armed->passed = mmap(NULL, sizeof(*armed->passed), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (armed->passed == MAP_FAILED)
		abort();
	return true;
}

void kill_point_arm(void)
{
	const char *text = getenv("DIRTYLOGD_KILL_AT");

	while (text && npoints < POINTS_MAX && read_point(text, &points[npoints])) {
		npoints++;
		text = strchr(text, ',');
		text += text != NULL;
	}
}

/* As in a deadlock; it ends with the process. */
static void hang(void)
{
	for (;;)
		pause();
}

static void pass(struct armed *armed)
{
	unsigned passed = atomic_fetch_add(armed->passed, 1);

	if (passed != armed->skip && !(armed->always && passed > armed->skip))
		return;
	if (armed->hangs)
		hang();
	if (armed->always)
		raise(SIGABRT); /* of this thread, as a fault would be */
	kill(getpid(), SIGKILL);
	pause(); /* another thread may be the one that the signal ends first */
}

void kill_point(const char *name)
{
	for (unsigned i = 0; i < npoints; i++)
		if (strcmp(name, points[i].name) == 0)
			pass(&points[i]);
}

#endif
