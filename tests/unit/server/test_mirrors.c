/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirrors thread by itself: what the watchdog sees of it. */
#include "server/log/mirrors.h"

#include "tests/lib/wait.h"

#include <signal.h>

static struct estate_executor watched;
static struct mirror_log log_of_none = {.refs = 9};

static uint64_t turn(void)
{
	return atomic_load(&watched.turn);
}

Test(mirrors, the_watchdog_sees_its_turns, .timeout = 30)
{
	struct mirrors *mirrors;
	uint64_t before;

	signal(SIGCHLD, SIG_IGN);
	cr_assert_eq(mirrors_start(&mirrors, &watched), 0);
	before = turn();
	cr_assert_not(estate_turn_is_work(before));
	cr_assert_eq(mirrors_ask(mirrors, &log_of_none, MIRROR_JOB_SETTLE, 0), 0);
	EXPECT_SOON(turn() >= before + 2 && !estate_turn_is_work(turn()), "no turn is seen");
	cr_assert_neq(atomic_load(&watched.thread), 0, "its thread is not known");
	mirrors_stop(mirrors);
}
