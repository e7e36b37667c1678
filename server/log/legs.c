/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Legs: mirrors.c opens them, clears.c flushes them, who lets go of a log closes them. */
#include "server/log/legs.h"

#include <stdlib.h>
#include <unistd.h>

void log_legs_close(struct log_legs *legs)
{
	for (unsigned i = 0; legs && i < legs->count; i++)
		close(legs->fds[i]);
	free(legs);
}
