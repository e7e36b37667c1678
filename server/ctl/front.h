/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's module for a log in front of ours (kernel/). The main thread's. */
#ifndef SERVER_CTL_FRONT_H
#define SERVER_CTL_FRONT_H

#include <stdbool.h>

/* Whether it is loaded, or can be: it is, then. */
bool front_is_there(void);

#endif
