/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Express writes. Three calls of the receiver's make one: express_start holds a log back while a batch of
 * requests is taken in, express_answer adds to it what else the batch brings for the log, and
 * express_write submits. When the write has ended, who waited is answered, and the log is written again
 * if marks came meanwhile; else, or when anything is the worker's to do, the receiver lets go of it.
 */
#include "server/work/express.h"

#include "server/base/check.h"
#include "server/base/stats.h"
#include "server/log/answer.h"
#include "server/log/log_write.h"

static void leave(struct executor *executor, struct mirror_log *log)
{
	CHECK(log->commit.in_flight == 0);
	log->express.on = false;
	mirror_log_let_go(log, executor->options);
}

static bool written_again(struct executor *executor, struct mirror_log *log)
{
	/* Mail is the worker's, and has waited long enough. */
	if (!mailbox_empty(&log->inbox.mail))
		return false;
	if (dirty_log_has_changed(&log->dirty))
		return log_write_start(executor, log);
	executor_reply_all(executor, &log->commit.waiters, 0);
	return false;
}

static void express_written(struct executor *executor, struct mirror_log *log)
{
	if (!written_again(executor, log))
		leave(executor, log);
}

/* The worker tries again, and knows when to give up. */
static void express_write_failed(struct executor *executor, struct mirror_log *log)
{
	slot_list_move(&log->commit.waiters, &log->commit.running);
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
	.written = express_written,
	.write_failed = express_write_failed,
};

bool express_start(struct executor *executor, struct mirror_log *log, struct slot *slot)
{
	if (!executor->engine || !executor->io_free || log_writer_now(log) != LOG_WRITER_ANYONE ||
	    log_device_is_full(log->device) || !log_device_claim(log->device))
		return false;
	CHECK(inbox_state(&log->inbox) == INBOX_HELD && !log->express.on);
	log_write_wait(executor, log, slot);
	log->express.on = true;
	log->express.next = executor->to_write;
	executor->to_write = log;
	stats_add(STATS_EXPRESS, 1);
	return true;
}

void express_write(struct executor *executor)
{
	struct mirror_log *log;

	while ((log = executor->to_write)) {
		executor->to_write = log->express.next;
		executor_in_hand(executor, log->commit.waiters.first);
		/* Mail for the worker has come behind it, or there is no buffer: its worker has some. */
		if (!mailbox_empty(&log->inbox.mail) || !log_write_start(executor, log))
			leave(executor, log);
	}
	executor_in_hand(executor, NULL);
}

bool express_answer(struct executor *executor, struct mirror_log *log, struct slot *slot)
{
	CHECK(inbox_state(&log->inbox) == INBOX_HELD);
	if (!mailbox_empty(&log->inbox.mail) &&
	    wire_opcode(&slot->message)->lane != WIRE_LANE_QUERY)
		return false;
	if (answer(log, &slot->message)) {
		stats_add(STATS_SERVED_INLINE, 1);
		outbox_add(&executor->outbox, slot);
	} else {
		slot_waits(slot, log->id);
		log_write_wait(executor, log, slot);
	}
	return true;
}

void express_hand_on(struct executor *executor, struct mirror_log *log)
{
	if (!log->express.on || log->commit.in_flight == 0)
		return;
	log_write_abandon(executor, log);
	leave(executor, log);
}
