/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flusher of legs under threads: callers ask for flushes of a few devices and give some of them up.
 * Each flush that was not given up ends once, with a flush of each leg behind it that had not begun when
 * it was asked for; no device is flushed twice at a time. At the end it is stopped under load.
 *
 * Not a Criterion test: see stress_inbox.c.
 */
#include "server/log/leg_flusher.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEVICES 12u
#define CALLERS 4u
#define RUN_MSEC 1200
#define LEGS 3u
#define STUCK_MSEC 20000

/* relaxed where it must give no order that the flusher does not give. */
static struct {
	_Atomic unsigned in_flight;
	_Atomic uint64_t begun;
	uint64_t ended; /* plain: the number of the last flush that has ended */
} devices[DEVICES];

/* What a caller knows of a flush of his. */
struct asked {
	struct leg_flush *flush;
	unsigned first;
	uint64_t begun[LEGS]; /* flushes of its devices when it was asked for */
	_Atomic bool ended;
};

struct caller {
	pthread_t thread;
	unsigned random;
	uint64_t ended, given_up, too_late;
};

static struct leg_flusher *flusher;
static _Atomic bool stop;

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "stress_leg_flusher: %s\n", what);
	abort();
}

static int flush_device(struct log_leg leg)
{
	unsigned device = leg.minor;
	uint64_t number;

	check(atomic_fetch_add_explicit(&devices[device].in_flight, 1, memory_order_relaxed) == 0,
	      "a device is flushed twice at a time");
	number = atomic_fetch_add_explicit(&devices[device].begun, 1, memory_order_relaxed) + 1;
	if (number % 4 == 0)
		usleep(number % 64 == 0 ? 3000 : 50);
	devices[device].ended = number;
	atomic_fetch_sub_explicit(&devices[device].in_flight, 1, memory_order_relaxed);
	return device == 0 ? -EIO : 0;
}

/* One leg of it may have ended long before: the numbers only grow. Under the flusher's lock. */
static void note_end(struct leg_flush *flush)
{
	struct asked *asked = (struct asked *)flush->log;

	for (unsigned i = 0; i < LEGS; i++) {
		unsigned device = asked->first + i;

		check(atomic_load_explicit(&devices[device].begun, memory_order_relaxed) >
			      asked->begun[i],
		      "ended without a flush of its own");
	}
	check((asked->first == 0) == (flush->error == -EIO), "a wrong error");
	check(!atomic_exchange_explicit(&asked->ended, true, memory_order_release), "ended twice");
}

static void ask(struct caller *caller, struct asked *asked)
{
	struct log_legs *legs = NULL;

	asked->first = (unsigned)rand_r(&caller->random) % (DEVICES - LEGS);
	atomic_store_explicit(&asked->ended, false, memory_order_relaxed);
	for (unsigned i = 0; i < LEGS; i++) {
		check(log_legs_add(&legs, 8, asked->first + i), "no memory");
		asked->begun[i] = atomic_load_explicit(&devices[asked->first + i].begun,
						       memory_order_relaxed);
	}
	asked->flush = leg_flush_make(legs);
	check(asked->flush, "no memory");
	asked->flush->log = (struct mirror_log *)asked; /* opaque to the flusher */
	asked->flush->done = note_end;
	free(legs);
	leg_flusher_submit(flusher, asked->flush);
}

static void wait_for_end(struct asked *asked)
{
	for (unsigned waited = 0; !atomic_load_explicit(&asked->ended, memory_order_acquire);
	     waited++) {
		check(waited < STUCK_MSEC * 10, "a flush never ends");
		usleep(100);
	}
}

static void one_round(struct caller *caller)
{
	struct asked asked[4];

	for (unsigned i = 0; i < 4; i++)
		ask(caller, &asked[i]);
	for (unsigned i = 0; i < 4; i++) {
		if (rand_r(&caller->random) % 3 == 0) {
			if (leg_flusher_abandon(flusher, asked[i].flush)) {
				caller->given_up++;
				continue;
			}
			caller->too_late++;
		}
		wait_for_end(&asked[i]);
		leg_flush_free(asked[i].flush);
		caller->ended++;
	}
}

static void *call(void *argument)
{
	while (!atomic_load(&stop))
		one_round(argument);
	return NULL;
}

static void stop_under_load(struct caller *caller)
{
	static struct asked asked[16];

	for (unsigned i = 0; i < 16; i++)
		ask(caller, &asked[i]);
	leg_flusher_stop(flusher);
}

int main(void)
{
	static struct caller callers[CALLERS];
	struct caller sum = {0};

	check(leg_flusher_start(&flusher, flush_device) == 0, "cannot start");
	for (unsigned i = 0; i < CALLERS; i++) {
		callers[i].random = i + 1;
		pthread_create(&callers[i].thread, NULL, call, &callers[i]);
	}
	usleep(RUN_MSEC * 1000);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < CALLERS; i++) {
		pthread_join(callers[i].thread, NULL);
		sum.ended += callers[i].ended;
		sum.given_up += callers[i].given_up;
		sum.too_late += callers[i].too_late;
	}
	stop_under_load(&callers[0]);
	printf("%llu flushes ended, %llu given up, %llu too late for that\n",
	       (unsigned long long)sum.ended, (unsigned long long)sum.given_up,
	       (unsigned long long)sum.too_late);
	check(sum.ended > 0 && sum.given_up > 0, "not both kinds of end");
	return 0;
}
