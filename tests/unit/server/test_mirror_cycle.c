/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The suspend and resume of a mirror on a device that is a fake: what it is like, what others do to it
 * meanwhile, and what was done to it in which order. */
#include "server/log/mirror_cycle.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct {
	struct cycle_look is;
	bool dead, unfit;
	char done[1024];
	unsigned pauses;
	unsigned locked_for; /* pauses until LVM's lock is free */
	unsigned fails; /* resumes that do */
	void (*at_lock)(void); /* what others do then */
	void (*at_suspend)(void);
	void (*at_pause)(void);
} fake;

static void did(const char *what)
{
	strcat(fake.done, what);
	strcat(fake.done, " ");
}

static int look(struct cycle_look *at)
{
	*at = fake.is;
	return 0;
}

static bool all_alive(void)
{
	did("alive?");
	return !fake.dead;
}

static int lock_vg(const char *vg)
{
	if (fake.pauses < fake.locked_for)
		return -EWOULDBLOCK;
	did(vg);
	if (fake.at_lock)
		fake.at_lock();
	return 0;
}

static int brace(void)
{
	did("brace");
	return 0;
}

static int cannot_brace(void)
{
	return -ENOMEM;
}

static int suspend(void)
{
	did("suspend");
	fake.is.suspended = true;
	if (fake.at_suspend)
		fake.at_suspend();
	return 0;
}

static int resume(void)
{
	did("resume");
	if (fake.fails > 0) {
		fake.fails--;
		return -EINVAL;
	}
	fake.is.suspended = false;
	fake.is.inactive_table = false;
	return 0;
}

static void pass_time(void)
{
	fake.pauses++;
	if (fake.at_pause)
		fake.at_pause();
}

static int load(void)
{
	did("load");
	fake.is.inactive_table = true;
	return 0;
}

static int cannot_load(void)
{
	return -EINVAL;
}

static int review(void)
{
	did("review");
	return fake.unfit ? -EIO : 0;
}

static void unload(void)
{
	did("unload");
	fake.is.inactive_table = false;
}

static int lock_device(const char *name)
{
	cr_assert_str_eq(name, fake.is.name);
	return lock_vg("device");
}

static struct cycle_ops ops = {
	.look = look,
	.all_alive = all_alive,
	.lock_vg = lock_vg,
	.lock_device = lock_device,
	.brace = brace,
	.suspend = suspend,
	.resume = resume,
	.pause = pass_time,
};

static struct cycle_ops with_table(void)
{
	struct cycle_ops swap = ops;

	swap.load = load;
	swap.review = review;
	swap.unload = unload;
	return swap;
}

static void is_well(void)
{
	fake.is = (struct cycle_look){.exists = true, .live_table = true, .name = "m", .uuid = "u"};
}

static void is_lvms(void)
{
	is_well();
	strcpy(fake.is.name, "my--vg-lv");
	strcpy(fake.is.uuid, "LVM-abc");
}

static void table_comes(void)
{
	fake.is.inactive_table = true;
}

static void is_suspended_by_another(void)
{
	fake.is.suspended = true;
}

TestSuite(mirror_cycle, .init = is_well);

Test(mirror_cycle, suspends_and_resumes_a_mirror_that_is_well)
{
	cr_assert_eq(mirror_cycle(&ops), CYCLE_DONE);
	cr_assert_str_eq(fake.done, "device alive? brace suspend resume ");
	cr_assert_eq(fake.pauses, 0);
}

Test(mirror_cycle, leaves_a_mirror_alone_that_is_not_all_alive)
{
	fake.dead = true;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_NOT_ALIVE);
	cr_assert_str_eq(fake.done, "device alive? ");
}

Test(mirror_cycle, leaves_a_mirror_alone_that_another_is_at)
{
	fake.is.suspended = true;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_NOT_FREE);
	is_well();
	fake.is.inactive_table = true;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_NOT_FREE);
	is_well();
	fake.is.live_table = false;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_NOT_FREE);
	fake.is.exists = false;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_NOT_FREE);
	cr_assert_str_eq(fake.done, "");
}

Test(mirror_cycle, does_not_suspend_what_it_might_not_live_to_resume)
{
	ops.brace = cannot_brace;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_NOT_BRACED);
	cr_assert_str_eq(fake.done, "device alive? ");
}

Test(mirror_cycle, leaves_a_table_that_has_come_between_to_its_owner)
{
	fake.at_suspend = table_comes;
	fake.at_pause = is_well; /* he resumes */
	cr_assert_eq(mirror_cycle(&ops), CYCLE_LEFT_TO_OWNER);
	cr_assert_str_eq(fake.done, "device alive? brace suspend ");
	cr_assert_eq(fake.pauses, 1);
}

Test(mirror_cycle, resumes_in_the_end_if_the_owner_of_a_table_does_not)
{
	fake.at_suspend = table_comes;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_FOR_OWNER);
	cr_assert_str_eq(fake.done, "device alive? brace suspend resume ");
	cr_assert_eq(fake.pauses, CYCLE_OWNER_TRIES);
}

static void table_is_taken_back(void)
{
	fake.is.inactive_table = false;
}

Test(mirror_cycle, resumes_at_once_when_the_table_is_taken_back)
{
	fake.at_suspend = table_comes;
	fake.at_pause = table_is_taken_back;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_DONE);
	cr_assert_eq(fake.pauses, 1);
}

Test(mirror_cycle, tries_the_resume_again)
{
	fake.fails = 3;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_DONE);
	cr_assert_eq(fake.pauses, 3);
	fake.fails = CYCLE_RESUME_TRIES;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_NOT_RESUMED);
}

Test(mirror_cycle, holds_the_lock_of_an_lvm_device)
{
	is_lvms();
	fake.locked_for = 3;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_DONE);
	cr_assert_str_eq(fake.done, "my-vg alive? brace suspend resume ");
}

Test(mirror_cycle, leaves_an_lvm_device_alone_without_the_lock)
{
	is_lvms();
	fake.locked_for = CYCLE_LOCK_TRIES;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_NOT_LOCKED);
	cr_assert_str_eq(fake.done, "");
}

Test(mirror_cycle, leaves_any_device_alone_without_its_lock)
{
	fake.locked_for = CYCLE_LOCK_TRIES;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_NOT_LOCKED);
	cr_assert_str_eq(fake.done, "");
}

Test(mirror_cycle, looks_again_behind_the_lock)
{
	is_lvms();
	fake.at_lock = is_suspended_by_another;
	cr_assert_eq(mirror_cycle(&ops), CYCLE_NOT_FREE);
	cr_assert_null(strstr(fake.done, "suspend"));
}

/* --- with another table --- */

Test(mirror_cycle, a_table_is_loaded_before_and_looked_at_while_nothing_changes)
{
	struct cycle_ops swap = with_table();

	is_lvms();
	cr_assert_eq(mirror_cycle(&swap), CYCLE_DONE);
	cr_assert_str_eq(fake.done, "my-vg alive? load brace suspend review resume ");
}

Test(mirror_cycle, no_table_is_loaded_where_another_came_before_the_lock)
{
	struct cycle_ops swap = with_table();

	is_lvms();
	fake.at_lock = table_comes;
	cr_assert_eq(mirror_cycle(&swap), CYCLE_NOT_FREE);
	cr_assert_str_eq(fake.done, "my-vg alive? ");
}

Test(mirror_cycle, a_table_that_is_refused_changes_nothing)
{
	struct cycle_ops swap = with_table();

	swap.load = cannot_load;
	cr_assert_eq(mirror_cycle(&swap), CYCLE_NOT_LOADED);
	cr_assert_str_eq(fake.done, "device alive? ");
}

Test(mirror_cycle, a_table_that_cannot_be_put_into_place_is_taken_away)
{
	struct cycle_ops swap = with_table();

	swap.brace = cannot_brace;
	cr_assert_eq(mirror_cycle(&swap), CYCLE_NOT_BRACED);
	cr_assert_str_eq(fake.done, "device alive? load unload ");
}

Test(mirror_cycle, a_table_that_does_not_fit_any_more_is_not_put_into_place)
{
	struct cycle_ops swap = with_table();

	fake.unfit = true;
	cr_assert_eq(mirror_cycle(&swap), CYCLE_NOT_FIT);
	cr_assert_str_eq(fake.done, "device alive? load brace suspend review unload resume ");
	cr_assert_not(fake.is.suspended);
}

Test(mirror_cycle, a_table_that_the_kernel_drops_at_the_resume_is_not_called_done)
{
	struct cycle_ops swap = with_table();

	fake.fails = 1;
	cr_assert_eq(mirror_cycle(&swap), CYCLE_NOT_FIT);
	cr_assert_not(fake.is.suspended);
}
