/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plays traffic against one server: keeps requests on their way, matches answers by seq, and
 * tells the wrong, the doubled and the lost. One thread.
 *
 * seq is a place in a table of requests on their way and the number of its use, so an answer that
 * comes twice finds its place free or used again. What else an answer repeats of its request is compared too, though
 * the kernel looks at seq alone: an answer that was made for another request shows in it.
 */
#ifndef PERF_GENERATOR_RUNNER_H
#define PERF_GENERATOR_RUNNER_H

#include "perf/generator/client.h"
#include "perf/generator/measure.h"
#include "perf/generator/traffic.h"

struct runner_slot {
	struct traffic_pending pending;
	int64_t sent_ns;
	uint64_t luid;
	char uuid[DM_UUID_LEN];
	uint32_t use; /* odd while on its way */
};

struct runner {
	const char *server; /* its name, for messages */
	struct client *client;
	struct measure *measure;
	int64_t lost_after_ns;
	/* Called when no answer came for a while: false ends the run (the server has died). May be
	 * NULL. */
	bool (*alive)(void *context);
	/* Called about every second. May be NULL. */
	void (*progress)(void *context, int64_t now_ns);
	/* Called after each look for answers, with how many came; not 0 ends the run. May be NULL. */
	int (*tick)(void *context, int64_t now_ns, int n);
	void *context;

	struct runner_slot *slots;
	uint32_t *free_slots;
	unsigned nslots; /* a power of two */
	unsigned nfree;
	unsigned in_flight;
	int64_t progress_ns, checked_ns;
	unsigned faults_said;
	bool failed; /* no further run makes sense */
};

/* Room for so many requests on their way. The fields above slots are the caller's. 0 or -ENOMEM. */
int runner_create(struct runner *runner, unsigned depth);
void runner_destroy(struct runner *runner);

struct runner_limits {
	unsigned depth; /* requests on their way, at most what runner_create was told */
	unsigned burst; /* not 0: so many at once, and then all the answers */
	uint64_t count; /* requests; UINT64_MAX: no limit */
	int64_t end_ns; /* CLOCK_MONOTONIC: none is sent from then on */
	const volatile int *interrupted; /* not 0: as at end_ns; may be NULL */
	int64_t record_ns; /* answers to requests from then on are measured; INT64_MAX: none */
};

/* Until a limit is reached, the traffic ends or something fails; then until all is answered.
 * 0, -ETIMEDOUT (lost answers), -EPIPE (the server is gone) or another -errno. */
int runner_run(struct runner *runner, struct traffic *traffic, const struct runner_limits *limits);

/* Answers that come when none is due are doubled ones: look for them for so long. */
void runner_listen(struct runner *runner, int64_t ns);

#endif
