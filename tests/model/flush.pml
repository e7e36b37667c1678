/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is on the log device, and what is on the legs: two regions of one block of a log's image, that the kernel writes,
 * marks and clears; commits (server/work/commit.c, server/log/log_write.c), lazy clears behind flushes of the legs
 * (server/work/clears.c) and the state machine (server/protocol/dirty_log.c), while a flush of the legs fails, a write to
 * the log device fails or hangs, the mirror is suspended, the server dies between any two steps (and its successor settles
 * what it left), and the power is cut at any moment.
 *
 * What it takes for granted: a flush of the legs that was given up, at a suspend, has ended before the mirror is resumed.
 * (What one loses that fails later is not known to dirtylogd: WITHOUT_END_OF_GIVEN_UP.)
 *
 * A definition WITHOUT_... takes a step out, or turns two round; tests/model/check sees that spin then finds what goes
 * wrong. The bits of two regions are bits of a byte.
 */

#ifndef DEATHS
#define DEATHS		1
#endif
#ifndef ERRORS
#define ERRORS		1	/* of writes to the log device */
#endif
#ifndef HANGS
#define HANGS		1	/* writes to it that hang until they are abandoned */
#endif
#ifndef LEG_FAILURES
#define LEG_FAILURES	1
#endif
#ifndef SUSPENDS
#define SUSPENDS	1
#endif
#ifndef WRITES
#define WRITES		2	/* of the kernel, to each region */
#endif
#define REGIONS		2
#define ALL		3
#define bit(r)		(1 << (r))

mtype = { COUNTING, FLUSHING_LEGS, SPOILT };		/* enum clears_phase */
mtype = { NOTHING, MARK, FLUSH, CLEAR, POSTSUSPEND, RESUME };	/* of requests; a FLUSH covers who asks for it */

/* --- the world: bits are set where it is so */

byte writing;		/* writes to the legs are on their way */
byte cached;		/* they have ended, and no flush of the legs has begun since */
byte flushed;		/* it has begun */
byte lost;		/* a leg has lost what it had */
byte disk_clean = ALL;	/* the log device says: clean */

/* --- requests: of the two regions, and of the mirror */

#define MIRROR		REGIONS
mtype asked[REGIONS + 1] = NOTHING;
bool answered[REGIONS + 1];
bool failed_answer[REGIONS + 1];

/* --- the estate: struct dirty_log, log_record, flight */

byte sync = ALL, clean = ALL, image = ALL, touched;
bool changed, changing;
bool flight;			/* one block */
bool record_flushing, record_spoilt;

/* --- the server's own */

mtype phase = COUNTING;
byte waiters, running;		/* requests */
bool draining;
bool in_flight, retry_runs;
bool leg_flush;			/* of this server, that it waits for */
bool interrupted, legs_answer;	/* since a server died while the legs were flushed, whose phase was that */
bool resumed = true;

/* --- devices: an operation outlives the server that has begun it */

bool device_writes, device_ours;	/* ours: the server that began it waits for it */
byte device_bits;
bool device_ended, device_failed;	/* what the server that waits is told */
bool legs_flush, legs_ours, legs_ended, legs_failed;

#ifdef WITHOUT_CLAIM
bool late;		/* a write that a later one has overtaken */
byte late_bits;
#endif

byte deaths = DEATHS, errors = ERRORS, hangs = HANGS, leg_failures = LEG_FAILURES, suspends = SUSPENDS;
bool killed, down;

/* --- dirty_log.c */

#define lazy		(clean & ~image)

/* make_dirty(), mark_ahead() */
inline mark(r)
{
	changing = true;
	if
	:: clean & bit(r) ->
		clean = clean & ~bit(r);
		if
		:: image & bit(r) ->
#ifdef WITHOUT_CHANGED_FIRST
			image = image & ~bit(r);
			changed = true;
#else
			changed = true;
			image = image & ~bit(r);
#endif
			if
			:: atomic { image & bit(1 - r) -> touched = touched | bit(1 - r); image = image & ~bit(1 - r) }
			:: true
			fi
		:: else
		fi
	:: else
	fi;
	touched = touched | bit(r);
	changing = false
}

/* make_clean() */
inline clear(r)
{
	if
	:: (sync & bit(r)) && !(clean & bit(r)) ->
		changing = true;
#ifdef WITHOUT_TOUCH_OF_CLEAR
		atomic { clean = clean | bit(r); touched = touched & ~bit(r) };
#else
		clean = clean | bit(r);
		touched = touched | bit(r);
#endif
		changing = false
	:: else
	fi
}

/* dirty_log_release() */
inline release_ripe()
{
	changing = true;
	if
#ifdef WITHOUT_TOUCHED
	:: lazy -> changed = true; image = image | lazy
#else
	:: lazy & ~touched -> changed = true; image = image | (lazy & ~touched)
#endif
	:: else
	fi;
	changing = false
}

/* copy_bits() twice */
inline distrust()
{
	changing = true;
	clean = clean & image;
	atomic { sync = sync & image; touched = 0 };
	changing = false
}

/* dirty_log_settle(): repair_word() */
inline settle()
{
	if
	:: changing ->
#ifndef WITHOUT_REPAIR
		atomic {
			clean = clean & sync;
			if
			:: image & ~clean -> changed = true; image = image & clean
			:: else
			fi
		};
#endif
		changing = false
	:: else
	fi
}

/* --- log_write.c, commit.c */

inline answer(slot, error)
{
	atomic {
		/* What is said to be durable is. */
		assert(error || slot == MIRROR || asked[slot] == CLEAR || !(disk_clean & bit(slot)));
		asked[slot] = NOTHING;
		failed_answer[slot] = error;
		answered[slot] = true
	}
}

inline answer_all(list, error)
{
	if :: list & 1 -> answer(0, error) :: else fi;
	if :: list & 2 -> answer(1, error) :: else fi;
	if :: list & 4 -> answer(2, error) :: else fi;
	list = 0
}

/* commit_start(), log_write_start(); log_device_claim(): nobody else's write is on its way */
inline commit_start()
{
	if
	:: in_flight || retry_runs
	:: !in_flight && !retry_runs && !changed -> answer_all(waiters, false)
#ifdef WITHOUT_CLAIM
	:: !in_flight && !retry_runs && changed && device_writes -> device_writes = false; late_bits = device_bits; late = true
	:: !in_flight && !retry_runs && changed && !device_writes ->
#else
	:: !in_flight && !retry_runs && changed && device_writes	/* tried again */
	:: !in_flight && !retry_runs && changed && !device_writes ->
#endif
		/* take_blocks() */
#ifndef WITHOUT_FLIGHT
		flight = true;
#endif
		changed = false;
		/* submit_write(): a copy */
		atomic {
#ifdef WITHOUT_IMAGE
			device_bits = clean;
#else
			device_bits = image;
#endif
			device_writes = true;
			device_ours = true;
			in_flight = true
		};
		atomic { running = running | waiters; waiters = 0 }
	fi
}

/* write_finished(), all_written() */
inline write_finished()
{
	atomic { in_flight = false; device_ended = false };
	if
	:: device_failed ->
		device_failed = false;
#ifndef WITHOUT_RESTORING
		changed = true;
#endif
		flight = false;
		if
		:: retry_runs = true;	/* back_off() */
#ifdef WITHOUT_WAITING_ON
			answer_all(running, false)
#else
			atomic { waiters = waiters | running; running = 0 }
#endif
		:: answer_all(running, true)	/* give_up_trying() */
		fi
	:: else ->
		flight = false;
		answer_all(running, false);
		if :: changed || waiters -> commit_start() :: else fi
	fi
}

/* log_write_abandon(): it hangs, and becomes a stray */
inline abandon()
{
#ifndef WITHOUT_RESTORING_ABANDONED
	changed = true;
#endif
	flight = false;
	atomic { waiters = waiters | running; running = 0 }
}

/* --- clears.c */

inline record_status()
{
	atomic { record_flushing = phase == FLUSHING_LEGS || interrupted; record_spoilt = phase == SPOILT }
}

/* dirty_log_age() */
inline age()
{
	touched = touched & ~lazy
}

inline end_drain()
{
	if
	:: draining -> draining = false; waiters = waiters | bit(MIRROR); commit_start()
	:: else
	fi
}

/* flush_legs() */
inline flush_legs()
{
	phase = FLUSHING_LEGS;
#ifndef WITHOUT_RECORDING
	record_status();
#endif
	atomic { !legs_flush -> legs_flush = true; legs_ours = true; leg_flush = true }
}

/* clears_give_up_flush() */
inline give_up_flush()
{
	if
	:: leg_flush ->
		atomic { leg_flush = false; legs_ours = false; legs_ended = false; legs_failed = false };
		if
#ifdef WITHOUT_SPOILING_BY_GIVING_UP
		:: phase == FLUSHING_LEGS -> phase = COUNTING; record_status()
#else
		:: phase == FLUSHING_LEGS -> phase = SPOILT; record_status()
#endif
		:: else
		fi
	:: else
	fi
}

/* clears_check(): whatever the time is */
inline clears_check()
{
	if
	:: phase == FLUSHING_LEGS
	:: phase != FLUSHING_LEGS && (lazy == 0 || phase == SPOILT || (!resumed && !draining)) -> end_drain()
	:: phase == COUNTING && lazy && (resumed || draining) ->
		if
		:: draining -> age()	/* wants_all() */
		:: !draining
		fi;
		if
#ifdef WITHOUT_FLUSH
		:: lazy & ~touched -> release_ripe(); commit_start()
#else
		:: lazy & ~touched -> flush_legs()
#endif
		:: else -> age()
		fi
	fi
}

/* leg_flush_ended(), legs_were_tried() */
inline leg_flush_ended(error)
{
	atomic { error = legs_failed; legs_ended = false; legs_failed = false; leg_flush = false };
	if
	:: phase == FLUSHING_LEGS ->
		if
#ifdef WITHOUT_SPOILING
		:: error -> phase = COUNTING; record_status(); end_drain()
#else
		:: error -> phase = SPOILT; record_status(); end_drain()
#endif
		:: else ->
			phase = COUNTING;
			record_status();
			release_ripe();
			age();
			commit_start()
		fi
	:: phase != FLUSHING_LEGS && interrupted ->
		if
		:: error -> interrupted = false; record_status()
		:: else -> legs_answer = true
		fi
	:: else
	fi;
	error = false
}

/* --- answer.c, life.c */

inline execute(slot)
{
	if
	:: asked[slot] == MARK ->
		mark(slot);
		if
#ifdef WITHOUT_RUNNING
		:: in_flight -> running = running | bit(slot)
		:: !in_flight && changed -> waiters = waiters | bit(slot); commit_start()
#else
		:: in_flight || changed -> waiters = waiters | bit(slot); commit_start()
#endif
		:: else -> answer(slot, false)
		fi
	:: asked[slot] == CLEAR -> clear(slot); answer(slot, false)
	:: asked[slot] == POSTSUSPEND -> resumed = false; draining = true; clears_check()
	:: asked[slot] == RESUME ->	/* life_resume(), clears_resumed() */
		give_up_flush();
		resumed = true;
		if
		:: phase == SPOILT ->
#ifndef WITHOUT_DISTRUST
			distrust();
#endif
			phase = COUNTING;
			atomic { interrupted = false; legs_answer = false }
		:: else
		fi;
		record_status();
		waiters = waiters | bit(MIRROR);
		commit_start()
	:: else
	fi
}

#define in_hand(slot)	(((waiters | running) & bit(slot)) || (slot == MIRROR && draining))

active proctype server()
{
	bool error;
life:	{
end:		do
		:: asked[0] != NOTHING && !in_hand(0) -> execute(0)
		:: asked[1] != NOTHING && !in_hand(1) -> execute(1)
		:: asked[2] != NOTHING && !in_hand(2) -> execute(2)
		:: device_ended -> write_finished()
		:: retry_runs -> retry_runs = false; commit_start()
		:: waiters && changed && !in_flight && !retry_runs && !device_writes -> commit_start()
		:: !waiters && changed && !in_flight && !retry_runs && !device_writes -> commit_start()
		:: atomic { in_flight && hangs > 0 -> hangs--; in_flight = false; device_ours = false; device_ended = false;
				device_failed = false };
			abandon()
		:: legs_ended -> leg_flush_ended(error)
		/* due, or the kernel's request to drain; a flush has been begun for what is ripe */
		:: phase == COUNTING && lazy && (resumed || draining) -> clears_check()
#ifdef WITHOUT_WAITING_TO_AGE
		:: phase == FLUSHING_LEGS && lazy & touched -> age()
#endif
		:: draining && phase == FLUSHING_LEGS -> give_up_flush(); end_drain()	/* give_up_drain() */
		:: interrupted && !legs_answer && !leg_flush && !legs_flush && resumed ->	/* try_to_heal() */
			atomic { legs_flush = true; legs_ours = true; leg_flush = true }
		/* heal(): nothing is out of sync before the log device says that it is dirty */
#ifdef WITHOUT_HEALING_WHEN_DURABLE
		:: interrupted && legs_answer ->
#else
		:: interrupted && legs_answer && !changed && !in_flight ->
#endif
			distrust();
			atomic { interrupted = false; legs_answer = false };
			record_status()
		od
	} unless { killed };
	/* What the dead had on its way ends as it likes. */
	atomic {
		error = false;
		device_ours = false; device_ended = false; device_failed = false;
		legs_ours = false; legs_ended = false; legs_failed = false;
		waiters = 0; running = 0; draining = false; in_flight = false; retry_runs = false;
		leg_flush = false;
		killed = false;
		/* take_status() */
		interrupted = record_flushing; legs_answer = false;
		if
		:: record_flushing || record_spoilt -> phase = SPOILT
		:: else -> phase = COUNTING
		fi
	};
	settle();
	/* take_flight() */
	if
	:: flight -> changed = true; flight = false
	:: else
	fi;
	goto life
}

active proctype death()
{
end:	do
	:: atomic { deaths > 0 && !killed -> deaths--; killed = true }
	:: deaths > 0 -> deaths = 0
	od
}

#ifdef WITHOUT_CLAIM
active proctype stray()
{
end:	do
	:: atomic { late -> late = false; disk_clean = late_bits }
	od
}
#endif

/* --- devices */

active proctype log_device()
{
end:	do
	:: atomic { device_writes -> disk_clean = device_bits; device_writes = false; device_ended = device_ours }
	:: atomic { device_writes && errors > 0 -> errors--; device_writes = false;
			device_ended = device_ours; device_failed = device_ours;
			if :: true -> disk_clean = device_bits :: true fi }
	od
}

active proctype legs()
{
end:	do
	:: legs_flush ->
		atomic { flushed = flushed | cached; cached = 0 };
		if
		:: atomic { flushed = 0; legs_flush = false; legs_ended = legs_ours }
		/* What it says once it never says again. */
		:: atomic { leg_failures > 0 -> leg_failures--; lost = lost | flushed; flushed = 0; legs_flush = false;
				legs_ended = legs_ours; legs_failed = legs_ours }
		fi
	od
}

/* --- the kernel */

byte busy;		/* writers that are between a mark and its clear */
bool suspended;

inline ask(slot, what)
{
	atomic { answered[slot] = false; asked[slot] = what };
	answered[slot]
}

inline kernel(r, writes)
{
end:	do
	:: atomic { writes < WRITES && !suspended && (sync & bit(r)) -> writes++; busy++ };
		ask(r, MARK);
		if
		:: failed_answer[r] -> writes = WRITES	/* it holds all writes from now on */
		:: else ->
			writing = writing | bit(r);
			atomic { writing = writing & ~bit(r); cached = cached | bit(r) };
			ask(r, CLEAR)
		fi;
		busy--
	/* recovery: of what is out of sync */
	:: atomic { !suspended && !(sync & bit(r)) && resumed -> busy++ };
		atomic { lost = lost & ~bit(r); cached = cached | bit(r) };
		atomic { sync = sync | bit(r) };
		ask(r, CLEAR);
		busy--
	od
}

active proctype region_0()
{
	byte writes;
	kernel(0, writes)
}

active proctype region_1()
{
	byte writes;
	kernel(1, writes)
}

active proctype ioctls()
{
end:	do
	:: atomic { suspends > 0 -> suspends--; suspended = true };
		busy == 0;
		ask(MIRROR, POSTSUSPEND);
#ifndef WITHOUT_END_OF_GIVEN_UP
		!legs_flush;	/* what a flush that was given up says is of data from before: see above */
#endif
		ask(MIRROR, RESUME);
		/* What has been lost is recovered before it is read as in sync. */
		assert(leg_flush || !(lost & sync) || record_spoilt);
		suspended = false
	od
}

/* --- what has to hold at each moment */

active proctype power_cut()
{
	/* What is being written, or is in a cache, or was lost from one, is resynced after a power cut. */
end:	assert(!((writing | cached | flushed | lost) & disk_clean))
}
