/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long dirty_log takes for what the kernel asks most. */
#include "perf/micro/micro.h"
#include "server/protocol/dirty_log.h"

#define REGIONS (UINT64_C(1) << 22)

static struct dirty_log tested;

static void in_sync(void)
{
	micro_keep(dirty_log_in_sync(&tested, micro_any(REGIONS)));
}

static void mark_take_clear(void)
{
	uint64_t region = micro_any(REGIONS), first, count;

	dirty_log_mark(&tested, region);
	if (dirty_log_has_changed(&tested)) {
		first = dirty_log_next_changed(&tested, 16, &count);
		dirty_log_take_changed(&tested, first, count);
	}
	dirty_log_clear(&tested, region);
}

static void age_and_release(void)
{
	dirty_log_age(&tested);
	micro_keep(dirty_log_release(&tested));
}

static void recover(void)
{
	uint64_t region = micro_any(REGIONS);

	dirty_log_set_region_sync(&tested, region, false);
	dirty_log_set_region_sync(&tested, region, true);
}

int main(void)
{
	struct dirty_log_config config = {.region_count = REGIONS,
					  .block_bytes = 512,
					  .persistent = true,
					  .sync = CTR_ARGS_NOSYNC};

	dirty_log_init(&tested, micro_memory(dirty_log_bytes(&config)), &config);
	dirty_log_begin(&tested, 0, true, true);
	micro("IN_SYNC", 1000000, in_sync);
	micro("MARK, take the changed block, CLEAR", 100000, mark_take_clear);
	micro("age and release lazy clears", 100, age_and_release);
	micro("SET_REGION_SYNC 0 and 1", 100000, recover);
	return 0;
}
