/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where requests come from: scripts (mirror_set.h) or a recording (replay.h). One thread. */
#ifndef PERF_GENERATOR_TRAFFIC_H
#define PERF_GENERATOR_TRAFFIC_H

#include "perf/generator/mirror_script.h"

/* luids of our logs: no kernel has an address like these, so none is a mirror's. */
#define TRAFFIC_FIRST_LUID UINT64_C(0x10AD000000000000)
#define TRAFFIC_LUID_STEP 512u

enum traffic_state {
	TRAFFIC_REQUEST, /* here is one */
	TRAFFIC_LATER, /* none now */
	TRAFFIC_END, /* none any more */
};

/* A request on its way. */
struct traffic_pending {
	int64_t start_ns; /* when it was sent or, in an open loop, was to be sent */
	struct mirror_expected expected;
	uint32_t mirror;
};

struct traffic {
	/* Fill in uuid, luid, type, payload and data_size, and pending. TRAFFIC_LATER: *due_ns is
	 * when the next one is due, INT64_MAX if an answer must come first. */
	enum traffic_state (*next)(struct traffic *traffic, int64_t now_ns,
				   struct wire_message *message, struct traffic_pending *pending,
				   int64_t *due_ns);
	/* The answer to it. False with fault filled in: it is wrong. */
	bool (*answered)(struct traffic *traffic, const struct traffic_pending *pending,
			 const struct wire_message *reply, size_t length, char *fault,
			 size_t fault_bytes);
	/* The uuid of its log, for messages. */
	const char *(*name)(const struct traffic *traffic, const struct traffic_pending *pending);
};

#endif
