/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of log_write on a flush engine that is a mock: it keeps what is submitted until the test says
 * how it ended. */
#include "server/base/container_of.h"
#include "server/log/log_write.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#define BLOCK 512u
#define REGIONS (16 * 4096u) /* sixteen blocks and the header's */
#define OPS_MAX 16u

struct mock {
	struct flush_engine base;
	struct flush_op *ops[OPS_MAX];
	unsigned count;
};

static void mock_submit(struct flush_engine *engine, struct flush_op *op)
{
	struct mock *mock = container_of(engine, struct mock, base);

	cr_assert_lt(mock->count, OPS_MAX);
	mock->ops[mock->count++] = op;
}

static const struct flush_engine_ops mock_ops = {.name = "mock", .submit = mock_submit};

/* --- an executor with a log on it --- */

static struct {
	struct mock mock;
	struct estate estate;
	struct executor executor;
	struct log_io ios[OPS_MAX];
	struct log_device device;
	struct mirror_log *log;
	struct slot slot;
	unsigned written, failed; /* calls */
} bench;

static void io_done(struct flush_op *op, int error)
{
	struct log_io *io = container_of(op, struct log_io, op);

	io->error = error;
	io->finish(io->executor, io->log, io);
}

static void written(struct executor *executor, struct mirror_log *log)
{
	bench.written++;
}

/* As the worker does, who then backs off. */
static void write_failed(struct executor *executor, struct mirror_log *log)
{
	bench.failed++;
	slot_list_move(&log->commit.waiters, &log->commit.running);
}

static const struct executor_ops executor_ops = {.written = written, .write_failed = write_failed};

static void make_ios(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct log_io *io = &bench.ios[i];

		io->executor = &bench.executor;
		io->flight = &bench.estate.fixed->executors[0].flights[i];
		io->op.buf = aligned_alloc(4096, LOG_IO_BYTES);
		io->op.done = io_done;
		io->next = bench.executor.io_free;
		bench.executor.io_free = io;
	}
}

/* End what has been submitted, all with error. */
static void end_all(int error)
{
	unsigned count = bench.mock.count;

	bench.mock.count = 0;
	for (unsigned i = 0; i < count; i++) {
		bench.mock.base.pending--;
		bench.mock.ops[i]->done(bench.mock.ops[i], error);
	}
}

static void make_log(void)
{
	struct ctr_args args = {.disk = true, .region_count = REGIONS, .sync = CTR_ARGS_NOSYNC};
	struct mirror_log *log = mirror_log_create(&bench.estate, "test", 1, "", 0, &args);

	bench.device = (struct log_device){.fd = -1, .block_bytes = BLOCK};
	log->device = &bench.device;
	cr_assert_eq(mirror_log_make_bits(log), 0);
	dirty_log_begin(&log->dirty, 0, true, true);
	bench.log = log;
}

static void set_up_ios(unsigned ios)
{
	cr_assert_eq(estate_create(&bench.estate), 0);
	bench.mock.base.ops = &mock_ops;
	bench.executor.ops = &executor_ops;
	bench.executor.engine = &bench.mock.base;
	slot_set_phase(&bench.slot, SLOT_ASKED);
	make_ios(ios);
	make_log();
}

/* The whole image, as a RESUME does. */
static void write_image(void)
{
	while (dirty_log_has_changed(&bench.log->dirty)) {
		cr_assert(log_write_start(&bench.executor, bench.log));
		end_all(0);
	}
	bench.written = 0;
}

static void set_up_written(unsigned ios)
{
	set_up_ios(ios);
	write_image();
}

static void tear_down(void)
{
	for (unsigned i = 0; i < OPS_MAX; i++)
		free(bench.ios[i].op.buf);
	estate_free(&bench.estate, bench.log->record);
	free(bench.log);
	estate_close(&bench.estate);
}

static void mark(uint64_t region)
{
	dirty_log_mark(&bench.log->dirty, region);
}

TestSuite(log_write, .fini = tear_down);

Test(log_write, neighbouring_blocks_are_one_write)
{
	set_up_written(4);
	mark(0);
	mark(4095);
	mark(4096);
	cr_assert(log_write_start(&bench.executor, bench.log));
	cr_assert_eq(bench.mock.count, 1);
	cr_assert_eq(bench.mock.ops[0]->kind, FLUSH_OP_WRITE);
	cr_assert_eq(bench.mock.ops[0]->len, 2 * BLOCK);
	cr_assert_eq(bench.mock.ops[0]->offset, 1024);
	end_all(0);
	cr_assert_eq(bench.written, 1);
	cr_assert_eq(bench.log->commit.error, 0);
}

Test(log_write, distant_blocks_are_written_at_once)
{
	set_up_written(4);
	mark(0);
	mark(8 * 4096);
	cr_assert(log_write_start(&bench.executor, bench.log));
	cr_assert_eq(bench.mock.count, 2);
	cr_assert_eq(bench.mock.ops[0]->len, BLOCK);
	end_all(0);
	cr_assert_eq(bench.written, 1, "told once, behind the last");
}

Test(log_write, a_block_whose_write_failed_is_changed_still)
{
	set_up_written(4);
	mark(5000);
	slot_list_add(&bench.log->commit.waiters, &bench.slot);
	cr_assert(log_write_start(&bench.executor, bench.log));
	cr_assert_null(bench.log->commit.waiters.first);
	end_all(-EIO);
	cr_assert_eq(bench.log->commit.error, -EIO);
	cr_assert_eq(bench.failed, 1);
	cr_assert_eq(bench.written, 0);
	cr_assert_eq(slot_phase(&bench.slot), SLOT_ASKED, "not answered");
	cr_assert(dirty_log_has_changed(&bench.log->dirty));
	cr_assert(log_write_start(&bench.executor, bench.log));
	cr_assert_eq(bench.mock.ops[0]->offset, 1024 + BLOCK);
	end_all(0);
	cr_assert_eq(bench.written, 1);
	cr_assert_eq(slot_phase(&bench.slot), SLOT_ANSWERED);
	cr_assert_not(dirty_log_has_changed(&bench.log->dirty));
}

Test(log_write, waits_for_the_rest_when_buffers_run_out)
{
	set_up_written(1);
	mark(0);
	mark(8 * 4096);
	slot_list_add(&bench.log->commit.waiters, &bench.slot);
	cr_assert(log_write_start(&bench.executor, bench.log));
	cr_assert_eq(bench.mock.count, 1);
	end_all(0);
	cr_assert_eq(bench.log->commit.waiters.first, &bench.slot, "half of it is not durable");
	cr_assert(dirty_log_has_changed(&bench.log->dirty));
}

Test(log_write, starts_nothing_without_a_buffer)
{
	struct log_io *io;

	set_up_written(1);
	io = executor_io_take(&bench.executor, bench.log, bench.log->device);
	mark(0);
	slot_list_add(&bench.log->commit.waiters, &bench.slot);
	cr_assert_not(log_write_start(&bench.executor, bench.log));
	cr_assert_eq(bench.log->commit.waiters.first, &bench.slot);
	cr_assert_eq(bench.mock.count, 0);
	executor_io_give(&bench.executor, io);
}

/* Each thing alone that stands in the way of a write, and who may write then. */
Test(log_write, tells_who_may_write)
{
	struct commit_state *commit;

	set_up_written(1);
	commit = &bench.log->commit;
	mirror_log_set_state(bench.log, LOG_CREATED);
	cr_assert_eq(log_writer_now(bench.log), LOG_WRITER_WORKER, "not resumed");
	mirror_log_set_state(bench.log, LOG_ACTIVE);
	cr_assert_eq(log_writer_now(bench.log), LOG_WRITER_ANYONE);
	commit->in_flight = 1;
	cr_assert_eq(log_writer_now(bench.log), LOG_WRITER_NOT_NOW);
	commit->in_flight = 0;
	commit->retry_since_ns = 1;
	cr_assert_eq(log_writer_now(bench.log), LOG_WRITER_WORKER, "in trouble");
	commit->retry_since_ns = 0;
	commit->waiters.first = &bench.slot;
	cr_assert_eq(log_writer_now(bench.log), LOG_WRITER_WORKER, "somebody waits");
	commit->waiters.first = NULL;
	bench.log->life.resuming = &bench.slot;
	cr_assert_eq(log_writer_now(bench.log), LOG_WRITER_WORKER, "a RESUME waits");
	bench.log->life.resuming = NULL;
	mirror_log_set_health(bench.log, LOG_FAILED);
	cr_assert_eq(log_writer_now(bench.log), LOG_WRITER_WORKER, "failed");
	mirror_log_set_health(bench.log, LOG_UNUSABLE);
	cr_assert_eq(log_writer_now(bench.log), LOG_WRITER_NEVER);
}

Test(log_write, does_not_write_while_a_commit_backs_off)
{
	struct list retrying = {0};

	set_up_written(1);
	mirror_log_set_state(bench.log, LOG_ACTIVE);
	list_append(&retrying, &bench.log->sched.retry.node);
	cr_assert_eq(log_writer_now(bench.log), LOG_WRITER_NOT_NOW);
	list_remove(&bench.log->sched.retry.node);
	cr_assert_eq(log_writer_now(bench.log), LOG_WRITER_ANYONE);
}

/* Old bits under a new header would be believed if the power went between the two. */
Test(log_write, the_header_is_written_when_the_bits_are_durable)
{
	set_up_ios(OPS_MAX);
	slot_list_add(&bench.log->commit.waiters, &bench.slot);
	cr_assert(log_write_start(&bench.executor, bench.log));
	cr_assert_gt(bench.mock.count, 0);
	for (unsigned i = 0; i < bench.mock.count; i++)
		cr_assert_neq(bench.mock.ops[i]->offset, 0,
			      "the header is on its way with the bits");
	end_all(0);
	cr_assert_eq(slot_phase(&bench.slot), SLOT_ASKED, "the header is not there yet");
	cr_assert(log_write_start(&bench.executor, bench.log));
	cr_assert_eq(bench.mock.count, 1);
	cr_assert_eq(bench.mock.ops[0]->offset, 0);
	end_all(0);
	cr_assert_eq(slot_phase(&bench.slot), SLOT_ANSWERED);
}

Test(log_write, the_header_is_not_written_over_bits_that_failed)
{
	set_up_ios(OPS_MAX);
	cr_assert(log_write_start(&bench.executor, bench.log));
	end_all(-EIO);
	cr_assert(log_write_start(&bench.executor, bench.log));
	for (unsigned i = 0; i < bench.mock.count; i++)
		cr_assert_neq(bench.mock.ops[i]->offset, 0);
	end_all(0);
}

/* Whatever a later write of the same blocks achieves. */
Test(log_write, a_log_that_has_failed_stays_failed)
{
	set_up_written(4);
	mirror_log_set_health(bench.log, LOG_FAILED);
	bench.log->commit.retry_since_ns = 1;
	mark(0);
	cr_assert(log_write_start(&bench.executor, bench.log));
	end_all(0);
	cr_assert_eq(mirror_log_health(bench.log), LOG_FAILED);
	cr_assert_eq(bench.log->commit.retry_since_ns, 0);
}

/* A device that hangs must leave buffers to the others. */
Test(log_write, a_device_has_its_share_of_the_operations_and_no_more)
{
	struct log_device other = {.fd = -1, .block_bytes = BLOCK};
	struct log_io *io;

	set_up_written(4);
	bench.device.ios = LOG_DEVICE_IOS_MAX;
	mark(0);
	slot_list_add(&bench.log->commit.waiters, &bench.slot);
	cr_assert_not(log_write_start(&bench.executor, bench.log));
	cr_assert_eq(bench.log->commit.waiters.first, &bench.slot);
	io = executor_io_take(&bench.executor, bench.log, &other);
	cr_assert_not_null(io);
	cr_assert_eq(other.ios, 1);
	executor_io_give(&bench.executor, io);
	cr_assert_eq(other.ios, 0);
	bench.device.ios = LOG_DEVICE_IOS_MAX - 1;
	cr_assert(log_write_start(&bench.executor, bench.log));
	end_all(0);
	cr_assert_eq(bench.device.ios, LOG_DEVICE_IOS_MAX - 1);
	cr_assert_eq(slot_phase(&bench.slot), SLOT_ANSWERED);
}

/* Its kernel has sent the request again under another number. */
Test(log_write, a_request_that_the_kernel_has_given_up_is_forgotten)
{
	struct slot pool[2] = {{.came_ns = clock_coarse()}, {.came_ns = clock_coarse()}};
	struct slots slots = {.all = pool, .count = 2};

	set_up_written(1);
	bench.executor.outbox.slots = &slots;
	slot_set_phase(&pool[0], SLOT_ASKED);
	slot_set_phase(&pool[1], SLOT_ASKED);
	log_write_wait(&bench.executor, bench.log, &pool[0]);
	cr_assert_eq(bench.log->commit.waiters.first, &pool[0]);
	pool[0].came_ns -= SLOT_GIVEN_UP_NS - NSEC_PER_SEC;
	log_write_wait(&bench.executor, bench.log, &pool[1]);
	cr_assert_eq(bench.log->commit.waiters.first, &pool[0], "it is waited for still");
	cr_assert_eq(slot_list_pop(&bench.log->commit.waiters), &pool[0]);
	cr_assert_eq(slot_list_pop(&bench.log->commit.waiters), &pool[1]);
	log_write_wait(&bench.executor, bench.log, &pool[0]);
	pool[0].came_ns -= 2 * NSEC_PER_SEC;
	log_write_wait(&bench.executor, bench.log, &pool[1]);
	cr_assert_eq(bench.log->commit.waiters.first, &pool[1]);
	cr_assert_eq(slot_phase(&pool[0]), SLOT_FREE);
}
