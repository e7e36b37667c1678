/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long flush_engine takes to submit and complete durable writes, one by one and many together:
 * what an engine costs beside the device. So uring has /dev/null for one, since for a file in memory
 * the kernel hands each write to a thread; sync has such a file, since /dev/null cannot be flushed.
 */
#include "iouring/flush_engine.h"
#include "perf/micro/micro.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define BATCH 64u
#define BLOCK_BYTES 512u /* of a log device, as a mark writes it */

struct bench {
	struct flush_engine *engine;
	int fd;
	unsigned batch;
	struct flush_op ops[BATCH];
	uint8_t block[BLOCK_BYTES];
};

static void done(struct flush_op *op, int error)
{
	if (error == 0)
		return;
	fprintf(stderr, "a write failed: %s\n", strerror(-error));
	exit(1);
}

static void submit(struct bench *bench, unsigned index)
{
	bench->ops[index] = (struct flush_op){.kind = FLUSH_OP_WRITE,
					      .fd = bench->fd,
					      .buf = bench->block,
					      .len = BLOCK_BYTES,
					      .offset = (uint64_t)index * BLOCK_BYTES,
					      .done = done};
	flush_engine_submit(bench->engine, &bench->ops[index]);
}

static void write_batch(void *context)
{
	struct bench *bench = context;

	for (unsigned i = 0; i < bench->batch; i++)
		submit(bench, i);
	while (bench->engine->pending > 0)
		flush_engine_run(bench->engine, -1);
}

static void measure(struct bench *bench, enum flush_engine_kind kind, const char *name, int fd)
{
	char text[64];
	int r = fd < 0 ? -errno : flush_engine_create(&bench->engine, kind, BATCH);

	if (r < 0) {
		printf("%-44s %s\n", name, strerror(-r));
		return;
	}
	bench->fd = fd;
	bench->batch = 1;
	snprintf(text, sizeof(text), "%s: write 512 bytes", name);
	micro(text, 10000, write_batch, bench);
	bench->batch = BATCH;
	snprintf(text, sizeof(text), "%s: write 512 bytes, one of %u together", name, BATCH);
	micro_of_many(text, 500, BATCH, write_batch, bench);
	flush_engine_destroy(bench->engine);
}

int main(void)
{
	static struct bench bench;

	measure(&bench, FLUSH_ENGINE_URING, "uring", open("/dev/null", O_WRONLY | O_CLOEXEC));
	measure(&bench, FLUSH_ENGINE_SYNC, "sync", memfd_create("device", MFD_CLOEXEC));
	return 0;
}
