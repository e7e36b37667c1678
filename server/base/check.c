/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a process whose state cannot be. */
#include "server/base/check.h"

#include "server/base/diag.h"

#include <stdlib.h>

void check_failed(const char *condition, const char *file, int line, const char *function)
{
	diag_error("%s:%d: %s: \"%s\" does not hold; this server ends, another one takes over. "
		   "Please report this bug; " DIAG_WHERE_TO_REPORT,
		   file, line, function, condition);
	diag_flush();
	abort();
}
