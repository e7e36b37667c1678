/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long dirty_log takes for what the kernel asks most. */
#include "perf/micro/micro.h"
#include "server/protocol/dirty_log.h"

#define REGIONS (UINT64_C(1) << 22)

struct bench {
	struct dirty_log log;
	uint64_t random;
	volatile uint64_t sink;
};

static void in_sync(void *context)
{
	struct bench *bench = context;

	bench->sink = dirty_log_in_sync(&bench->log, micro_random_below(&bench->random, REGIONS));
}

static void mark_take_clear(void *context)
{
	struct bench *bench = context;
	uint64_t region = micro_random_below(&bench->random, REGIONS), count;

	dirty_log_mark(&bench->log, region);
	if (dirty_log_has_changed(&bench->log)) {
		bench->sink = dirty_log_next_changed(&bench->log, 16, &count);
		dirty_log_take_changed(&bench->log, bench->sink, count);
	}
	dirty_log_clear(&bench->log, region);
}

static void age_and_release(void *context)
{
	struct bench *bench = context;

	dirty_log_age(&bench->log);
	bench->sink = dirty_log_release(&bench->log);
}

static void recover(void *context)
{
	struct bench *bench = context;
	uint64_t region = micro_random_below(&bench->random, REGIONS);

	dirty_log_set_region_sync(&bench->log, region, false);
	dirty_log_set_region_sync(&bench->log, region, true);
}

int main(void)
{
	struct dirty_log_config config = {.region_count = REGIONS,
					  .block_bytes = 512,
					  .persistent = true,
					  .sync = CTR_ARGS_NOSYNC};
	struct bench bench = {.random = 1};

	dirty_log_init(&bench.log, micro_memory(dirty_log_bytes(&config)), &config);
	dirty_log_begin(&bench.log, 0, true, true);
	micro("IN_SYNC", 1000000, in_sync, &bench);
	micro("MARK, take the changed block, CLEAR", 100000, mark_take_clear, &bench);
	micro("age and release lazy clears", 100, age_and_release, &bench);
	micro("SET_REGION_SYNC 0 and 1", 100000, recover, &bench);
	return 0;
}
