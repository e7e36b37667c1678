/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long flush_engine takes to submit and complete durable writes, one by one and many together:
 * what an engine costs beside the device. So uring has /dev/null for one, since for a file in
 * memory the kernel hands each write to a thread; sync has such a file, since /dev/null cannot be
 * flushed.
 */
#include "iouring/flush_engine.h"
#include "perf/micro/micro.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define BATCH 64u
#define BLOCK_BYTES 512u /* of a log device, as a mark writes it */

static struct flush_engine *engine;
static struct flush_op ops[BATCH];
static uint8_t block[BLOCK_BYTES];
static int fd;

static void done(struct flush_op *op, int error)
{
	if (error == 0)
		return;
	fprintf(stderr, "a write failed: %s\n", strerror(-error));
	exit(1);
}

static void write_together(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		ops[i] = (struct flush_op){.kind = FLUSH_OP_WRITE,
					   .fd = fd,
					   .buf = block,
					   .len = BLOCK_BYTES,
					   .offset = (uint64_t)i * BLOCK_BYTES,
					   .done = done};
		flush_engine_submit(engine, &ops[i]);
	}
	while (engine->pending > 0)
		flush_engine_run(engine, -1);
}

static void write_one(void)
{
	write_together(1);
}

static void write_batch(void)
{
	write_together(BATCH);
}

static void time_engine(enum flush_engine_kind kind, const char *name, int device)
{
	char text[64];
	int r = device < 0 ? -errno : flush_engine_create(&engine, kind, BATCH);

	if (r < 0) {
		printf("%-44s %s\n", name, strerror(-r));
		return;
	}
	fd = device;
	snprintf(text, sizeof(text), "%s: write 512 bytes", name);
	micro(text, 10000, write_one);
	snprintf(text, sizeof(text), "%s: write 512 bytes, one of %u together", name, BATCH);
	micro_of_many(text, 500, BATCH, write_batch);
	flush_engine_destroy(engine);
}

int main(void)
{
	time_engine(FLUSH_ENGINE_URING, "uring", open("/dev/null", O_WRONLY | O_CLOEXEC));
	time_engine(FLUSH_ENGINE_SYNC, "sync", memfd_create("device", MFD_CLOEXEC));
	return 0;
}
