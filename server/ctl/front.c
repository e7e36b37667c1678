/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ctl/front.h"

#include <stdlib.h>
#include <unistd.h>

#define LOADED "/sys/module/dm_log_cached"

bool front_is_there(void)
{
	if (access(LOADED, F_OK) == 0)
		return true;
	return system("modprobe -q dm-log-cached >/dev/null 2>&1") == 0 &&
	       access(LOADED, F_OK) == 0;
}
