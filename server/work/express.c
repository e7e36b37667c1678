/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Express writes. */
#include "server/work/express.h"

#include "server/log/log_device.h"
#include "server/log/log_write.h"
#include "server/log/answer.h"
#include "server/base/stats.h"

static void leave(struct executor *executor, struct mirror_log *log)
{
	log->express = false;
	if (log->waiters.first)
		mirror_log_pass(log);
	else
		mirror_log_let_go(log, executor->options);
}

static bool written_again(struct executor *executor, struct mirror_log *log)
{
	/* Mail is the worker's, and has waited long enough. */
	if (!mailbox_empty(&log->inbox.mail))
		return false;
	if (dirty_log_has_changed(&log->dirty))
		return log_write_start(executor, log);
	executor_reply_all(executor, &log->waiters, 0);
	return false;
}

static void written(struct executor *executor, struct mirror_log *log)
{
	if (log->commit_error)
		/* The worker tries again, and knows when to give up. */
		slot_list_move(&log->waiters, &log->committing);
	else
		log_write_answer(executor, log);
	if (log->commit_error || !written_again(executor, log))
		leave(executor, log);
}

static void express_io_ended(struct executor *executor, struct log_io *io)
{
	executor_in_hand(executor, mirror_log_waiter(io->log));
	io->finish(executor, io->log, io);
	executor_in_hand(executor, NULL);
}

const struct executor_ops express_ops = {
	.io_ended = express_io_ended,
	.written = written,
};

static bool fit(const struct mirror_log *log)
{
	return mirror_log_state(log) == LOG_ACTIVE && log->in_flight == 0 && !log->foreign &&
	       !log->retry_link.on && log->retry_since_ns == 0 && !log->waiters.first &&
	       !log->resuming && log_device_claim(log->device) &&
	       !atomic_load_explicit(&log->failed, memory_order_relaxed);
}

bool express_start(struct executor *executor, struct mirror_log *log, struct slot *slot)
{
	if (!executor->engine || !executor->io_free || !fit(log))
		return false;
	slot_list_add(&log->waiters, slot);
	log->express = true;
	log->express_next = executor->to_write;
	executor->to_write = log;
	stats_add(STATS_EXPRESS, 1);
	return true;
}

void express_write(struct executor *executor)
{
	struct mirror_log *log;

	while ((log = executor->to_write)) {
		executor->to_write = log->express_next;
		executor_in_hand(executor, log->waiters.first);
		if (!log_write_start(executor, log))
			leave(executor, log); /* no buffer: its worker has some */
	}
	executor_in_hand(executor, NULL);
}

bool express_answer(struct executor *executor, struct mirror_log *log, struct slot *slot)
{
	if (!mailbox_empty(&log->inbox.mail))
		return false;
	if (answer(log, &slot->message)) {
		stats_add(STATS_SERVED_INLINE, 1);
		outbox_add(&executor->outbox, slot);
	} else {
		slot_list_add(&log->waiters, slot);
	}
	return true;
}
