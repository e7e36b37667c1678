/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The logs of this host, found by (uuid, luid).
 *
 * The receiver alone looks up, adds and removes; it takes the lock for changes only. Control reads
 * under the lock. The registry holds one reference on each log.
 */
#ifndef SERVER_LOG_REGISTRY_H
#define SERVER_LOG_REGISTRY_H

#include "server/log/log.h"

#define REGISTRY_BUCKETS 16384u
#define REGISTRY_WHOLE_LIMIT_NS (1500 * NSEC_PER_MSEC) /* less than dirtylogctl waits */

struct registry {
	struct mirror_log **by_luid;
	struct mirror_log **by_uuid;
	unsigned count;
	pthread_mutex_t lock;
	pthread_cond_t became_whole;
	bool fills; /* under the lock: a predecessor's logs are still to come */
	struct mailbox graveyard; /* dead logs, left by the workers */
};

int registry_create(struct registry *registry);

/* Drops every log that is left. */
void registry_destroy(struct registry *registry);

/* NULL when there is none. */
struct mirror_log *registry_find(const struct registry *registry, uint64_t luid, const char *uuid);

/* A log of this luid with another uuid: the kernel has freed it, since luid is its address. */
struct mirror_log *registry_find_stale(const struct registry *registry, uint64_t luid,
				       const char *uuid);

/* A log that the kernel has dropped without a word, since its table could not be loaded: of many of a
 * uuid that were never resumed the oldest, if it has had its time. (A table can have many mirrors whose
 * logs have one uuid, as pvmove's have, and a table can wait long to be resumed; to take such a log for an
 * orphan costs its mirror two seconds, to keep an orphan costs its memory.) NULL: none. */
struct mirror_log *registry_find_orphan(const struct registry *registry, const char *uuid,
					int64_t now_ns);

/* Whether the mirror that a log of this uuid is made for is paused: its table is loaded anew. */
bool registry_is_paused(const struct registry *registry, const char *uuid);

void registry_add(struct registry *registry, struct mirror_log *log);

/* Take out without dropping the reference. False: it was not in. */
bool registry_remove(struct registry *registry, struct mirror_log *log);

/* Take out and drop what the workers have buried. */
void registry_sweep(struct registry *registry);

/* A predecessor's logs come from now on; all are there. What other threads ask waits for that, for REGISTRY_WHOLE_LIMIT_NS at
 * most. */
void registry_fills(struct registry *registry);
void registry_is_whole(struct registry *registry);

/* How many there are. Any thread. */
unsigned registry_count(struct registry *registry);

/* The log with a reference, or NULL. Any thread. */
struct mirror_log *registry_get(struct registry *registry, uint64_t luid, const char *uuid);

/* Call visit for each log that is there all the time, with a reference and without the lock, which is held for
 * moments only. One that there is no memory for is left out. Any thread. */
void registry_visit(struct registry *registry, void (*visit)(const struct mirror_log *, void *),
		    void *context);

#endif
