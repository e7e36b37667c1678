/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the flush engine: every outcome is asked of both engines, on files and loop devices. */
#define _GNU_SOURCE
#include "iouring/flush_engine.h"
#include "perf/generator/loop_device.h"
#include "server/base/clock.h"
#include "server/base/container_of.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK 4096U
#define DEPTH 8U
#define DEVICE_SIZE (1U << 20)
#define LONG_WAIT (20000 * NSEC_PER_MSEC) /* a run that lasts so long has missed its wake-up */
#define DONE_NEVER 1

static _Alignas(BLOCK) uint8_t one_block[BLOCK];

static void with_engine(enum flush_engine_kind kind, void (*body)(struct flush_engine *))
{
	struct flush_engine *engine;
	int error = flush_engine_create(&engine, kind, DEPTH);

	if (error == -EPERM || error == -ENOSYS)
		cr_skip_test("io_uring is not to be had here: %s\n", strerror(-error));
	cr_assert_eq(error, 0, "create: %s", strerror(-error));
	body(engine);
	cr_assert_eq(engine->pending, 0);
	flush_engine_destroy(engine);
}

/* One test body, two tests: the same outcome is due from both engines. */
#define BOTH_ENGINES(outcome)                             \
	static void outcome(struct flush_engine *engine); \
	Test(uring, outcome, .timeout = 60)               \
	{                                                 \
		with_engine(FLUSH_ENGINE_URING, outcome); \
	}                                                 \
	Test(sync, outcome, .timeout = 60)                \
	{                                                 \
		with_engine(FLUSH_ENGINE_SYNC, outcome);  \
	}                                                 \
	static void outcome(struct flush_engine *engine)

/* ---- Operations and what became of them ---- */

struct probe {
	struct flush_op op;
	int error; /* DONE_NEVER until done */
	int calls;
	unsigned pending_then; /* as done saw it */
	struct flush_engine *engine;
};

static void note_done(struct flush_op *op, int error)
{
	struct probe *probe = container_of(op, struct probe, op);

	probe->error = error;
	probe->calls++;
	if (probe->engine)
		probe->pending_then = probe->engine->pending;
}

static struct probe probe_of(enum flush_op_kind kind, int fd, uint8_t *buf, uint32_t len,
			     uint64_t offset)
{
	return (struct probe){
		.op = {.kind = kind,
		       .fd = fd,
		       .buf = buf,
		       .len = len,
		       .offset = offset,
		       .done = note_done,
		       .progress = 77}, /* rubbish: submit resets it */
		.error = DONE_NEVER,
	};
}

static int run_all(struct flush_engine *engine)
{
	int total = 0;

	while (engine->pending > 0) {
		int count = flush_engine_run(engine, LONG_WAIT);

		cr_assert_gt(count, 0, "run returned %d with %u pending", count, engine->pending);
		total += count;
	}
	return total;
}

static int outcome_of(struct flush_engine *engine, enum flush_op_kind kind, int fd, uint8_t *buf,
		      uint32_t len, uint64_t offset)
{
	struct probe probe = probe_of(kind, fd, buf, len, offset);

	flush_engine_submit(engine, &probe.op);
	cr_assert_eq(run_all(engine), 1);
	cr_assert_eq(probe.calls, 1);
	return probe.error;
}

static uint8_t *aligned_buf(size_t len, int fill)
{
	uint8_t *buf = aligned_alloc(BLOCK, len);

	cr_assert_not_null(buf);
	memset(buf, fill, len);
	return buf;
}

/* ---- Files and loop devices; neither outlives its file descriptor ---- */

static int nameless_file(int flags, off_t size)
{
	char path[] = "/var/tmp/flush_engine.XXXXXX";
	int fd = mkostemp(path, flags);

	/* Not every file system can do O_DIRECT. */
	if (fd < 0 && errno == EINVAL) {
		strcpy(path, "/var/tmp/flush_engine.XXXXXX");
		fd = mkostemp(path, flags & ~O_DIRECT);
	}
	cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
	unlink(path);
	cr_assert_eq(ftruncate(fd, size), 0);
	return fd;
}

static struct loop_device new_loop(void)
{
	struct loop_device_config config = {
		.directory = "/var/tmp", .bytes = DEVICE_SIZE, .block_bytes = 512};
	struct loop_device loop;
	int error = loop_device_make(&loop, &config);

	if (error < 0)
		cr_skip_test("no loop device to be had: %s\n", strerror(-error));
	cr_assert_eq(fcntl(loop.fd, F_SETFL, O_DIRECT), 0);
	return loop;
}

/* Flush requests the device has completed: see Documentation/block/stat.rst. */
static unsigned long flushes_of(const struct loop_device *loop)
{
	unsigned long field = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%s/stat", loop->number);
	file = fopen(path, "re");
	if (!file)
		cr_skip_test("%s: %s\n", path, strerror(errno));
	for (int i = 0; i < 16; i++)
		cr_assert_eq(fscanf(file, "%lu", &field), 1);
	fclose(file);
	return field;
}

/* ---- Transfers ---- */

static void check_round_trip(struct flush_engine *engine, int fd)
{
	uint8_t *written = aligned_buf(4 * BLOCK, 0);
	uint8_t *found = aligned_buf(4 * BLOCK, 0xee);

	for (unsigned i = 0; i < 4 * BLOCK; i++)
		written[i] = (uint8_t)(i * 7 + i / 256);
	cr_assert_eq(outcome_of(engine, FLUSH_OP_WRITE, fd, written, 4 * BLOCK, 3 * BLOCK), 0);
	cr_assert_eq(outcome_of(engine, FLUSH_OP_READ, fd, found, 4 * BLOCK, 3 * BLOCK), 0);
	cr_assert_arr_eq(found, written, 4 * BLOCK);
	cr_assert_eq(outcome_of(engine, FLUSH_OP_READ, fd, found, BLOCK, 2 * BLOCK), 0);
	cr_assert_eq(found[BLOCK - 1], 0, "the write began too early");
	free(written);
	free(found);
}

BOTH_ENGINES(writtenIsReadBackFromAFile)
{
	int fd = nameless_file(O_RDWR | O_DIRECT, DEVICE_SIZE);

	check_round_trip(engine, fd);
	close(fd);
}

BOTH_ENGINES(writtenIsReadBackFromALoopDevice)
{
	struct loop_device loop = new_loop();

	check_round_trip(engine, loop.fd);
	loop_device_close(&loop);
}

BOTH_ENGINES(writeFlushesTheDevicesCacheBeforeDone)
{
	struct loop_device loop = new_loop();
	uint8_t *buf = aligned_buf(BLOCK, 1);
	unsigned long before = flushes_of(&loop);

	cr_assert_eq(outcome_of(engine, FLUSH_OP_WRITE, loop.fd, buf, BLOCK, 0), 0);
	cr_assert_gt(flushes_of(&loop), before);
	free(buf);
	loop_device_close(&loop);
}

BOTH_ENGINES(writePastTheEndOfADeviceFailsAfterItsShortPart)
{
	struct loop_device loop = new_loop();
	uint8_t *buf = aligned_buf(2 * BLOCK, 0x5a);
	struct probe probe = probe_of(FLUSH_OP_WRITE, loop.fd, buf, 2 * BLOCK, DEVICE_SIZE - BLOCK);

	flush_engine_submit(engine, &probe.op);
	run_all(engine);
	cr_assert(probe.error == -ENOSPC || probe.error == -EIO, "error is %d", probe.error);
	cr_assert_eq(probe.op.progress, BLOCK);
	memset(buf, 0, BLOCK);
	cr_assert_eq(outcome_of(engine, FLUSH_OP_READ, loop.fd, buf, BLOCK, DEVICE_SIZE - BLOCK),
		     0);
	cr_assert_eq(buf[0], 0x5a);
	free(buf);
	loop_device_close(&loop);
}

BOTH_ENGINES(readPastTheEndIsEio)
{
	int fd = nameless_file(O_RDWR, BLOCK);
	uint8_t *buf = aligned_buf(2 * BLOCK, 1);

	cr_assert_eq(outcome_of(engine, FLUSH_OP_READ, fd, buf, 2 * BLOCK, 0), -EIO);
	free(buf);
	close(fd);
}

/* len bytes of address space over and over the same alias bytes: a huge buffer for little
 * memory. */
static uint8_t *aliased_buf(size_t len, size_t alias)
{
	int fd = memfd_create("alias", MFD_CLOEXEC);
	uint8_t *buf =
		mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	cr_assert_eq(ftruncate(fd, (off_t)alias), 0);
	cr_assert(buf != MAP_FAILED);
	for (size_t at = 0; at < len; at += alias)
		cr_assert(mmap(buf + at, len - at < alias ? len - at : alias,
			       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			       0) != MAP_FAILED);
	close(fd);
	return buf;
}

/* The kernel moves at most 0x7ffff000 bytes at once: a read of more is short without any
 * failure. */
BOTH_ENGINES(shortReadIsCarriedOnWhereItStopped)
{
	enum { ONCE = 0x7ffff000, ALIAS = 4 << 20 };
	int fd = nameless_file(O_RDWR | O_DIRECT, ONCE + 2LL * BLOCK);
	uint8_t *buf = aliased_buf(ONCE + (size_t)BLOCK, ALIAS);
	uint8_t *marker = aligned_buf(BLOCK, 0xa5);

	cr_assert_eq(outcome_of(engine, FLUSH_OP_WRITE, fd, marker, BLOCK, ONCE), 0);
	cr_assert_eq(outcome_of(engine, FLUSH_OP_READ, fd, buf, ONCE + BLOCK, 0), 0);
	cr_assert_arr_eq(buf + ONCE, marker, BLOCK);
	cr_assert_eq(buf[0], 0, "the rest went to the buffer's beginning");
	munmap(buf, ONCE + (size_t)BLOCK);
	free(marker);
	close(fd);
}

BOTH_ENGINES(badFdReachesDoneAndLeavesTheOthersAlone)
{
	int fd = nameless_file(O_RDWR, DEVICE_SIZE);
	uint8_t *buf = aligned_buf(BLOCK, 1);
	struct probe probes[] = {
		probe_of(FLUSH_OP_WRITE, fd, buf, BLOCK, 0),
		probe_of(FLUSH_OP_WRITE, -1, buf, BLOCK, 0),
		probe_of(FLUSH_OP_READ, -1, buf, BLOCK, 0),
		probe_of(FLUSH_OP_WRITE, fd, buf, BLOCK, BLOCK),
	};

	for (int i = 0; i < 4; i++)
		flush_engine_submit(engine, &probes[i].op);
	cr_assert_eq(run_all(engine), 4);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(probes[i].error, i == 0 || i == 3 ? 0 : -EBADF);
	free(buf);
	close(fd);
}

BOTH_ENGINES(writeToAReadOnlyFdIsAnError)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	uint8_t *buf = aligned_buf(BLOCK, 1);

	cr_assert_eq(outcome_of(engine, FLUSH_OP_WRITE, fd, buf, BLOCK, 0), -EBADF);
	free(buf);
	close(fd);
}

/* ---- Many operations ---- */

BOTH_ENGINES(moreThanDepthAllCompleteExactlyOnce)
{
	enum { MANY = 20 * DEPTH + 3 };
	int fd = nameless_file(O_RDWR | O_DIRECT, MANY * BLOCK);
	uint8_t *buf = aligned_buf(MANY * BLOCK, 0);
	static struct probe probes[MANY];

	for (unsigned i = 0; i < MANY; i++) {
		memset(buf + i * BLOCK, (int)i, BLOCK);
		probes[i] =
			probe_of(FLUSH_OP_WRITE, fd, buf + i * BLOCK, BLOCK, (uint64_t)i * BLOCK);
		flush_engine_submit(engine, &probes[i].op);
		cr_assert_eq(engine->pending, i + 1);
	}
	cr_assert_eq(run_all(engine), MANY);
	for (unsigned i = 0; i < MANY; i++) {
		cr_assert_eq(probes[i].calls, 1, "operation %u: %d", i, probes[i].calls);
		cr_assert_eq(probes[i].error, 0);
	}
	memset(buf, 0, MANY * BLOCK);
	cr_assert_eq(outcome_of(engine, FLUSH_OP_READ, fd, buf, MANY * BLOCK, 0), 0);
	for (unsigned i = 0; i < MANY; i++)
		cr_assert_eq(buf[i * BLOCK], (uint8_t)i);
	free(buf);
	close(fd);
}

BOTH_ENGINES(doneSeesItsOperationNoLongerPending)
{
	int fd = nameless_file(O_RDWR, BLOCK);
	struct probe probe = probe_of(FLUSH_OP_READ, fd, one_block, BLOCK, 0);

	probe.engine = engine;
	probe.pending_then = 99;
	flush_engine_submit(engine, &probe.op);
	run_all(engine);
	cr_assert_eq(probe.pending_then, 0);
	close(fd);
}

struct chain {
	struct flush_op op;
	struct flush_engine *engine;
	int *finished;
	int left;
};

/* Frees its operation and submits a fresh one in its stead. */
static void go_on(struct flush_op *op, int error)
{
	struct chain *old = container_of(op, struct chain, op);
	struct chain *fresh;

	cr_assert_eq(error, 0);
	++*old->finished;
	if (old->left > 0) {
		fresh = malloc(sizeof(*fresh));
		*fresh = *old;
		fresh->left--;
		flush_engine_submit(old->engine, &fresh->op);
	}
	memset(old, 0xdd, sizeof(*old));
	free(old);
}

BOTH_ENGINES(doneMaySubmitAndFree)
{
	enum { CHAINS = 2 * DEPTH, LINKS = 20 };
	int fd = nameless_file(O_RDWR, CHAINS * BLOCK);
	uint8_t *buf = aligned_buf(BLOCK, 1);
	int finished = 0;

	for (unsigned i = 0; i < CHAINS; i++) {
		struct probe probe = probe_of(FLUSH_OP_WRITE, fd, buf, BLOCK, (uint64_t)i * BLOCK);
		struct chain *chain = malloc(sizeof(*chain));

		*chain = (struct chain){probe.op, engine, &finished, LINKS};
		chain->op.done = go_on;
		flush_engine_submit(engine, &chain->op);
	}
	cr_assert_eq(run_all(engine), CHAINS * (LINKS + 1));
	cr_assert_eq(finished, CHAINS * (LINKS + 1));
	free(buf);
	close(fd);
}

BOTH_ENGINES(runWithoutWaitingCompletesInTheEnd)
{
	int fd = nameless_file(O_RDWR, BLOCK);
	struct probe probe = probe_of(FLUSH_OP_READ, fd, one_block, BLOCK, 0);
	int64_t end = clock_now() + LONG_WAIT;
	int count = 0;

	flush_engine_submit(engine, &probe.op);
	while (count == 0 && clock_now() < end)
		count = flush_engine_run(engine, 0);
	cr_assert_eq(count, 1);
	cr_assert_eq(probe.error, 0);
	close(fd);
}

/* ---- Waiting and waking ---- */

static void expect_woken(struct flush_engine *engine, int64_t timeout_ns)
{
	int64_t start = clock_now();

	cr_assert_eq(flush_engine_run(engine, timeout_ns), 0);
	cr_assert_lt(clock_now() - start, LONG_WAIT / 2, "the wake-up was lost");
}

static void expect_timeout(struct flush_engine *engine, int64_t timeout_ns)
{
	int64_t start = clock_now();

	cr_assert_eq(flush_engine_run(engine, timeout_ns), 0);
	cr_assert_geq(clock_now() - start, timeout_ns, "run came back early");
}

BOTH_ENGINES(timeoutReturnsZeroInTime)
{
	expect_timeout(engine, 0);
	expect_timeout(engine, 1);
	expect_timeout(engine, 30 * NSEC_PER_MSEC);
	expect_timeout(engine, 1030 * NSEC_PER_MSEC);
}

BOTH_ENGINES(wakeBeforeRunIsNotLost)
{
	flush_engine_wake(engine);
	expect_woken(engine, LONG_WAIT);
	for (int i = 0; i < 1000; i++) {
		flush_engine_wake(engine);
		expect_woken(engine, i % 2 ? LONG_WAIT : -1);
	}
}

BOTH_ENGINES(wakesBeforeOneRunAreSpentByIt)
{
	for (int i = 0; i < 100; i++)
		flush_engine_wake(engine);
	expect_woken(engine, LONG_WAIT);
	expect_timeout(engine, 30 * NSEC_PER_MSEC);
	flush_engine_wake(engine);
	flush_engine_run(engine, 0);
	expect_timeout(engine, 30 * NSEC_PER_MSEC);
}

static void *wake_later(void *engine)
{
	usleep(30000);
	flush_engine_wake(engine);
	return NULL;
}

BOTH_ENGINES(wakeFromAnotherThreadEndsRun)
{
	pthread_t thread;

	for (int i = 0; i < 4; i++) {
		pthread_create(&thread, NULL, wake_later, engine);
		expect_woken(engine, i % 2 ? LONG_WAIT : -1);
		pthread_join(thread, NULL);
	}
}

struct mail {
	struct flush_engine *engine;
	atomic_int posted;
	atomic_int fetched;
};

/* Posts and wakes at every phase of the worker's loop: half of the time it does not let it
 * settle. */
static void *post_mail(void *context)
{
	struct mail *mail = context;

	for (int i = 1; i <= 20000; i++) {
		atomic_store(&mail->posted, i);
		flush_engine_wake(mail->engine);
		while (i % 2 && atomic_load(&mail->fetched) < i)
			sched_yield();
	}
	return NULL;
}

BOTH_ENGINES(noWakeIsLostInARace)
{
	struct mail mail = {.engine = engine};
	pthread_t thread;

	pthread_create(&thread, NULL, post_mail, &mail);
	while (atomic_load(&mail.fetched) < 20000) {
		expect_woken(engine, LONG_WAIT);
		atomic_store(&mail.fetched, atomic_load(&mail.posted));
	}
	pthread_join(thread, NULL);
}

BOTH_ENGINES(wakeEndsRunWhileOperationsCompleteToo)
{
	int fd = nameless_file(O_RDWR, BLOCK);
	struct probe probe = probe_of(FLUSH_OP_READ, fd, one_block, BLOCK, 0);

	for (int i = 0; i < 100; i++) {
		flush_engine_submit(engine, &probe.op);
		flush_engine_wake(engine);
		while (engine->pending > 0)
			cr_assert_geq(flush_engine_run(engine, LONG_WAIT), 0);
	}
	cr_assert_eq(probe.calls, 100);
	close(fd);
}

static struct flush_engine *signalled;
static volatile sig_atomic_t signals;

static void on_alarm(int signal)
{
	(void)signal;
	signals++;
	if (signalled)
		flush_engine_wake(signalled);
}

static void start_alarms(int interval_us)
{
	struct itimerval timer = {.it_value.tv_usec = interval_us,
				  .it_interval.tv_usec = interval_us};
	struct sigaction action = {.sa_handler = on_alarm};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

BOTH_ENGINES(signalsDoNotCutTheTimeoutShort)
{
	start_alarms(5000);
	expect_timeout(engine, 100 * NSEC_PER_MSEC);
	start_alarms(0);
	cr_assert_gt(signals, 0);
}

BOTH_ENGINES(wakeFromASignalHandlerEndsRun)
{
	signalled = engine;
	start_alarms(20000);
	expect_woken(engine, -1);
	expect_woken(engine, LONG_WAIT);
	start_alarms(0);
}

/* ---- The verdict ---- */

struct verdict_case {
	const char *outcome;
	enum flush_op_kind kind;
	uint32_t len;
	uint32_t progress;
	long result;
	enum flush_verdict verdict;
	int error; /* DONE_NEVER: left alone */
	uint32_t progress_then;
};

static const struct verdict_case verdict_cases[] = {
	{"full write is done", FLUSH_OP_WRITE, 4096, 0, 4096, FLUSH_VERDICT_DONE, 0, 4096},
	{"full read is done", FLUSH_OP_READ, 512, 0, 512, FLUSH_VERDICT_DONE, 0, 512},
	{"rest is done", FLUSH_OP_WRITE, 4096, 512, 3584, FLUSH_VERDICT_DONE, 0, 4096},
	{"largest is done", FLUSH_OP_READ, UINT32_MAX, 0, UINT32_MAX, FLUSH_VERDICT_DONE, 0,
	 UINT32_MAX},
	{"short goes on", FLUSH_OP_WRITE, 4096, 0, 512, FLUSH_VERDICT_MORE, DONE_NEVER, 512},
	{"short again goes on", FLUSH_OP_READ, 4096, 512, 512, FLUSH_VERDICT_MORE, DONE_NEVER,
	 1024},
	{"nothing is EIO", FLUSH_OP_WRITE, 4096, 0, 0, FLUSH_VERDICT_ERROR, -EIO, 0},
	{"nothing more is EIO", FLUSH_OP_READ, 4096, 512, 0, FLUSH_VERDICT_ERROR, -EIO, 512},
	{"nothing of nothing is done", FLUSH_OP_READ, 0, 0, 0, FLUSH_VERDICT_DONE, 0, 0},
	{"too much is EIO", FLUSH_OP_READ, 512, 0, 513, FLUSH_VERDICT_ERROR, -EIO, 0},
	{"error is kept", FLUSH_OP_WRITE, 4096, 0, -ENOSPC, FLUSH_VERDICT_ERROR, -ENOSPC, 0},
	{"error after a part is kept", FLUSH_OP_WRITE, 4096, 512, -EIO, FLUSH_VERDICT_ERROR, -EIO,
	 512},
	{"EINTR goes on", FLUSH_OP_WRITE, 4096, 512, -EINTR, FLUSH_VERDICT_MORE, DONE_NEVER, 512},
	{"EAGAIN goes on", FLUSH_OP_READ, 4096, 0, -EAGAIN, FLUSH_VERDICT_MORE, DONE_NEVER, 0},
};

Test(verdict, followsTheTable)
{
	for (size_t i = 0; i < sizeof(verdict_cases) / sizeof(*verdict_cases); i++) {
		const struct verdict_case *c = &verdict_cases[i];
		struct flush_op op = {.kind = c->kind, .len = c->len, .progress = c->progress};
		int error = DONE_NEVER;

		cr_expect_eq(flush_op_verdict(&op, c->result, &error), c->verdict, "%s",
			     c->outcome);
		cr_expect_eq(error, c->error, "%s: error %d", c->outcome, error);
		cr_expect_eq(op.progress, c->progress_then, "%s: %u", c->outcome, op.progress);
	}
}

/* ---- Making an engine ---- */

Test(create, namesTellTheEngines)
{
	struct flush_engine *engine;

	cr_assert_eq(flush_engine_create(&engine, FLUSH_ENGINE_SYNC, 1), 0);
	cr_assert_str_eq(engine->ops->name, "sync");
	flush_engine_destroy(engine);
	if (flush_engine_create(&engine, FLUSH_ENGINE_URING, 1))
		cr_skip_test("io_uring is not to be had here\n");
	cr_assert_str_eq(engine->ops->name, "uring");
	flush_engine_destroy(engine);
	cr_assert_eq(flush_engine_create(&engine, FLUSH_ENGINE_AUTO, 1), 0);
	cr_assert_str_eq(engine->ops->name, "uring");
	flush_engine_destroy(engine);
}

Test(create, impossibleDepthIsRefused)
{
	struct flush_engine *engine = NULL;

	cr_assert_eq(flush_engine_create(&engine, FLUSH_ENGINE_SYNC, 0), -EINVAL);
	cr_assert_eq(flush_engine_create(&engine, FLUSH_ENGINE_URING, 0), -EINVAL);
	cr_assert_lt(flush_engine_create(&engine, FLUSH_ENGINE_URING, UINT32_MAX), 0);
	cr_assert_null(engine);
}

Test(create, leavesNoFileDescriptorBehind)
{
	struct flush_engine *engine;
	int before = dup(0);
	int after;

	close(before);
	for (int i = 0; i < 3; i++) {
		if (flush_engine_create(&engine, FLUSH_ENGINE_AUTO, 4) == 0)
			flush_engine_destroy(engine);
		flush_engine_create(&engine, FLUSH_ENGINE_URING, 1U << 20);
	}
	after = dup(0);
	close(after);
	cr_assert_eq(after, before);
}

/* From here on, system call number nr fails with error in this process. */
static void forbid(unsigned nr, unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(100);
}

/* Exit status: 0 sync, 1 uring, else the errno of create. */
static int engine_when_forbidden(enum flush_engine_kind kind, unsigned nr, unsigned error)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		struct flush_engine *engine;
		int result;

		forbid(nr, error);
		result = flush_engine_create(&engine, kind, DEPTH);
		_exit(result ? -result : strcmp(engine->ops->name, "sync") != 0);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

Test(create, autoFallsBackToSyncWhenSetUpIsForbidden)
{
	const unsigned refusals[] = {EPERM, ENOSYS, ENOMEM};

	for (int i = 0; i < 3; i++)
		cr_expect_eq(
			engine_when_forbidden(FLUSH_ENGINE_AUTO, SYS_io_uring_setup, refusals[i]),
			0);
}

Test(create, autoFallsBackToSyncWhenUseIsForbidden)
{
	cr_assert_eq(engine_when_forbidden(FLUSH_ENGINE_AUTO, SYS_io_uring_enter, EPERM), 0);
}

Test(create, autoKeepsOtherErrors)
{
	cr_assert_eq(engine_when_forbidden(FLUSH_ENGINE_AUTO, SYS_io_uring_setup, EMFILE), EMFILE);
}

Test(create, uringAloneKeepsTheRefusal)
{
	cr_assert_eq(engine_when_forbidden(FLUSH_ENGINE_URING, SYS_io_uring_setup, EPERM), EPERM);
}

static int ring_fd(void)
{
	char path[32], target[64];

	for (int fd = 3; fd < 64; fd++) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof(target) - 1);
		if (length > 0 && memmem(target, (size_t)length, "[io_uring]", 10))
			return fd;
	}
	cr_assert_fail("there is no ring");
	return -1;
}

/* What may be registered with a ring is restricted together with its operations. */
static void its_ring_is_restricted(struct flush_engine *engine)
{
	int eventfd_of_ours = engine->wake_fd;

	cr_assert_eq(syscall(SYS_io_uring_register, ring_fd(), IORING_REGISTER_EVENTFD,
			     &eventfd_of_ours, 1),
		     -1);
	cr_assert_eq(errno, EACCES);
}

Test(uring, its_ring_is_restricted, .timeout = 60)
{
	with_engine(FLUSH_ENGINE_URING, its_ring_is_restricted);
}

/* The engine's ring as who has taken over its thread would use it: another one of this size tells where its parts are. */
static void map_its_ring(struct io_uring *mapped, unsigned entries)
{
	struct io_uring_params params = {0};
	struct io_uring other;
	int fd = ring_fd();

	cr_assert_eq(io_uring_queue_init_params(entries, &other, &params), 0);
	cr_assert_eq(io_uring_queue_mmap(fd, &params, mapped), 0);
	mapped->sq.sqe_head = mapped->sq.sqe_tail = *mapped->sq.ktail;
	io_uring_queue_exit(&other);
}

static int result_of(struct io_uring *ring, const void *mark)
{
	struct io_uring_cqe *cqe;
	int result;

	do {
		cr_assert_eq(io_uring_wait_cqe(ring, &cqe), 0);
		result = io_uring_cqe_get_data(cqe) == mark ? cqe->res : 1;
		io_uring_cqe_seen(ring, cqe);
	} while (result == 1);
	return result;
}

static void its_ring_opens_and_connects_nothing(struct flush_engine *engine)
{
	static const int forbidden[] = {IORING_OP_OPENAT, IORING_OP_SOCKET, IORING_OP_CONNECT,
					IORING_OP_SENDMSG, IORING_OP_NOP};
	struct io_uring ring;

	(void)engine;
	map_its_ring(&ring, DEPTH + 3);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
		int submitted;

		io_uring_prep_rw(forbidden[i], sqe, AT_FDCWD, "/dev/null", 0, 0);
		io_uring_sqe_set_data(sqe, &ring);
		submitted = io_uring_submit(&ring);
		cr_assert_eq(submitted, 1, "operation %d: %d", forbidden[i], submitted);
		cr_assert_eq(result_of(&ring, &ring), -EACCES, "operation %d", forbidden[i]);
	}
}

Test(uring, its_ring_opens_and_connects_nothing, .timeout = 60)
{
	with_engine(FLUSH_ENGINE_URING, its_ring_opens_and_connects_nothing);
}

Test(create, aRingThatCannotBeRestrictedIsNotUsed)
{
	cr_assert_eq(engine_when_forbidden(FLUSH_ENGINE_AUTO, SYS_io_uring_register, EPERM), 0);
	cr_assert_eq(engine_when_forbidden(FLUSH_ENGINE_AUTO, SYS_io_uring_register, EINVAL), 0);
}

Test(create, aKernelThatDoesNotKnowTheRingsFlagsHasNone)
{
	cr_assert_eq(engine_when_forbidden(FLUSH_ENGINE_AUTO, SYS_io_uring_setup, EINVAL), 0);
}
