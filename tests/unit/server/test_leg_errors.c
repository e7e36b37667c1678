/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of clears (work/clears.h), where legs fail, hang, or were being flushed when a server died; on a worker without a
 * thread: its flush engine keeps what is submitted until the test says that it has ended. */
#include "server/work/clears.h"

#include "server/base/container_of.h"
#include "server/log/log_write.h"
#include "server/log/mirrors.h"
#include "server/work/commit.h"
#include "server/work/life.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512u
#define REGIONS 4096u /* a block, and the header's */

static struct {
	struct flush_engine engine;
	struct flush_op *op; /* the one on its way */
	struct estate estate;
	struct worker worker;
	struct slots slots;
	struct log_options options;
	struct log_io io;
	struct log_device device;
	struct mirror_log *log;
	struct estate_executor watched;
} bench;

static void keep(struct flush_engine *engine, struct flush_op *op)
{
	cr_assert_null(bench.op);
	bench.op = op;
}

static const struct flush_engine_ops engine_ops = {.name = "mock", .submit = keep};

static void io_done(struct flush_op *op, int error)
{
	struct log_io *io = container_of(op, struct log_io, op);

	io->error = error;
	io->finish(io->executor, io->log, io);
}

static void end_write(int error)
{
	struct flush_op *op = bench.op;

	cr_assert_not_null(op);
	bench.op = NULL;
	bench.engine.pending--;
	op->done(op, error);
}

static const struct executor_ops executor_ops = {.written = commit_written,
						 .write_failed = commit_write_failed};

static void set_up_worker(void)
{
	struct executor *executor = &bench.worker.executor;

	bench.engine.ops = &engine_ops;
	bench.options.settings = &bench.estate.fixed->settings;
	*executor = (struct executor){.ops = &executor_ops,
				      .options = &bench.options,
				      .engine = &bench.engine,
				      .outbox = {.slots = &bench.slots},
				      .estate = &bench.estate.fixed->executors[0],
				      .io_free = &bench.io};
	bench.io = (struct log_io){.executor = executor, .flight = &executor->estate->flights[0]};
	bench.io.op.buf = aligned_alloc(4096, LOG_IO_BYTES);
	bench.io.op.done = io_done;
	signal(SIGCHLD, SIG_IGN);
	cr_assert_eq(mirrors_start(&bench.worker.mirrors, &bench.watched), 0);
}

/* All regions are clean, and the log device says so. */
static void set_up_log(void)
{
	struct ctr_args args = {.disk = true, .region_count = REGIONS, .sync = CTR_ARGS_NOSYNC};
	const char *text = "32768 disk 7:0 8 nosync";
	struct mirror_log *log =
		mirror_log_create(&bench.estate, "test", 1, text, strlen(text), &args);

	bench.device = (struct log_device){.fd = 0, .block_bytes = BLOCK, .claimed = true};
	log->device = &bench.device;
	log->run_queue = &bench.worker.queue;
	cr_assert_eq(mirror_log_make_bits(log), 0);
	dirty_log_begin(&log->dirty, 0, true, true);
	mirror_log_set_state(log, LOG_ACTIVE);
	bench.log = log;
	commit_start(&bench.worker, log);
	while (bench.op)
		end_write(0);
	cr_assert(log_write_is_durable(log));
}

static void set_up(void)
{
	cr_assert_eq(estate_create(&bench.estate), 0);
	set_up_worker();
	set_up_log();
}

/* What is asked of the mirror thread holds the log for longer than the test. */
static void tear_down(void)
{
	mirrors_stop(bench.worker.mirrors);
	free(bench.io.op.buf);
	estate_close(&bench.estate);
}

/* A server has died while it flushed the legs, and its successor tries them. */
static struct leg_flush *be_interrupted(void)
{
	struct log_legs *legs = NULL;

	cr_assert(log_legs_add(&legs, 7, 0));
	bench.log->clears.legs = legs;
	bench.log->clears.phase = CLEARS_SPOILT;
	bench.log->clears.interrupted = true;
	bench.log->clears.leg_flush = leg_flush_make(legs);
	return bench.log->clears.leg_flush;
}

static void legs_answer(int error)
{
	struct leg_flush *flush = bench.log->clears.leg_flush;

	flush->error = error;
	clears_legs_flushed(&bench.worker, bench.log, flush);
	leg_flush_free(flush);
}

static uint64_t in_sync(void)
{
	return dirty_log_sync_count(&bench.log->dirty);
}

TestSuite(leg_errors, .init = set_up, .fini = tear_down, .timeout = 30);

Test(leg_errors, what_is_dirty_on_the_device_is_out_of_sync_once_the_legs_answer)
{
	dirty_log_mark(&bench.log->dirty, 5);
	commit_start(&bench.worker, bench.log);
	end_write(0);
	be_interrupted();
	legs_answer(0);
	cr_assert_eq(in_sync(), REGIONS - 1);
	cr_assert(bench.log->clears.heals && !bench.log->clears.interrupted);
}

/* To what is out of sync the kernel writes on one leg, and marks nothing: the device must not call it clean. */
Test(leg_errors, what_is_dirty_in_memory_alone_is_not_out_of_sync_before_it_is_durable)
{
	dirty_log_mark(&bench.log->dirty, 5);
	dirty_log_mark_ahead(&bench.log->dirty, 5, 1, 1);
	commit_start(&bench.worker, bench.log);
	be_interrupted();
	legs_answer(0);
	cr_assert_eq(in_sync(), REGIONS, "out of sync, and clean on the log device");
	cr_assert_not(bench.log->clears.heals);
	end_write(0);
	clears_check(&bench.worker, bench.log, clock_coarse());
	cr_assert_eq(in_sync(), REGIONS - 2);
	cr_assert(bench.log->clears.heals);
}

Test(leg_errors, a_write_that_fails_is_tried_again_before_anything_is_out_of_sync)
{
	dirty_log_mark(&bench.log->dirty, 5);
	be_interrupted();
	legs_answer(0);
	end_write(-EIO);
	clears_check(&bench.worker, bench.log, clock_coarse());
	cr_assert_eq(in_sync(), REGIONS);
	commit_retry(&bench.worker, bench.log, clock_coarse() + NSEC_PER_SEC);
	end_write(0);
	clears_check(&bench.worker, bench.log, clock_coarse());
	cr_assert_eq(in_sync(), REGIONS - 1);
}

Test(leg_errors, a_leg_that_fails_leaves_the_log_spoilt)
{
	dirty_log_mark(&bench.log->dirty, 5);
	be_interrupted();
	legs_answer(-EIO);
	cr_assert_eq(in_sync(), REGIONS);
	cr_assert_eq(bench.log->clears.phase, CLEARS_SPOILT);
	cr_assert_not(bench.log->clears.interrupted);
}

/* A region that was cleared long ago, and the legs are known: they are being flushed. */
static struct leg_flush *be_flushing(void)
{
	struct log_legs *legs = NULL;

	dirty_log_mark(&bench.log->dirty, 5);
	commit_start(&bench.worker, bench.log);
	end_write(0);
	dirty_log_clear(&bench.log->dirty, 5);
	dirty_log_age(&bench.log->dirty);
	cr_assert(log_legs_add(&legs, 7, 0));
	bench.log->clears.legs = legs;
	bench.log->clears.phase = CLEARS_FLUSHING_LEGS;
	bench.log->clears.leg_flush = leg_flush_make(legs);
	return bench.log->clears.leg_flush;
}

static void expect_dirty_on_device(void)
{
	cr_assert_eq(dirty_log_disk_dirty_count(&bench.log->dirty), 1);
	cr_assert_not(dirty_log_has_changed(&bench.log->dirty));
}

Test(leg_errors, nothing_is_clean_on_the_device_before_the_legs_are_flushed)
{
	struct leg_flush *none = be_flushing();

	leg_flush_free(none);
	bench.log->clears.leg_flush = NULL;
	bench.log->clears.phase = CLEARS_COUNTING;
	schedule_age(&bench.worker, bench.log, clock_coarse());
	clears_check(&bench.worker, bench.log, clock_coarse());
	cr_assert_eq(bench.log->clears.phase, CLEARS_FLUSHING_LEGS);
	expect_dirty_on_device();
}

Test(leg_errors, a_region_is_clean_on_the_device_behind_a_flush)
{
	be_flushing();
	legs_answer(0);
	cr_assert_eq(dirty_log_disk_dirty_count(&bench.log->dirty), 0);
	cr_assert_not_null(bench.op);
	end_write(0);
}

Test(leg_errors, nothing_is_clean_on_the_device_behind_a_flush_that_failed)
{
	be_flushing();
	legs_answer(-EIO);
	cr_assert_eq(bench.log->clears.phase, CLEARS_SPOILT);
	expect_dirty_on_device();
}

Test(leg_errors, a_resume_takes_what_is_dirty_on_the_device_for_out_of_sync)
{
	be_flushing();
	legs_answer(-EIO);
	cr_assert_eq(in_sync(), REGIONS);
	clears_resumed(&bench.worker, bench.log);
	cr_assert_eq(in_sync(), REGIONS - 1);
	cr_assert_eq(bench.log->clears.phase, CLEARS_COUNTING);
}

/* Its mirror is suspended to be rid of the leg. */
Test(leg_errors, a_suspend_waits_for_two_seconds_for_a_leg_that_hangs)
{
	static struct slot slot;

	leg_flush_free(be_flushing());
	bench.log->clears.leg_flush = NULL;
	bench.log->clears.phase = CLEARS_COUNTING;
	schedule_age(&bench.worker, bench.log, clock_coarse());
	slot_set_phase(&slot, SLOT_ASKED);
	slot.came_ns = clock_coarse();
	mirror_log_set_state(bench.log, LOG_SUSPENDED);
	clears_drain(&bench.worker, bench.log, &slot);
	cr_assert_leq(bench.log->sched.drain.at_ns, clock_coarse() + 3 * NSEC_PER_SEC);
	cr_assert_eq(bench.log->clears.draining.first, &slot);
	clears_check(&bench.worker, bench.log, clock_coarse() + 3 * NSEC_PER_SEC);
	cr_assert_null(bench.log->clears.draining.first);
	cr_assert_eq(slot_phase(&slot), SLOT_ANSWERED);
	cr_assert_eq(bench.log->clears.phase, CLEARS_SPOILT);
	expect_dirty_on_device();
}

static void ask(struct slot *slot, unsigned type)
{
	slot->message.request.request_type = type;
	slot_set_phase(slot, SLOT_ASKED);
	slot->came_ns = clock_coarse();
}

/* It is removed, or, with no slot for that, its address is another one's. */
static void remove_while_legs_hang(struct slot *suspends, struct slot *removes)
{
	static struct mailbox graveyard;

	leg_flush_free(be_flushing());
	bench.log->clears.leg_flush = NULL;
	bench.log->clears.phase = CLEARS_COUNTING;
	schedule_age(&bench.worker, bench.log, clock_coarse());
	ask(suspends, DM_ULOG_POSTSUSPEND);
	mirror_log_set_state(bench.log, LOG_SUSPENDED);
	clears_drain(&bench.worker, bench.log, suspends);
	cr_assert_eq(bench.log->clears.draining.first, suspends);
	bench.worker.graveyard = &graveyard;
	bench.device.users = bench.device.refs = 2; /* it is not ours to free */
	life_end(&bench.worker, bench.log, removes);
	life_close_when_idle(&bench.worker, bench.log);
	cr_assert_eq(mirror_log_state(bench.log), LOG_DEAD);
}

Test(leg_errors, who_waits_for_legs_is_answered_when_the_log_is_removed)
{
	static struct slot suspends, removes;

	ask(&removes, DM_ULOG_DTR);
	remove_while_legs_hang(&suspends, &removes);
	cr_assert_eq(slot_phase(&suspends), SLOT_ANSWERED);
	cr_assert_eq(suspends.message.request.error, -EIO);
	cr_assert_eq(slot_phase(&removes), SLOT_ANSWERED);
	cr_assert_eq(removes.message.request.error, 0);
}

/* The kernel makes the log again, and asks again. */
Test(leg_errors, who_waits_for_legs_is_told_when_the_log_is_unknown)
{
	static struct slot suspends;

	remove_while_legs_hang(&suspends, NULL);
	cr_assert_eq(slot_phase(&suspends), SLOT_ANSWERED);
	cr_assert_eq(suspends.message.request.error, -ESRCH);
}

/* The log as its successor has it; NULL: it is refused. */
static struct mirror_log *successors(void)
{
	const char *why;
	struct mirror_log *log = mirror_log_take_over(&bench.estate, bench.log->record, &why);

	if (!log)
		cr_assert_str_eq(why, "its status is damaged");
	return log;
}

Test(leg_errors, a_successor_knows_that_the_legs_were_being_flushed)
{
	struct mirror_log *next;

	leg_flush_free(be_flushing());
	bench.log->clears.leg_flush = NULL;
	bench.log->clears.phase = CLEARS_COUNTING;
	schedule_age(&bench.worker, bench.log, clock_coarse());
	clears_check(&bench.worker, bench.log, clock_coarse());
	next = successors();
	cr_assert_not_null(next);
	cr_assert_eq(next->clears.phase, CLEARS_SPOILT);
	cr_assert(next->clears.interrupted);
	free(next);
}

Test(leg_errors, a_status_that_is_damaged_is_not_believed)
{
	mirror_log_record_status(bench.log);
	free(successors());
	cr_assert_not_null(bench.log->record);
	atomic_fetch_xor(&bench.log->record->status, 0x400);
	cr_assert_null(successors());
}
