/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The legs of a mirror: each device once, as many as there are. */
#ifndef SERVER_LOG_LEGS_H
#define SERVER_LOG_LEGS_H

#include <stdbool.h>
#include <stdint.h>

struct log_leg {
	uint32_t major, minor;
};

struct log_legs {
	unsigned count;
	struct log_leg legs[];
};

/* Add a device to *legs (NULL at first), unless it is there. False: no memory, *legs is as it was. */
bool log_legs_add(struct log_legs **legs, uint32_t major, uint32_t minor);

#endif
