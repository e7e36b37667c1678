/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor: a process that does nothing but hold what outlives the server (the netlink socket,
 * the estate, the control sockets, the place of the one daemon), and start it again when it dies, or hangs (watchdog.h).
 *
 * While a server serves another one stands by (standby.h), and goes on as soon as the first has ended; one that does
 * not wake within two seconds is killed, and a fork takes its place.
 *
 * The server is a fork, not an exec: a program file that lies on a mirror which waits for us could not
 * be read. For a new program the supervisor execs itself, while the old server still serves.
 *
 *   SIGTERM, SIGINT   passed on; ends with the server; or, if that was asked to stay, without it
 *   SIGHUP            goes on as the program that is installed now, if a trial of it ends well within
 *                     10 s; the old server hands over to a new
 *   SIGRTMIN          if supervisor_ask_relief has sent it: the server hands over, and both end
 *   SIGCHLD           the server is started again, at once; after deaths that it has caused itself and
 *                     that come fast, later and later
 *   others            nothing, but SIGKILL and what a fault raises
 *
 * One thread. supervisor_run allocates nothing and opens no file, but for SIGHUP.
 */
#ifndef SERVER_RESTART_SUPERVISOR_H
#define SERVER_RESTART_SUPERVISOR_H

#include <stdbool.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/restart/standby.h"
#include "server/restart/watchdog.h"

/* The server's exit status when it has handed over: all in hand is answered, a successor may come. */
#define SUPERVISOR_HANDED_OVER 3

struct supervisor {
	int netlink_fd, estate_fd;
	int control_fds[2]; /* control_socket.h: the name's and the file's */
	int place_fd; /* place.h; -1: none, also of a predecessor that knew of no such thing */
	pid_t process; /* this one */
	pid_t server; /* 0: none runs */
	struct standby standby;
	int gate; /* in a standby's process: it waits there; -1: it need not */
	int64_t wakes_until_ns; /* a standby has been let go, and has to wake until then; 0: none */
	uint32_t generation_before;
	uint32_t served_before; /* of *served, when the server was started */
	bool stopping; /* told to end */
	_Atomic int64_t *stays_until_ns; /* estate.h */
	bool leaves; /* it ends, and the server stays */
	int stop_signal; /* what the server is told then */
	int64_t forks_until_ns; /* then one that cannot be started is no longer waited for. 0: no limit yet */
	bool relieved; /* and another starts the next server */
	pid_t trial; /* of a program that may take our place. 0: none */
	int64_t trial_end_ns; /* INT64_MAX: it has been killed, and may be slow to go */
	bool again; /* SIGHUP has come during the trial */
	char **argv;
	const _Atomic uint32_t *served; /* how many servers have become ready */
	const _Atomic uint32_t *generation; /* how many have begun */
	struct estate_stall *stall; /* what a stall consists of */
	struct watchdog watchdog; /* open */
	_Atomic uint32_t *crashed; /* set: whether the last one has ended by its own fault */
	/* The fork of the server runs it and returns its exit status. */
	int (*run_server)(void *context);
	void *context;
	char program[4096]; /* to exec on SIGHUP */
	char inherited[96]; /* for the program after us */
	/* Made before anything needs them: */
	char **environment;
	char **inheritance; /* in the environment: NULL, or inherited */
	char **trial_argv;
};

/* True if a supervisor that has exec'd us left fds and a server. The fds are close-on-exec again. */
bool supervisor_inherits(struct supervisor *supervisor);

/* Block signals, for the server too; remember the program, its arguments and the environment. To be called
 * before any thread is started. 0 or -errno. */
int supervisor_prepare(struct supervisor *supervisor, char **argv);

/* Have one stand by already, before the server of another program is relieved; wait until it is ready, for some seconds
 * at most. */
void supervisor_stand_by(struct supervisor *supervisor);

/* In the server's process, when it is ready: it may go on. False: it shall end, since nobody would start another. */
bool supervisor_await_turn(struct supervisor *supervisor);

/* Whether it has been let go before it was ready. */
bool supervisor_turn_has_come(const struct supervisor *supervisor);

/* Ask the server that runs to hand over (or, if its estate is of no use to us, to end as for good), and
 * wait for it. */
void supervisor_relieve(struct supervisor *supervisor, bool hand_over);

/* Ask another supervisor, by its pidfd, to have its server hand over and end, since we go on. 0 or -errno. */
int supervisor_ask_relief(int supervisor_fd);

/* Start servers until one ends of itself. Returns the exit status. In the server's process: what
 * serve has returned. */
int supervisor_run(struct supervisor *supervisor);

#endif
