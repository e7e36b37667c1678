/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a log's image. While it runs the worker keeps the log, so that no request sees half of
 * it. Called by the worker that executes the log.
 */
#ifndef SERVER_WORK_IMAGE_READ_H
#define SERVER_WORK_IMAGE_READ_H

#include "server/work/schedule.h"

/* Read the image and take it over, then answer slot: a reconnect's CTR at once (the kernel writes
 * no image at that moment, so nothing is written back), a RESUME when header and bits are durable.
 * An image that can't be read makes all regions out of sync and the log failed. */
void image_read_start(struct worker *worker, struct mirror_log *log, struct slot *slot,
		      bool reconnect);

/* Go on after buffers ran out. */
void image_read_continue(struct worker *worker, struct mirror_log *log);

/* While the image is read and the device does not answer: who asks for the status is told, and a mirror that has
 * reconnected and is to be suspended is let go, to get another log. The log has failed then. */
void image_read_look(struct worker *worker, struct mirror_log *log, int64_t now);

#endif
