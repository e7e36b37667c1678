/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recording the requests that come, for dirtylog-load --replay. The receiver leaves them in a ring, and
 * a thread of the recorder's brings the ring to a file, so that no request waits for that file's
 * storage. What finds the ring full is not recorded, and counted. Where the file can take no more it ends with the last
 * whole request, and can be played.
 */
#ifndef SERVER_NETLINK_RECORDER_H
#define SERVER_NETLINK_RECORDER_H

#include "server/protocol/wire.h"

struct recorder;

/* Make the file, which must not exist, and start. 0 or -errno. */
int recorder_start(struct recorder **recorder, const char *path);

/* A request that was found good. The receiver's. */
void recorder_put(struct recorder *recorder, const struct wire_message *message);

/* Write what is left, for 2 s at most, say what was recorded, end. NULL is allowed. */
void recorder_stop(struct recorder *recorder);

#endif
