/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many mirrors that take turns, as traffic for a runner. In a closed loop the next request goes out
 * when an answer has come; in an open one (a rate) it is due at its time, whatever has been
 * answered, and its latency counts from then. One thread.
 */
#ifndef PERF_GENERATOR_MIRROR_SET_H
#define PERF_GENERATOR_MIRROR_SET_H

#include "perf/generator/traffic.h"

struct mirror_set {
	struct traffic traffic; /* for the runner */
	struct mirror *mirrors;
	unsigned count;
	bool check; /* false: answers are the echo server's */
	void *memory; /* of the models */
	size_t memory_bytes;
	uint32_t *ready; /* a ring: mirrors without a request on its way */
	unsigned ready_first, ready_count;
	unsigned turn; /* of the mirrors that are no chains */
	bool has_beside, beside_runs, beside_waits; /* see mirror_set_put_beside */
	double interval_ns; /* between requests; 0: closed loop */
	int64_t pace_start_ns;
	uint64_t paced; /* requests since pace_start_ns */
};

/* Room for count mirrors of so many regions, their models in memory that is touched when used.
 * mirrors[] are the caller's to mirror_init with mirror_set_memory. 0 or -ENOMEM. */
int mirror_set_create(struct mirror_set *set, unsigned count, uint64_t regions, bool check);
void mirror_set_destroy(struct mirror_set *set);

/* The model's memory of mirror index. */
void *mirror_set_memory(const struct mirror_set *set, unsigned index);

/* In MIRROR_RUN the last of at least two mirrors, whose workload is no chain, takes no turn with
 * the others and no share of their rate: it has a request of its own on its way whenever it can. */
void mirror_set_put_beside(struct mirror_set *set);

/* Nothing is on its way. rate: requests a second, 0: as fast as answers come. */
void mirror_set_begin(struct mirror_set *set, enum mirror_script_phase phase, double rate,
		      int64_t now_ns);

/* The run goes on after a pause: the pace starts anew. */
void mirror_set_continue(struct mirror_set *set, int64_t now_ns);

/* Requests that were due at end_ns and were not sent; 0 in a closed loop. */
uint64_t mirror_set_unsent(const struct mirror_set *set, int64_t end_ns);

/* Regions marked so far. */
uint64_t mirror_set_marks(const struct mirror_set *set);

#endif
