/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which logs the kernel has dropped without a word. */
#include "server/log/registry.h"

#include "server/base/clock.h"

#include <criterion/criterion.h>

#define HOUR_NS (3600 * NSEC_PER_SEC)

static struct estate estate;
static struct registry registry;

static void set_up(void)
{
	cr_assert_eq(estate_create(&estate), 0);
	cr_assert_eq(registry_create(&registry), 0);
}

static void tear_down(void)
{
	registry_destroy(&registry);
	estate_close(&estate);
}

TestSuite(registry, .init = set_up, .fini = tear_down);

static void add(const char *uuid, uint64_t luid)
{
	struct ctr_args args = {.region_count = 20};
	struct mirror_log *log = mirror_log_create(&estate, uuid, luid, "", 0, &args);

	mirror_log_set_state(log, LOG_CREATED);
	registry_add(&registry, log);
}

static struct mirror_log *orphan_at(int64_t ns)
{
	return registry_find_orphan(&registry, "LVM-one", clock_coarse() + ns);
}

Test(registry, a_log_that_is_young_is_no_orphan)
{
	for (uint64_t luid = 1; luid <= 100; luid++)
		add("LVM-one", luid);
	cr_assert_null(orphan_at(60 * NSEC_PER_SEC));
}

Test(registry, a_few_logs_may_wait_for_ever)
{
	for (uint64_t luid = 1; luid <= 16; luid++)
		add("LVM-one", luid);
	for (uint64_t luid = 17; luid <= 100; luid++)
		add("LVM-two", luid);
	cr_assert_null(orphan_at(HOUR_NS));
}

Test(registry, the_oldest_of_many_that_wait_long_is_an_orphan)
{
	for (uint64_t luid = 1; luid <= 17; luid++)
		add("LVM-one", luid);
	cr_assert_eq(orphan_at(HOUR_NS), registry_find(&registry, 1, "LVM-one"));
	mirror_log_set_state(registry_find(&registry, 1, "LVM-one"), LOG_ACTIVE);
	cr_assert_null(orphan_at(HOUR_NS), "it was resumed");
}
