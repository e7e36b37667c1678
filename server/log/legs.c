/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Legs: mirror_scan.c finds them, clears.c has them flushed. */
#include "server/log/legs.h"

#include <stdlib.h>

static bool is_among(const struct log_legs *legs, uint32_t major, uint32_t minor)
{
	for (unsigned i = 0; legs && i < legs->count; i++)
		if (legs->legs[i].major == major && legs->legs[i].minor == minor)
			return true;
	return false;
}

bool log_legs_add(struct log_legs **legs, uint32_t major, uint32_t minor)
{
	unsigned count = *legs ? (*legs)->count : 0;
	struct log_legs *grown;

	if (is_among(*legs, major, minor))
		return true;
	grown = realloc(*legs, sizeof(*grown) + (count + 1) * sizeof(grown->legs[0]));
	if (!grown)
		return false;
	grown->legs[count] = (struct log_leg){.major = major, .minor = minor};
	grown->count = count + 1;
	*legs = grown;
	return true;
}
