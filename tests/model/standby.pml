/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who serves, and when: the supervisor (server/restart/supervisor.c), its server, and the one that stands by
 * (server/restart/standby.c, await_turn() in server/main.c). Any of them is killed between any two steps, one that stands
 * by is stopped by a signal, one that is let go takes as long as it likes to wake; the supervisor is told to end (SIGTERM),
 * or to become another program (SIGHUP).
 *
 * A definition WITHOUT_... takes a step out; tests/model/check sees that spin then finds what goes wrong.
 */

#ifndef DEATHS
#define DEATHS		2
#endif
#ifndef STOPS
#define STOPS		1	/* of one that stands by, by a signal */
#endif
#ifndef ENDS
#define ENDS		1	/* the supervisor is told to end */
#endif
#ifndef PROGRAMS
#define PROGRAMS	1	/* other programs */
#endif
#ifndef ORPHANS
#define ORPHANS		1	/* the supervisor is killed */
#endif
#define PROCESSES	4	/* children at a time; 0: none */

/*
 * STARTS: forked to serve. FORKED, READY: stands by. WOKEN: it has read its gate, HEARS: and heeds signals from now on,
 * CHECKED: its supervisor lives. AWAKE: the estate is its own. SERVES: it has taken over. ZOMBIE: not reaped.
 */
mtype = { NOBODY, STARTS, FORKED, READY, WOKEN, HEARS, CHECKED, AWAKE, SERVES, ZOMBIE };
mtype = { NO_SIGNAL, PARENT_TERM, PARENT_KILL };
mtype state[PROCESSES] = NOBODY;
mtype at_parents_death[PROCESSES] = NO_SIGNAL;
bool gate[PROCESSES], told[PROCESSES], stopped[PROCESSES];

/* the estate's */
bool generation, served;	/* it has changed since the supervisor looked: generation_before, served_before */
byte awake;			/* how many there are */

byte deaths = DEATHS, stops = STOPS, ends = ENDS, programs = PROGRAMS, orphans = ORPHANS;
bool orphaned;			/* the supervisor is no more */
bool term, hup;			/* its signals */

/* the supervisor's */
byte server, standby;
bool waking, stopping, over;

inline die(p)
{
	atomic {
		if
		:: state[p] == AWAKE || state[p] == SERVES -> awake--
		:: else
		fi;
		state[p] = ZOMBIE;
		told[p] = false;
		stopped[p] = false;
		gate[p] = false
	}
}

#define alive(p)	(state[p] != NOBODY && state[p] != ZOMBIE)

/* --- a child */

proctype child(byte p)
{
end:	do
	:: atomic { state[p] == STARTS && at_parents_death[p] == NO_SIGNAL -> at_parents_death[p] = PARENT_TERM;
			if :: orphaned -> die(p) :: else fi }		/* become_server() */
	:: atomic { state[p] == FORKED && at_parents_death[p] == NO_SIGNAL -> at_parents_death[p] = PARENT_KILL;
			if :: orphaned -> die(p) :: else fi }		/* become() */
	:: atomic { state[p] == FORKED && at_parents_death[p] == PARENT_KILL && !stopped[p] ->
			state[p] = READY }				/* standby_waits() */
#ifdef WITHOUT_GATE
	:: atomic { state[p] == READY && !stopped[p] -> state[p] = WOKEN }
#endif
	:: atomic { state[p] == READY && gate[p] && !stopped[p] -> gate[p] = false; state[p] = WOKEN }
	:: atomic { state[p] == WOKEN && at_parents_death[p] == PARENT_KILL && !stopped[p] ->
#ifdef WITHOUT_ANOTHER_SIGNAL
			at_parents_death[p] = NO_SIGNAL; state[p] = CHECKED }
#else
			at_parents_death[p] = PARENT_TERM;
			if :: orphaned -> die(p) :: else fi }
#endif
	:: atomic { state[p] == WOKEN && at_parents_death[p] == PARENT_TERM && !stopped[p] ->
			told[p] = false; state[p] = HEARS }		/* forget_signals() */
	:: atomic { state[p] == HEARS && !stopped[p] ->
			if
#ifndef WITHOUT_LOOK_FOR_PARENT
			:: orphaned -> die(p)
#endif
			:: else -> state[p] = CHECKED
			fi }
	:: atomic { (state[p] == CHECKED || (state[p] == STARTS && at_parents_death[p] == PARENT_TERM)) && !stopped[p] ->
			awake++;
			assert(awake == 1);	/* nobody else works in the estate */
			generation = true;
			state[p] = AWAKE }
	:: atomic { state[p] == AWAKE && !stopped[p] -> served = true; state[p] = SERVES }
	:: atomic { state[p] == SERVES && told[p] && !stopped[p] -> die(p) }	/* in order, and it hands over */
	:: atomic { alive(p) && deaths > 0 -> deaths--; die(p) }
	:: atomic { (state[p] == FORKED || state[p] == READY) && stops > 0 && !stopped[p] -> stops--; stopped[p] = true }
	:: atomic { (state[p] == WOKEN || state[p] == HEARS || state[p] == CHECKED) && stops > 0 && !stopped[p] ->
			stops--; stopped[p] = true }
	od
}

/* --- the supervisor; a child of its is reaped in the step that sees its end */

#define room	(state[1] == NOBODY || state[2] == NOBODY || state[3] == NOBODY)

inline make(p, how)
{
	atomic {
		if
		:: state[1] == NOBODY -> p = 1
		:: state[1] != NOBODY && state[2] == NOBODY -> p = 2
		:: state[1] != NOBODY && state[2] != NOBODY && state[3] == NOBODY -> p = 3
		fi;
		state[p] = how;
		at_parents_death[p] = NO_SIGNAL
	}
}

inline reap(p)
{
	atomic { state[p] = NOBODY; at_parents_death[p] = NO_SIGNAL }
}

/* standby_look() */
inline look_at_standby()
{
	if
	:: atomic { standby != 0 && state[standby] == ZOMBIE -> reap(standby); standby = 0 }
	:: atomic { standby != 0 && stopped[standby] -> die(standby) }
	:: else
	fi
}

inline make_standby()
{
	if
	:: standby == 0 -> make(standby, FORKED)
	:: else
	fi
}

/* standby_end(): killed, and waited for */
inline end_standby()
{
	if
	:: atomic { standby != 0 ->
		if :: alive(standby) -> die(standby) :: else fi;
		reap(standby);
		standby = 0 }
	:: else
	fi
}

/* look_after_waking() */
inline look_after_waking()
{
	if
	:: atomic { waking && generation -> waking = false };
#ifndef WITHOUT_TELLING_AGAIN
		if
		:: stopping && alive(server) -> told[server] = true
		:: else
		fi
#else
		skip
#endif
	/* it has had its time */
#ifdef WITHOUT_WAITING_FOR_ITS_END
	:: atomic { waking && !generation && alive(server) -> die_later = server; server = 0; waking = false }
#else
	:: atomic { waking && !generation && alive(server) -> die(server) }
#endif
	:: else
	fi
}

/* start_server() */
inline start_server()
{
	atomic { generation = false; served = false };
	look_at_standby();
	if
	:: standby != 0 && !stopping ->
		/* standby_let_go(): the write fails if it has died just now, and a fork takes its place */
		if
		:: atomic { alive(standby) -> gate[standby] = true };
			atomic { server = standby; standby = 0; waking = true }
		:: atomic { !alive(standby) -> standby = 0 };
			make(server, STARTS)
		fi
	:: else ->
		make(server, STARTS)
	fi;
	if
	:: stopping && alive(server) -> told[server] = true
	:: else
	fi
}

/* supervisor_stand_by(), supervisor_relieve() of the new program */
inline become_new_program()
{
	end_standby();
	atomic { waking = false; stopping = false };
	make_standby();
	do
	:: atomic { state[server] == ZOMBIE -> reap(server); server = 0 }; break
	:: atomic { stopped[server] -> die(server) }	/* RELIEF_LIMIT_NS */
	:: alive(server) && !told[server] ->
#ifdef WITHOUT_REPEATING
		if :: !asked -> asked = true; told[server] = true :: else -> state[server] == ZOMBIE fi
#else
		told[server] = true
#endif
	od
}

active proctype supervisor()
{
#ifdef WITHOUT_WAITING_FOR_ITS_END
	byte die_later;
#endif
#ifdef WITHOUT_REPEATING
	bool asked;
#endif
	atomic { run child(1); run child(2); run child(3) };
	{	skip;
start:		start_server();
watch:		do
		/* ended() */
		:: atomic { server == 0 || state[server] == ZOMBIE ->
				if :: server != 0 -> reap(server) :: else fi;
				server = 0;
				waking = false };
			if
			:: stopping -> goto ends_too
			:: else -> goto start
			fi
		:: standby != 0 && (state[standby] == ZOMBIE || stopped[standby]) -> look_at_standby()
		:: standby == 0 && !stopping && served && room -> make_standby()
		:: waking && alive(server) -> look_after_waking()
		/* stop_serving() */
		:: atomic { term -> term = false; stopping = true };
			if
			:: alive(server) -> told[server] = true
			:: else
			fi;
			end_standby()
		:: atomic { hup && !stopping && room -> hup = false };
			become_new_program();
			goto start
		/* reap_lost() */
		:: atomic { state[1] == ZOMBIE && server != 1 && standby != 1 -> reap(1) }
		:: atomic { state[2] == ZOMBIE && server != 2 && standby != 2 -> reap(2) }
		:: atomic { state[3] == ZOMBIE && server != 3 && standby != 3 -> reap(3) }
#ifdef WITHOUT_WAITING_FOR_ITS_END
		:: die_later != 0 -> if :: alive(die_later) -> die(die_later) :: else fi; die_later = 0
#endif
		od;
ends_too:	end_standby();
		over = true
	} unless { orphaned };
end_sup:	false
}

/* --- what happens to it */

active proctype world()
{
	byte p;
end:	do
	:: atomic { ends > 0 -> ends--; term = true }
	:: atomic { programs > 0 -> programs--; hup = true }
	:: atomic { orphans > 0 && !over -> orphans--; orphaned = true;
			for (p : 1 .. 3) {
				if
				:: alive(p) && at_parents_death[p] == PARENT_KILL -> die(p)
				:: alive(p) && at_parents_death[p] == PARENT_TERM -> told[p] = true
				:: else
				fi
			};
			p = 0 }
	/* nothing more happens */
	:: atomic { deaths || stops || ends || programs || orphans ->
			deaths = 0; stops = 0; ends = 0; programs = 0; orphans = 0 }
	od
}

/* --- what has to hold when nothing more happens */

active proctype at_the_end()
{
	timeout ->
	if
	:: orphaned || over ->	/* one that is stopped as well ends when it goes on */
		assert(!(alive(1) && !stopped[1]) && !(alive(2) && !stopped[2]) && !(alive(3) && !stopped[3]))
	:: else -> assert(awake == 1 && state[server] == SERVES && standby != 0 && state[standby] == READY)
	fi
}
