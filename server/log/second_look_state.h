/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What work/second_look.c keeps in a log. The worker that executes it.
 *
 *                an image is given up, and is never written       it is one of ours
 *   [not wanted] ------------------------------------> [unread] --------------------> [unwritten]
 *       ^    |   RESUME: it is read anyway;              |                                 |  ^
 *       |    |   it is none of ours                      |          all is written         |  |
 *       +----|-------------------------------------------+---------------------------------+  |
 *            +---------------------------------------------------------------------------------+
 *                an image is given up, or read, and nothing can be written
 */
#ifndef SERVER_LOG_SECOND_LOOK_STATE_H
#define SERVER_LOG_SECOND_LOOK_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct slot;

struct second_look_state {
	bool wanted; /* unread or unwritten: log_health tells which */
	bool looks; /* a read of the header is in commit.in_flight */
	int64_t wait_ns; /* until the next one */
	struct slot *slot; /* a POSTSUSPEND that waits for a last one */
	int64_t until_ns; /* so long */
};

#endif
