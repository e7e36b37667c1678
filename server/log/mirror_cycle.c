/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each look at the device is a new one: what was true before a lock or a suspend may not be behind it. */
#include "server/log/mirror_cycle.h"

#include "server/log/lvm_lock.h"

static bool take_lock(const struct cycle_ops *ops, const struct cycle_look *look)
{
	char vg[DM_NAME_LEN];
	bool lvms = lvm_vg_of(look->name, look->uuid, vg);

	for (unsigned tries = 0; tries < CYCLE_LOCK_TRIES; tries++) {
		if ((lvms ? ops->lock_vg(vg) : ops->lock_device(look->name)) == 0)
			return true;
		ops->pause();
	}
	return false;
}

static bool is_free(const struct cycle_ops *ops, struct cycle_look *look)
{
	return ops->look(look) == 0 && look->exists && look->live_table && !look->suspended &&
	       !look->inactive_table;
}

/* A table has come between. True: its owner has resumed the mirror, or it is gone. */
static bool wait_for_owner(const struct cycle_ops *ops, struct cycle_look *look)
{
	for (unsigned tries = 0; tries < CYCLE_OWNER_TRIES; tries++) {
		ops->pause();
		if (ops->look(look) < 0)
			continue;
		if (!look->exists || !look->suspended)
			return true;
		if (!look->inactive_table)
			return false;
	}
	return false;
}

/* The kernel refuses to resume with an inactive table that does not fit, and drops that one. */
static enum cycle_outcome resume(const struct cycle_ops *ops, enum cycle_outcome good)
{
	for (unsigned tries = 0; tries < CYCLE_RESUME_TRIES; tries++) {
		if (ops->resume() == 0)
			return good;
		if (ops->load)
			good = CYCLE_NOT_FIT;
		ops->pause();
	}
	return CYCLE_NOT_RESUMED;
}

static enum cycle_outcome resume_with_table(const struct cycle_ops *ops)
{
	if (ops->review() == 0)
		return resume(ops, CYCLE_DONE);
	ops->unload();
	return resume(ops, CYCLE_NOT_FIT);
}

static enum cycle_outcome resume_in_turn(const struct cycle_ops *ops, struct cycle_look *look)
{
	enum cycle_outcome good = CYCLE_DONE;

	if (ops->load)
		return resume_with_table(ops);
	if (ops->look(look) == 0 && look->inactive_table) {
		if (wait_for_owner(ops, look))
			return CYCLE_LEFT_TO_OWNER;
		if (look->inactive_table)
			good = CYCLE_FOR_OWNER;
	}
	return resume(ops, good);
}

/* As is_free, but for the table that we have loaded. */
static bool is_free_still(const struct cycle_ops *ops, struct cycle_look *look)
{
	if (!ops->load)
		return is_free(ops, look);
	return ops->look(look) == 0 && look->exists && look->live_table && !look->suspended &&
	       look->inactive_table;
}

static enum cycle_outcome suspend_and_resume(const struct cycle_ops *ops, struct cycle_look *look)
{
	if (ops->brace() < 0)
		return CYCLE_NOT_BRACED;
	if (!is_free_still(ops, look))
		return CYCLE_NOT_FREE;
	if (ops->suspend() < 0)
		return CYCLE_NOT_SUSPENDED;
	return resume_in_turn(ops, look);
}

static enum cycle_outcome load_and_swap(const struct cycle_ops *ops, struct cycle_look *look)
{
	enum cycle_outcome outcome;

	if (!is_free(ops, look))
		return CYCLE_NOT_FREE;
	if (ops->load() < 0)
		return CYCLE_NOT_LOADED;
	outcome = suspend_and_resume(ops, look);
	/* Who has suspended it meanwhile would resume it with a table that he does not know. */
	if (outcome == CYCLE_NOT_BRACED || outcome == CYCLE_NOT_SUSPENDED ||
	    outcome == CYCLE_NOT_FREE)
		ops->unload();
	return outcome;
}

enum cycle_outcome mirror_cycle(const struct cycle_ops *ops)
{
	static struct cycle_look look;

	if (!is_free(ops, &look))
		return CYCLE_NOT_FREE;
	if (!take_lock(ops, &look))
		return CYCLE_NOT_LOCKED;
	if (!ops->all_alive())
		return CYCLE_NOT_ALIVE;
	return ops->load ? load_and_swap(ops, &look) : suspend_and_resume(ops, &look);
}

const char *cycle_outcome_text(enum cycle_outcome outcome)
{
	static const char *const texts[] = {
		[CYCLE_DONE] = "suspended and resumed",
		[CYCLE_LEFT_TO_OWNER] = "suspended; another table came between, and was left to be "
					"resumed by who had loaded it",
		[CYCLE_FOR_OWNER] = "suspended and resumed; another table had come between, and "
				    "nobody resumed it in time: it is in use now",
		[CYCLE_NOT_FREE] = "left alone: it is suspended, or another table waits for it",
		[CYCLE_NOT_ALIVE] = "left alone: a leg or its log is not alive",
		[CYCLE_NOT_LOCKED] =
			"left alone: its lock, or its volume group's, was not to be had",
		[CYCLE_NOT_LOADED] = "left alone: the kernel does not take the table",
		[CYCLE_NOT_FIT] = "as it was: its state has changed meanwhile",
		[CYCLE_NOT_BRACED] = "left alone: our memory cannot be locked",
		[CYCLE_NOT_SUSPENDED] = "left alone: it cannot be suspended",
		[CYCLE_NOT_RESUMED] = "suspended, and cannot be resumed: dmsetup resume it",
	};

	return texts[outcome];
}
