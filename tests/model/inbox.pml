/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of mail to a log's executor: server/base/mailbox.h, server/log/inbox.h, the run queue (server/log/log.c),
 * and the worker's sleep (server/work/worker.c), between the receiver, another thread that posts (control, the mirror
 * thread, a leg's flush) and a worker that has two logs.
 *
 * A load or a store of what two threads share is a step of its own, in the order in which the code's memory orders keep
 * them (those that are seq_cst). A definition WITHOUT_... takes a step out, or turns two round as a weaker order would;
 * tests/model/check sees that spin then finds what goes wrong.
 */

#ifndef REQUESTS
#define REQUESTS	2	/* of the receiver's */
#endif
#ifndef LETTERS
#define LETTERS		1	/* of the other thread's */
#endif
#ifndef TRANSFERS
#define TRANSFERS	1	/* reads and writes that the worker may start */
#endif
#define LOGS		2
#define ATTENDS		(REQUESTS + LETTERS)	/* the worker's own mail: one for each log behind it */
#define MAIL		(REQUESTS + LETTERS + LOGS + 1)
#define NULL		0

mtype = { IDLE, HELD, SCHEDULED, KEPT };	/* enum inbox_state */

/* struct mirror_log; log 0 is none, for the links' sake */
mtype state[LOGS + 1] = IDLE;
byte newest[LOGS + 1];		/* inbox.mail */
byte run_next[LOGS + 1];	/* run_link */
byte refs[LOGS + 1] = 1;	/* the registry's */
byte next[MAIL];		/* struct mail */
bool queued[LOGS + 1];		/* the code has it for its own assertions as well */
bool waits[LOGS + 1];		/* commit.waiters: what an express write could not serve */

/* struct run_queue */
byte run_newest;
bool asleep;
bool event;			/* the engine's eventfd: a poll of it is level-triggered */

/* What is looked at alone. */
byte executors[LOGS + 1];
bool half_read[LOGS + 1];	/* an image is being read into it */
bool device_busy[LOGS + 1];
bool ended[LOGS + 1];		/* sched.completed: the worker's */
bool handled[MAIL];
byte log_of[MAIL];
byte done_requests[LOGS + 1];	/* the last request handled of each */

/* --- mailbox.h: a push is a load and a compare-exchange that is tried again; a take is one exchange */

#ifdef WITHOUT_PUSH_EXCHANGE
#define push(box, links, mail, was) \
	atomic { was = box; links[mail] = was }; atomic { box = mail; was = NULL }
#else
#define push(box, links, mail, was) \
	atomic { was = box; links[mail] = was }; \
	do \
	:: atomic { box == was -> box = mail; was = NULL }; break \
	:: atomic { box != was -> was = box; links[mail] = was } \
	od
#endif

#ifdef WITHOUT_TURNING
#define turn_round(links, mail, rest, oldest)	oldest = mail
#else
#define turn_round(links, mail, rest, oldest) \
	oldest = NULL; \
	do \
	:: mail != NULL -> rest = links[mail]; links[mail] = oldest; oldest = mail; mail = rest \
	:: else -> break \
	od
#endif

#ifdef WITHOUT_TAKE_EXCHANGE
#define take(box, links, mail, rest, oldest) \
	mail = box; box = NULL; \
	atomic { turn_round(links, mail, rest, oldest); mail = NULL; rest = NULL }
#else
#define take(box, links, mail, rest, oldest) \
	atomic { mail = box; box = NULL; turn_round(links, mail, rest, oldest); mail = NULL; rest = NULL }
#endif

/* --- inbox.h */

#ifdef WITHOUT_STATE_EXCHANGE
#define leave_idle(log, to, took) \
	took = state[log] == IDLE; \
	if :: took -> state[log] = to :: else fi
#else
#define leave_idle(log, to, took) \
	atomic { took = state[log] == IDLE; if :: took -> state[log] = to :: else fi }
#endif

#ifdef WITHOUT_LOOK_BEFORE_HOLD
#define try_hold(log, took)	leave_idle(log, HELD, took)
#else
#define try_hold(log, took) \
	took = newest[log] == NULL; \
	if :: took -> leave_idle(log, HELD, took) :: else fi
#endif

/* took: the caller must put it on the run queue */
#ifdef WITHOUT_POST_ORDER
#define inbox_post(log, mail, took, was) \
	leave_idle(log, SCHEDULED, took); push(newest[log], next, mail, was)
#else
#define inbox_post(log, mail, took, was) \
	push(newest[log], next, mail, was); leave_idle(log, SCHEDULED, took)
#endif

#if defined(WITHOUT_LOOK_BEHIND_RELEASE)
#define inbox_release(log, took) \
	state[log] = IDLE; took = false
#elif defined(WITHOUT_RELEASE_ORDER)
#define inbox_release(log, took) \
	took = newest[log] != NULL; state[log] = IDLE; \
	if :: took -> leave_idle(log, SCHEDULED, took) :: else fi
#else
#define inbox_release(log, took) \
	state[log] = IDLE; took = newest[log] != NULL; \
	if :: took -> leave_idle(log, SCHEDULED, took) :: else fi
#endif

/* --- log.c: the run queue */

inline run_queue_wake(sleeps)
{
#ifndef WITHOUT_WAKE
	sleeps = asleep;
	if
	:: sleeps ->
		atomic { sleeps = asleep; asleep = false };
		if :: sleeps -> event = true :: else fi
	:: else
	fi;
	sleeps = false
#else
	skip
#endif
}

inline enqueue(log, was, sleeps)
{
	atomic { assert(!queued[log]); queued[log] = true; assert(state[log] == SCHEDULED) };
	push(run_newest, run_next, log, was);
	run_queue_wake(sleeps)
}

inline get(log) { refs[log]++ }
inline put(log) { atomic { refs[log]--; assert(refs[log] > 0) } }	/* the registry's is there to the end */

inline post(log, mail, took, was, sleeps)
{
	inbox_post(log, mail, took, was);
	if
	:: atomic { took -> took = false; get(log) }; enqueue(log, was, sleeps)
	:: else
	fi
}

/* mirror_log_let_go(), of the receiver */
inline let_go(log, took, was, sleeps)
{
	executors[log]--;
	if
	:: atomic { waits[log] -> state[log] = SCHEDULED; took = true }	/* inbox_pass */
	:: else -> inbox_release(log, took)
	fi;
	if
	:: atomic { took -> took = false; get(log) }; enqueue(log, was, sleeps)
	:: else
	fi
}

/* answer() and what is behind it. Requests of one log are handled in the order in which they came. */
inline handle(log, mail)
{
	atomic {
		assert(executors[log] == 1 && !half_read[log] && !handled[mail] && log_of[mail] == log);
		handled[mail] = true;
		if
		:: mail <= REQUESTS -> assert(done_requests[log] < mail); done_requests[log] = mail
		:: else
		fi
	}
}

/* --- receiver.c, express.c */

active proctype receiver()
{
	byte request, log, was;
	bool took, sleeps;
	byte express = 0;	/* the log that it writes */
	for (request : 1 .. REQUESTS) {
		atomic {
			if
			:: log = 1
			:: request > 1 -> log = 2	/* they are alike */
			fi;
			log_of[request] = log
		};
		/* answer_or_post() */
		if
		:: post(log, request, took, was, sleeps)	/* WIRE_LANE_WORKER */
#ifdef WITHOUT_LOOK_IN_EXPRESS
		:: express == log -> handle(log, request)
#else
		:: express == log ->	/* express_answer() */
			if
			:: newest[log] == NULL -> handle(log, request)
			:: else -> post(log, request, took, was, sleeps)
			fi
#endif
		:: express != log ->
			try_hold(log, took);
			if
			:: took ->
				atomic { took = false; executors[log]++; assert(executors[log] == 1) };
				if
				:: handle(log, request); let_go(log, took, was, sleeps)
				:: atomic { express == 0 -> handle(log, request); express = log }	/* express_start() */
				:: /* execute_held(): for the worker */
					push(newest[log], next, request, was);
					atomic { executors[log]--; state[log] = SCHEDULED; get(log) };
					enqueue(log, was, sleeps)
				fi
			:: else -> post(log, request, took, was, sleeps)
			fi
		fi;
		/* express_written(), express_write_failed() (who waited waits for the worker) */
		if
		:: atomic {
				express != 0 -> log = express; express = 0;
				if
				:: waits[log] = true
				:: true
				fi
			};
			let_go(log, took, was, sleeps)
		:: request < REQUESTS || express == 0
		fi;
		log = 0
	}
}

/* --- control, the mirror thread */

active proctype another()
{
	byte letter, log, was;
	bool took, sleeps;
	for (letter : (REQUESTS + 1) .. (REQUESTS + LETTERS)) {
		atomic { if :: log = 1 :: log = 2 fi; log_of[letter] = log };
		post(log, letter, took, was, sleeps)
	}
}

/* --- worker.c */

/* What has ended on the engine, for a log that waits for it: worker_io_ended(), schedule_attend() */
inline attend(log, took, was, sleeps)
{
	asleep = false;
	if
	:: atomic { state[log] == KEPT -> state[log] = SCHEDULED }; enqueue(log, was, sleeps)
	:: state[log] == SCHEDULED
#ifdef WITHOUT_ATTENDING_HELD
	:: state[log] == HELD
	:: state[log] == IDLE ->
#else
	:: state[log] == HELD || state[log] == IDLE ->
#endif
		if
		:: atomic { !attend_posted[log] -> attend_posted[log] = true };
			log_of[ATTENDS + log] = log;
			post(log, ATTENDS + log, took, was, sleeps)
		:: else
		fi
	fi
}

inline execute(log, mail, rest, took, was, sleeps)
{
	atomic {
		assert(queued[log] && state[log] == SCHEDULED);
		queued[log] = false;
		executors[log]++;
		assert(executors[log] == 1);
		/* execute_completed() */
		if
		:: ended[log] -> ended[log] = false; half_read[log] = false
		:: else
		fi
	};
	/* execute_mail(): what comes while it is kept stays in order behind it */
	do
	:: half_read[log] -> break
	:: else ->
		if
		:: unread[log] == NULL -> take(newest[log], next, mail, rest, unread[log])
		:: else
		fi;
		if
		:: unread[log] == NULL -> break
		:: else
		fi;
		atomic {
			mail = unread[log];
			unread[log] = next[mail];
			if
			:: mail > ATTENDS -> attend_posted[log] = false
			:: else ->
				handle(log, mail);
				if
				:: !device_busy[log] && ios > 0 -> ios--; device_busy[log] = true; half_read[log] = true
				:: !device_busy[log] && ios > 0 -> ios--; device_busy[log] = true	/* a commit */
				:: true
				fi
			fi;
			mail = NULL
		}
	od;
	/* execute_due(): commit_start() */
	atomic { waits[log] = false; executors[log]-- };
	if
#ifndef WITHOUT_KEEPING
	:: half_read[log] -> state[log] = KEPT	/* and the reference with it */
	:: else ->
#else
	:: true ->
#endif
		inbox_release(log, took);
		if
		:: took -> took = false; enqueue(log, was, sleeps)	/* with the same reference */
		:: else -> put(log)
		fi
	fi
}

active proctype worker()
{
	byte link, log, mail, rest, was;
	bool took, sleeps, runs;
	bool attend_posted[LOGS + 1];
	byte unread[LOGS + 1];
	byte ios = TRANSFERS;
end:	do
	:: /* execute_queue() */
		take(run_newest, run_next, mail, rest, link);
		do
		:: link == NULL -> break
		:: else ->
#ifdef WITHOUT_LINK_FIRST
			log = link;
#else
			atomic { log = link; link = run_next[log] };
#endif
			execute(log, mail, rest, took, was, sleeps);
#ifdef WITHOUT_LINK_FIRST
			link = run_next[log];
#endif
			log = 0
		od;
		/* sleep_or_reap() */
#if defined(WITHOUT_LOOK_BEFORE_SLEEP)
		asleep = true;
		runs = false;
#elif defined(WITHOUT_SLEEP_ORDER)
		runs = run_newest != NULL;
		asleep = true;
#else
		asleep = true;
		runs = run_newest != NULL;
#endif
		/* flush_engine_run() */
end_run:	if
		:: runs
		:: atomic { event -> event = false }
		:: atomic { device_busy[1] -> log = 1; device_busy[1] = false; ended[1] = true }
		:: atomic { device_busy[2] -> log = 2; device_busy[2] = false; ended[2] = true }
		fi;
		runs = false;
		if
		:: log != 0 ->
			attend(log, took, was, sleeps);
			log = 0
		:: else
		fi;
		asleep = false
	od
}

/* --- what has to hold when nobody has anything more to do */

active proctype at_the_end()
{
	byte mail;
	timeout ->
	for (mail : 1 .. (REQUESTS + LETTERS)) {
		assert(handled[mail])
	}
	for (mail : 1 .. LOGS) {
		assert(state[mail] == IDLE && newest[mail] == NULL && refs[mail] == 1);
		assert(!queued[mail] && !waits[mail] && !half_read[mail] && !ended[mail])
	}
}
