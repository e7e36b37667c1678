/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Express writes. */
#include "server/work/express.h"

#include "server/log/log_device.h"
#include "server/log/log_write.h"
#include "server/log/answer.h"
#include "server/base/stats.h"

static void leave(struct desk *desk, struct mirror_log *log)
{
	log->express = false;
	if (log->waiters.first)
		mirror_log_hand_over(log);
	else
		mirror_log_let_go(log, desk->options);
}

static bool written_again(struct desk *desk, struct mirror_log *log)
{
	/* Mail is the worker's, and has waited long enough. */
	if (!mailbox_empty(&log->inbox.mail))
		return false;
	if (dirty_log_has_changed(&log->dirty))
		return log_write_start(desk, log);
	desk_reply_all(desk, &log->waiters, 0);
	return false;
}

static void written(struct desk *desk, struct mirror_log *log)
{
	if (log->commit_error)
		/* The worker tries again, and knows when to give up. */
		slot_list_move(&log->waiters, &log->committing);
	else
		log_write_answer(desk, log);
	if (log->commit_error || !written_again(desk, log))
		leave(desk, log);
}

static void io_ended(struct desk *desk, struct log_io *io)
{
	desk_executes(desk, mirror_log_waiter(io->log));
	io->finish(desk, io->log, io);
	desk_executes(desk, NULL);
}

const struct desk_ops express_ops = {
	.io_ended = io_ended,
	.written = written,
};

static bool fit(const struct mirror_log *log)
{
	return mirror_log_state(log) == LOG_ACTIVE && log->in_flight == 0 && !log->foreign &&
	       !log->retry_link.on && log->retry_since_ns == 0 && !log->waiters.first &&
	       !log->resuming && log_device_claim(log->device) &&
	       !atomic_load_explicit(&log->failed, memory_order_relaxed);
}

bool express_start(struct desk *desk, struct mirror_log *log, struct slot *slot)
{
	if (!desk->engine || !desk->io_free || !fit(log))
		return false;
	slot_list_add(&log->waiters, slot);
	log->express = true;
	log->express_next = desk->to_write;
	desk->to_write = log;
	stats_add(STATS_EXPRESS, 1);
	return true;
}

void express_write(struct desk *desk)
{
	struct mirror_log *log;

	while ((log = desk->to_write)) {
		desk->to_write = log->express_next;
		desk_executes(desk, log->waiters.first);
		if (!log_write_start(desk, log))
			leave(desk, log); /* no buffer: its worker has some */
	}
	desk_executes(desk, NULL);
}

bool express_serve(struct desk *desk, struct mirror_log *log, struct slot *slot)
{
	if (!mailbox_empty(&log->inbox.mail))
		return false;
	if (serve(log, &slot->message)) {
		stats_add(STATS_SERVED_INLINE, 1);
		outbox_add(&desk->outbox, slot);
	} else {
		slot_list_add(&log->waiters, slot);
	}
	return true;
}
