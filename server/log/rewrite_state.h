/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What work/rewrite.c keeps in a log, beside its record: orders to write again what is dirty. The mail is on its way to
 * the worker, or in its hand, while there are any. */
#ifndef SERVER_LOG_REWRITE_STATE_H
#define SERVER_LOG_REWRITE_STATE_H

#include "server/netlink/slot.h"

struct rewrite_state {
	_Atomic unsigned orders; /* counted by control, ended by the worker */
	struct log_mail mail;
};

#endif
