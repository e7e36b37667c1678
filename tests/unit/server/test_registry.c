/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which logs the kernel has dropped without a word; and all of them, for who watches. */
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

/* --- visits --- */

static unsigned visits;

static void visit(const struct mirror_log *log, void *context)
{
	visits++;
	cr_assert_eq(context, &visits);
	cr_assert_eq(atomic_load(&log->refs), 2);
	cr_assert_eq(pthread_mutex_trylock(&registry.lock), 0, "the lock is held");
	pthread_mutex_unlock(&registry.lock);
}

Test(registry, each_log_is_visited_once_without_the_lock)
{
	for (uint64_t luid = 1; luid <= 40000; luid += 2)
		add("LVM-one", luid);
	registry_visit(&registry, visit, &visits);
	cr_assert_eq(visits, 20000);
	visits = 0;
	registry_visit(&registry, visit, &visits); /* each has let go */
	cr_assert_eq(visits, 20000);
}

Test(registry, a_log_that_is_got_is_kept)
{
	struct mirror_log *log;

	add("LVM-one", 7);
	cr_assert_null(registry_get(&registry, 8, "LVM-one"));
	cr_assert_null(registry_get(&registry, 7, "LVM-two"));
	log = registry_get(&registry, 7, "LVM-one");
	cr_assert_eq(atomic_load(&log->refs), 2);
	mirror_log_put(log);
}
