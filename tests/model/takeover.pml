/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a killed server leaves in the estate, and what its successor makes of it: requests in slots (server/netlink/slot.c),
 * logs in the directory (server/restart/estate.c, server/log/log.c, server/work/life.c), taken over by server/takeover.c
 * and taken up on demand by server/work/backlog.c. A server is a receiver and a worker; it is killed between any two
 * steps, also while it takes over. The kernel makes log 1, uses it and drops it, and uses log 2, which is there.
 *
 * What a system call of the kernel's does is one step (__sys_sendmmsg(), do_recvmmsg(): msg_len is written before a signal
 * can end the thread). A definition WITHOUT_... takes a step out, or turns two round; tests/model/check sees that spin
 * then finds what goes wrong.
 */

#ifndef DEATHS
#define DEATHS		2
#endif
#define SLOTS		2
#define LOGS		2
#define REQUESTS	4
#define NONE		255

mtype = { FREE, ASKED, ANSWERED };		/* enum slot_phase */
mtype = { REQUEST, MIXED, REPLY };		/* what the bytes of a message are */

/* Of the kernel: requests 1 CTR, 2 a MARK, 3 DTR, all of log 1; 4 a MARK of log 2. */
#define CTR		1
#define DTR		3
#define log_of(request)	((request) == 4 -> 2 : 1)
chan socket = [REQUESTS] of { byte };
byte answers[REQUESTS + 1];
bool told_gone;			/* that log 1 is */

/* --- the estate */

mtype phase[SLOTS] = FREE;
mtype body[SLOTS];
byte message[SLOTS];
byte arrival[SLOTS];
bool checked[SLOTS];
byte arrivals;

bool intake_len;		/* of a batch of one */
byte intake_number;

/* Executors: 0 the receiver's, 1 the worker's; batches of one. */
bool dispatch_len[2];
byte dispatch_number[2], dispatch_arrival[2];

bool entry[LOGS + 1];		/* the directory's */
bool status[LOGS + 1];		/* the record's: published */
bool whole[LOGS + 1];		/* what the record vouches for is there */
bool gone[LOGS + 1];

/* --- a server's own memory */

chan mail = [SLOTS] of { byte };	/* the logs' inboxes, and the run queue: inbox.pml */
bool listed[LOGS + 1], taken[LOGS + 1];	/* the backlog */
bool known[LOGS + 1];		/* to the registry */
bool dead[LOGS + 1];		/* in the graveyard */
byte waiting[LOGS + 1];		/* requests that are the worker's */

byte deaths = DEATHS;
bool killed, down_receiver, down_worker;

/* --- slot.c */

inline slot_arrived(s)
{
	arrivals++;
	arrival[s] = arrivals;
	checked[s] = false;
	phase[s] = ASKED
}

/* outbox_send() of one reply */
inline send_reply(executor, s)
{
#ifndef WITHOUT_LENGTH_FIRST
	dispatch_len[executor] = false;
#endif
	dispatch_number[executor] = s;
	dispatch_arrival[executor] = arrival[s];
#ifdef WITHOUT_SLOT_UNTIL_SENT
	phase[s] = FREE;
#endif
	atomic {
		assert(body[s] == REPLY);
		answers[message[s]]++;
		assert(answers[message[s]] == 1);
		dispatch_len[executor] = true
	};
	phase[s] = FREE		/* slots_give() */
}

/* A reply is built over its request, then outbox_add(). */
inline reply(executor, s)
{
#ifdef WITHOUT_WHOLE_REPLY
	phase[s] = ANSWERED;
	body[s] = MIXED;
	body[s] = REPLY;
#else
	body[s] = MIXED;
	body[s] = REPLY;
	phase[s] = ANSWERED;
#endif
	send_reply(executor, s)
}

/* --- backlog.c */

/* open_log(), enter() */
inline take_up(log)
{
	if
	:: listed[log] && !taken[log] ->
#ifndef WITHOUT_TAKING_ONCE
		taken[log] = true;
#endif
		if
		:: entry[log] && status[log] && !gone[log] ->
			atomic {
				assert(whole[log]);			/* or it serves what was never there */
				assert(!known[log]);			/* or two have it */
				assert(!(log == 1 && told_gone));
				known[log] = true
			}
		:: entry[log] && (!status[log] || gone[log]) ->	/* clear_away() */
			atomic { status[log] = false; whole[log] = false; gone[log] = false };
			entry[log] = false
		:: else
		fi
	:: else
	fi
}

/* --- receiver.c */

/* dispatch() */
inline dispatch(s, log)
{
	log = log_of(message[s]);
	if
	:: message[s] == CTR ->
#ifndef WITHOUT_TAKING_ALL
		take_up(1);
		take_up(2);
#endif
		known[log] = true;
		waiting[log]++;
		mail!s
	:: else ->
#ifndef WITHOUT_TAKING_ON_DEMAND
		if
		:: !known[log] -> take_up(log)
		:: else
		fi;
#endif
		if
		:: known[log] && (waiting[log] || message[s] == DTR) -> waiting[log]++; mail!s
		:: known[log] && !waiting[log] && message[s] != DTR -> waiting[log]++; mail!s
		:: known[log] && !waiting[log] && message[s] != DTR -> reply(0, s)
		:: !known[log] ->	/* answer_unknown() */
			assert(message[s] == DTR);
			reply(0, s)
		fi
	fi;
	log = 0
}

/* handle() */
inline handle(s, log)
{
	assert(body[s] == REQUEST);
	checked[s] = true;	/* slot_checked() */
	dispatch(s, log)
}

/* take_in() */
inline take_in(s, log)
{
#ifdef WITHOUT_ARRIVAL_FIRST
	intake_len = false;
	slot_arrived(s);
	handle(s, log)
#elif defined(WITHOUT_TAKING_BEFORE_HANDLING)
	slot_arrived(s);
	handle(s, log);
	intake_len = false
#else
	slot_arrived(s);
	intake_len = false;
	handle(s, log)
#endif
}

/* registry_sweep(), estate_free() */
inline sweep(log)
{
	atomic { known[log] = false; dead[log] = false };
	if
	:: gone[log] ->
		atomic { status[log] = false; whole[log] = false; gone[log] = false };
		entry[log] = false
	:: else
	fi
}

/* --- takeover.c */

inline dispatch_settle(executor)
{
#ifndef WITHOUT_SETTLING
	if
#ifdef WITHOUT_COMPARING_ARRIVALS
	:: dispatch_len[executor] && phase[dispatch_number[executor]] == ANSWERED ->
#else
	:: dispatch_len[executor] && phase[dispatch_number[executor]] == ANSWERED &&
		arrival[dispatch_number[executor]] == dispatch_arrival[executor] ->
#endif
		phase[dispatch_number[executor]] = FREE
	:: else
	fi
#else
	skip
#endif
}

inline count_arrived(s)
{
#ifndef WITHOUT_COUNTING_ARRIVED
	s = intake_number;
	if
	:: intake_len && phase[s] == FREE -> slot_arrived(s)
	:: else
	fi;
#endif
	intake_len = false;
	s = 0
}

/* receiver_take_over() */
inline take_over_request(s, log)
{
	if
	:: phase[s] == ANSWERED -> send_reply(0, s)
	:: phase[s] == ASKED && !checked[s] -> handle(s, log)
	:: phase[s] == ASKED && checked[s] ->
#ifndef WITHOUT_RESTORING
		body[s] = REQUEST;	/* slot_restore() */
#endif
		assert(body[s] == REQUEST);
		dispatch(s, log)
	:: else
	fi
}

inline take_over_requests(s, log)
{
	if
	:: arrival[0] <= arrival[1] -> s = 0
	:: else -> s = 1
	fi;
	take_over_request(s, log);
	s = 1 - s;
	take_over_request(s, log);
	s = 0
}

active proctype receiver()
{
	byte s, log;
	entry[2];	/* init */
life:	{
		dispatch_settle(0);
		dispatch_settle(1);
		count_arrived(s);
		/* backlog_open() */
		atomic { listed[1] = entry[1]; listed[2] = entry[2] };
		take_over_requests(s, log);
end:		do
		:: dead[1] -> sweep(1)
		:: listed[1] && !taken[1] -> take_up(1)	/* backlog_step() */
		:: listed[2] && !taken[2] -> take_up(2)
		:: atomic {
				nempty(socket) && (phase[0] == FREE || phase[1] == FREE) ->
				if
				:: phase[0] == FREE -> s = 0
				:: else -> s = 1
				fi;
				intake_number = s	/* intake_fill() */
			};
			atomic {
				socket?message[s];
				body[s] = REQUEST;
				intake_len = true
			};
			take_in(s, log);
			s = 0
		od
	} unless { killed };
	atomic { s = 0; log = 0; down_receiver = true };
	!down_receiver;
	goto life
}

/* --- worker.c, life.c */

/* mirror_log_make_bits(), finish_making() */
inline make(s, log)
{
	if
	:: !status[log] ->
		assert(!entry[log]);
		entry[log] = true;	/* estate_add() */
#ifdef WITHOUT_STATUS_LAST
		status[log] = true;
		whole[log] = true
#else
		whole[log] = true;
		status[log] = true	/* mirror_log_record_status() */
#endif
	:: else
	fi;
	reply(1, s)
}

/* life_close_when_idle(), bury() */
inline close_log(s, log)
{
#ifdef WITHOUT_GONE_FIRST
	dead[log] = true;
	reply(1, s);
	told_gone = true;
	gone[log] = true
#else
	gone[log] = true;	/* estate_drop() */
	dead[log] = true;
	reply(1, s)
#endif
}

active proctype worker()
{
	byte s, log;
life:	{
end:		do
		:: atomic { mail?s -> log = log_of(message[s]) };
			if
			:: message[s] == CTR -> make(s, log)
			:: message[s] == DTR -> close_log(s, log)
			:: else -> reply(1, s)
			fi;
			atomic { waiting[log]--; s = 0; log = 0 }
		od
	} unless { killed };
	atomic { s = 0; log = 0; down_worker = true };
	!down_worker;
	goto life
}

active proctype death()
{
	byte log;
end:	do
	:: atomic { deaths > 0 -> deaths--; killed = true };
		atomic {
			down_receiver && down_worker ->
			do
			:: mail?_
			:: empty(mail) -> break
			od;
			for (log : 1 .. LOGS) {
				listed[log] = false;
				taken[log] = false;
				known[log] = false;
				dead[log] = false;
				waiting[log] = 0
			}
			log = 0;
			killed = false;
			down_receiver = false;
			down_worker = false
		}
	:: deaths > 0 -> deaths = 0	/* nothing more happens */
	od
}

/* --- the kernel */

active proctype kernel_of_log_1()
{
	socket!CTR;
	answers[CTR] == 1;
	socket!2;
	answers[2] == 1;
	socket!DTR;
	atomic { answers[DTR] == 1 -> told_gone = true }
}

active proctype kernel_of_log_2()
{
	socket!4;
	answers[4] == 1
}

init {
	atomic { entry[2] = true; status[2] = true; whole[2] = true }
}

active proctype at_the_end()
{
	timeout ->
	assert(answers[1] == 1 && answers[2] == 1 && answers[3] == 1 && answers[4] == 1);
	assert(!entry[1] && !status[1]);
	assert(entry[2] && status[2] && whole[2] && !gone[2] && known[2]);
	assert(phase[0] == FREE && phase[1] == FREE && empty(mail))
}
