/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel/dm-log-cached.c with one region, between dm-raid1 and a log behind it, while regions are written, legs
 * fail, a suspend comes, the daemon dies and the log device fails; and the power is cut at any moment.
 *
 * tests/model/check runs it for a log behind as dm-log-userspace has it, and (-DDISK) as dm-log has it. A lock or
 * a step of the module is taken out by a definition WITHOUT_...; check sees that spin then finds what goes wrong.
 */

mtype = { ABSENT, MARKED, DIRTY, CLEARED };	/* as the front log has the region */
mtype = { NONE, CLEAN, WRITTEN, NOSYNC };	/* as the region hash has it */

/* What the world is, whatever a log believes. */
byte writing;		/* writes that are on their way to the legs */
bool differ;		/* it has failed on one of them, and they have not been made equal since */
bool on_disk = false;	/* the log device says: dirty */

/* dm-raid1 */
mtype hash = NONE;
byte io;		/* bios that the mirror has not ended: a suspend waits for them */
byte pending;		/* of those, the ones that the region hash counts */
bool write_failed;
bool told_nosync;	/* set_region_sync 0 has been told, and no 1 since */
bool log_failure;
bool suspended;		/* no new bios */
bool in_pass;		/* of kmirrord */
bool quiet;		/* postsuspend is done: the log device may be another table's */

/* the front log */
bool talk, lock;
mtype region = ABSENT;
bool durable, failed, flush_due, known;
bool known_out;		/* what was asked about last is out of sync */
bool holds = true;
bool work_runs;

/* How often what may happen does. */
#ifndef DEATHS
#define DEATHS		1
#endif
#ifndef ERRORS
#define ERRORS		1
#endif
#ifndef SUSPENDS
#define SUSPENDS	1
#endif
#ifndef LEG_FAILURES
#define LEG_FAILURES	1
#endif
byte deaths = DEATHS;
byte errors = ERRORS;
byte suspends = SUSPENDS;
byte leg_failures = LEG_FAILURES;

#define mutex_lock(m)	atomic { !m; m = true }
#define mutex_unlock(m)	m = false

/* --- the log behind */

#ifdef DISK
bool is_dirty;			/* in memory: dirty */
bool in_sync = true;
bool touched_dirtied, touched_cleaned;

inline behind_mark() { is_dirty = true; touched_dirtied = true }
inline behind_clear() { is_dirty = false; touched_cleaned = true }
inline behind_flush(err, m, c)
{
	err = false;
	if
	:: touched_dirtied || touched_cleaned ->
		if
		:: on_disk = is_dirty;
			touched_dirtied = false;
			touched_cleaned = false
		:: errors > 0 -> errors--; err = true
		fi
	:: else
	fi
}
inline behind_set_sync(yes) { in_sync = yes; touched_dirtied = true }
inline behind_resume() { atomic { is_dirty = on_disk; in_sync = !on_disk } }
#else
bool queued_mark, queued_clear;
bool is_dirty;			/* the daemon's memory: dirty */
bool in_sync = true;

#ifdef WITHOUT_DURABLE_MARK
#define MARK_IS_DURABLE	false
#else
#define MARK_IS_DURABLE	true
#endif

/* A request whose answer is lost with the daemon is asked again. */
inline ask_clear()
{
	do
	:: is_dirty = is_dirty && !in_sync; break
	:: deaths > 0 -> is_dirty = is_dirty && !in_sync
	od
}
inline ask_mark()
{
	do
	:: atomic { is_dirty = true; on_disk = on_disk || MARK_IS_DURABLE }; break
	:: atomic { deaths > 0 -> is_dirty = true; on_disk = on_disk || MARK_IS_DURABLE }
	od
}
inline ask_flush()
{
	do
	:: on_disk = on_disk || is_dirty; break
	:: deaths > 0 -> on_disk = on_disk || is_dirty
	od
}

inline behind_mark() { queued_mark = true }
inline behind_clear() { queued_clear = true }
inline behind_flush(err, m, c)
{
	err = false;
	atomic { m = queued_mark; c = queued_clear; queued_mark = false; queued_clear = false }
	if
	:: c -> ask_clear()
	:: else
	fi;
	if
	:: m ->
		if
		:: ask_mark()
		:: errors > 0 -> errors--; err = true
		fi
	:: else
	fi;
	if
	:: !err && (m || c) ->
		if
		:: ask_flush()
		:: errors > 0 -> errors--; err = true
		fi
	:: else
	fi;
	atomic { m = false; c = false }
}
inline behind_set_sync(yes)
{
	atomic { in_sync = yes; is_dirty = is_dirty || !in_sync; on_disk = on_disk || !in_sync }
}
inline behind_resume() { atomic { is_dirty = on_disk; in_sync = !on_disk } }

/* A clear reaches the device when it suits the daemon. */
active proctype lazy_clears()
{
end:	do
	:: atomic { !is_dirty && on_disk -> on_disk = false }
	od
}

/* It dies, and comes back with the memory that it had, or with what the device says. */
active proctype death()
{
end:	do
	:: atomic { deaths > 0 -> deaths--; is_dirty = on_disk; in_sync = !on_disk }
	:: atomic { deaths > 0 -> deaths-- }
	od
}
#endif

/* --- the front log */

inline flush_behind(err, m, c)
{
	behind_flush(err, m, c);
	if
#ifdef WITHOUT_FAILURE
	:: err
#else
	:: err -> mutex_lock(lock); failed = true; mutex_unlock(lock); flush_due = true
#endif
	:: else
	fi
}

/* took: whether there was a clear to tell. lock_it: whether its taker has the lock. */
inline tell_clears(took, lock_it)
{
	if :: lock_it -> mutex_lock(lock) :: else fi;
	took = region == CLEARED;
	if
	:: took -> region = ABSENT; durable = false
	:: else
	fi;
	if :: lock_it -> mutex_unlock(lock) :: else fi;
	if
	:: took -> behind_clear()
	:: else
	fi
}

inline front_mark()
{
	mutex_lock(lock);
	if
	:: region != ABSENT && durable && !failed ->
		region = DIRTY
	:: else ->
		region = MARKED;
		flush_due = true
	fi;
#ifdef WITHOUT_DEFERRED_MARK
	if :: region == MARKED -> behind_mark() :: else fi;
#endif
	mutex_unlock(lock)
}

inline front_flush(err, took, m, c)
{
	err = false;
	if
	:: flush_due ->
#ifndef WITHOUT_TALK_IN_FLUSH
		mutex_lock(talk);
#endif
		mutex_lock(lock);
		atomic { took = region == MARKED; flush_due = failed };
		mutex_unlock(lock);
		if
		:: took ->
#ifndef WITHOUT_DEFERRED_MARK
			behind_mark()
#else
			skip
#endif
		:: else
		fi;
		flush_behind(err, m, c);
		mutex_lock(lock);
		if
#ifdef WITHOUT_FAILURE
		:: took -> region = DIRTY; durable = true
#else
		:: took -> region = DIRTY; durable = !err
#endif
		:: else
		fi;
		mutex_unlock(lock);
#ifndef WITHOUT_TALK_IN_FLUSH
		mutex_unlock(talk);
#endif
		took = false
	:: else
	fi
}

inline front_clear(took, crowded)
{
	mutex_lock(lock);
	if
#ifdef WITHOUT_DOUBT
	:: region = CLEARED
#else
	:: region != ABSENT -> region = CLEARED
	:: else
#endif
	fi;
	if
	:: crowded = !holds
	:: crowded = true	/* max_lazy */
	fi;
	mutex_unlock(lock);
	if
	:: crowded ->
		mutex_lock(talk);
		tell_clears(took, true);
		if :: took -> flush_due = true; took = false :: else fi;
		mutex_unlock(talk)
	:: else
	fi;
	crowded = false
}

inline keep_dirty()
{
	mutex_lock(lock);
	if
	:: region == CLEARED -> region = DIRTY
	:: else
	fi;
	mutex_unlock(lock)
}

inline front_in_sync(yes)
{
	if
	:: known -> yes = true
	:: else ->
		mutex_lock(talk);
		if
		:: known_out -> yes = false
		:: else ->
			yes = in_sync;
			if
			:: yes -> known = true
			:: else ->
				known_out = true;
				keep_dirty()
			fi
		fi;
		mutex_unlock(talk)
	fi
}

inline front_set_sync(yes)
{
	mutex_lock(talk);
#ifndef WITHOUT_LEARNING
	known_out = false;
#endif
	if
	:: !yes ->
#ifndef WITHOUT_FORGETTING
		known = false;
#endif
		keep_dirty()
	:: else
	fi;
	behind_set_sync(yes);
	told_nosync = !yes;
	mutex_unlock(talk)
}

/* The timer. */
active proctype worker()
{
	bool took, err, m, c;
end:	do
	:: atomic { holds && region == CLEARED -> work_runs = true };
#ifndef WITHOUT_TALK_IN_TIMER
		mutex_lock(talk);
#endif
#ifdef WITHOUT_LOCK
		tell_clears(took, false);
#else
		tell_clears(took, true);
#endif
		assert(!(took && quiet));
		if
		:: took -> flush_behind(err, m, c); assert(!quiet)
		:: else
		fi;
#ifndef WITHOUT_TALK_IN_TIMER
		mutex_unlock(talk);
#endif
		atomic { took = false; err = false; work_runs = false }
	od
}

/* dmsetup status asks for the count at any time. */
active proctype status()
{
	bool count;
end:	do
#ifdef WITHOUT_TRYLOCK
	:: count = in_sync;
		if :: count -> known = true; count = false :: else fi
#else
	:: atomic { !talk -> talk = true };
		count = in_sync;
		if :: count -> known = true; count = false :: else fi;
		mutex_unlock(talk)
#endif
	od
}

/* --- dm-raid1 and dm */

inline end_bio()
{
	io--;
	pending--;
	if
	:: pending == 0 && hash == WRITTEN -> hash = CLEAN
	:: else
	fi
}

inline do_write()
{
	if
	:: hash == NONE ->
		front_in_sync(yes);
		if :: yes -> hash = CLEAN :: else -> hash = NOSYNC fi;
		yes = false
	:: else
	fi;
	/* rh_inc: also of a region that was written a moment ago, and has not been called clear since */
	atomic {
		pending++;
		if
		:: hash == CLEAN -> hash = WRITTEN; yes = true
		:: else
		fi
	};
	if
	:: yes -> yes = false; front_mark()
	:: else
	fi;
	front_flush(err, took, m, c);
	log_failure = log_failure || err;
	err = false;
	if
	:: atomic { log_failure -> end_bio() }				/* held, and so not written */
	:: atomic { !log_failure && hash == NOSYNC -> differ = true; end_bio() }
	:: atomic { !log_failure && hash != NOSYNC -> writing++ }
	fi
}

inline recover()
{
	mutex_lock(lock);
	if
	:: region == ABSENT -> region = DIRTY
	:: else
	fi;
	mutex_unlock(lock);
	keep_dirty();
	differ = false;
	front_clear(took, crowded);
	front_set_sync(true);
	hash = NONE
}

active proctype kmirrord()
{
	bool took, err, m, c, yes, crowded, bio;
end:	do
	:: atomic {
			in_pass = true;
			if
			:: !suspended && !log_failure && !write_failed && io < 2 -> io++; bio = true
			:: skip
			fi
		};
		/* dm_rh_update_states */
		if
		:: hash == CLEAN -> hash = NONE; front_clear(took, crowded)
		:: else
		fi;
		front_flush(err, took, m, c);
		err = false;
		/* do_recovery */
		if
		:: !suspended && !writing && pending == 0 && !in_sync && !log_failure &&
			(hash == NONE || hash == NOSYNC) ->
			io++;
			recover();
			io--;
			front_flush(err, took, m, c);
			err = false
		:: skip
		fi;
		/* do_writes */
		if
		:: bio -> do_write(); bio = false
		:: else
		fi;
		/* do_failures */
		if
		:: write_failed ->
			front_set_sync(false);
			hash = NOSYNC;
			atomic { write_failed = false; end_bio() }
		:: else
		fi;
		in_pass = false
	od
}

active proctype legs()
{
end:	do
	:: atomic { writing > 0 -> writing--; end_bio() }
	:: atomic { writing > 0 && leg_failures > 0 -> leg_failures--; writing--; differ = true; write_failed = true }
	od
}

active proctype ioctls()
{
	bool took, err, m, c;
end:	do
	:: suspends > 0 ->
		suspends--;
		suspended = true;
		io == 0;
		/* postsuspend; a last pass of kmirrord's may be about to begin, or in the middle */
#ifndef WITHOUT_CANCEL
		mutex_lock(lock);
		holds = false;
		mutex_unlock(lock);
		!work_runs;
#endif
		mutex_lock(talk);
		tell_clears(took, true);
		if :: took -> flush_behind(err, m, c) :: else fi;
		atomic { took = false; err = false };
		mutex_unlock(talk);
		quiet = true;
		/* Another table has the log device, writes, and is done with it. */
		if
		:: atomic { !in_pass && hash != CLEAN && !differ && !flush_due -> on_disk = false }
		:: skip
		fi;
		quiet = false;
		mutex_lock(talk);
		behind_resume();
		mutex_lock(lock);
#ifndef WITHOUT_FORGETTING_AT_RESUME
		region = ABSENT;
		durable = false;
#endif
		known = false;
#ifndef WITHOUT_LEARNING
		known_out = false;
#endif
		failed = false;
		mutex_unlock(lock);
		if :: in_sync -> known = true :: else fi;
		holds = true;
		flush_due = true;
		mutex_unlock(talk);
		suspended = false
	od
}

/* --- what has to hold at each moment */

active proctype power_cut()
{
	/* What is being written, or differs, is resynced after a power cut. */
end:	assert(!((writing > 0 || differ) && !on_disk))
}

active proctype reader()
{
	/* Nobody is told in sync what has been said not to be. */
end:	assert(!(known && told_nosync && differ))
}

active proctype crash()
{
	/* A held clear, or a mark that is not told, is of a region that is dirty on the device. */
end:	assert(!(durable && !failed && (region == DIRTY || region == CLEARED) && !on_disk && !suspended))
}
