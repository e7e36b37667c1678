/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two hash tables of fixed size over the same logs, by luid for requests and by uuid for orphans. The
 * receiver reads without the lock, since it alone writes; what it changes, it changes under the lock, for
 * control. */
#include "server/log/registry.h"

#include "server/base/clock.h"
#include "server/base/container_of.h"
#include "server/base/fnv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEVER_RESUMED_MAX 16u
#define VISIT_BUCKETS 64u /* under the lock, which the receiver waits for */
#define ORPHAN_AGE_NS (900 * NSEC_PER_SEC)

_Static_assert(REGISTRY_BUCKETS % VISIT_BUCKETS == 0, "all are visited");

static unsigned luid_bucket(uint64_t luid)
{
	/* Kernel addresses: the low bits say nothing (Fibonacci hashing). */
	return (unsigned)((luid * UINT64_C(0x9E3779B97F4A7C15)) >> 50) % REGISTRY_BUCKETS;
}

static unsigned uuid_bucket(const char *uuid)
{
	return (unsigned)(fnv1a(uuid, strlen(uuid)) % REGISTRY_BUCKETS);
}

int registry_create(struct registry *registry)
{
	pthread_condattr_t monotonic;

	memset(registry, 0, sizeof(*registry));
	pthread_mutex_init(&registry->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&registry->became_whole, &monotonic);
	pthread_condattr_destroy(&monotonic);
	registry->by_luid = calloc(REGISTRY_BUCKETS, sizeof(*registry->by_luid));
	registry->by_uuid = calloc(REGISTRY_BUCKETS, sizeof(*registry->by_uuid));
	if (registry->by_luid && registry->by_uuid)
		return 0;
	free(registry->by_luid);
	free(registry->by_uuid);
	return -ENOMEM;
}

void registry_destroy(struct registry *registry)
{
	registry_sweep(registry);
	for (unsigned i = 0; i < REGISTRY_BUCKETS; i++) {
		struct mirror_log *log;

		while ((log = registry->by_luid[i])) {
			registry->by_luid[i] = log->registry.luid_next;
			mirror_log_put(log);
		}
	}
	free(registry->by_luid);
	free(registry->by_uuid);
}

struct mirror_log *registry_find(const struct registry *registry, uint64_t luid, const char *uuid)
{
	struct mirror_log *log = registry->by_luid[luid_bucket(luid)];

	while (log && (log->luid != luid || strcmp(log->uuid, uuid) != 0))
		log = log->registry.luid_next;
	return log;
}

struct mirror_log *registry_find_stale(const struct registry *registry, uint64_t luid,
				       const char *uuid)
{
	struct mirror_log *log = registry->by_luid[luid_bucket(luid)];

	while (log && (log->luid != luid || strcmp(log->uuid, uuid) == 0))
		log = log->registry.luid_next;
	return log;
}

struct mirror_log *registry_find_orphan(const struct registry *registry, const char *uuid,
					int64_t now_ns)
{
	struct mirror_log *oldest = NULL;
	unsigned count = 0;

	for (struct mirror_log *log = registry->by_uuid[uuid_bucket(uuid)]; log;
	     log = log->registry.uuid_next) {
		if (strcmp(log->uuid, uuid) != 0 || mirror_log_state(log) != LOG_CREATED)
			continue;
		count++;
		if (!oldest || log->id < oldest->id)
			oldest = log;
	}
	if (count <= NEVER_RESUMED_MAX || now_ns - oldest->made_ns < ORPHAN_AGE_NS)
		return NULL;
	return oldest;
}

bool registry_is_paused(const struct registry *registry, const char *uuid)
{
	for (const struct mirror_log *log = registry->by_uuid[uuid_bucket(uuid)]; log;
	     log = log->registry.uuid_next)
		if (strcmp(log->uuid, uuid) == 0 && mirror_log_state(log) != LOG_DEAD &&
		    atomic_load_explicit(&log->pace.paused, memory_order_relaxed))
			return true;
	return false;
}

void registry_add(struct registry *registry, struct mirror_log *log)
{
	struct mirror_log **luid_at = &registry->by_luid[luid_bucket(log->luid)];
	struct mirror_log **uuid_at = &registry->by_uuid[uuid_bucket(log->uuid)];
	pthread_mutex_lock(&registry->lock);
	log->registry.luid_next = *luid_at;
	*luid_at = log;
	log->registry.uuid_next = *uuid_at;
	*uuid_at = log;
	registry->count++;
	pthread_mutex_unlock(&registry->lock);
}

static bool unlink_luid(struct registry *registry, struct mirror_log *log)
{
	struct mirror_log **at = &registry->by_luid[luid_bucket(log->luid)];

	while (*at && *at != log)
		at = &(*at)->registry.luid_next;
	if (!*at)
		return false;
	*at = log->registry.luid_next;
	return true;
}

static void unlink_uuid(struct registry *registry, struct mirror_log *log)
{
	struct mirror_log **at = &registry->by_uuid[uuid_bucket(log->uuid)];

	while (*at && *at != log)
		at = &(*at)->registry.uuid_next;
	if (*at)
		*at = log->registry.uuid_next;
}

bool registry_remove(struct registry *registry, struct mirror_log *log)
{
	bool was_in;

	pthread_mutex_lock(&registry->lock);
	was_in = unlink_luid(registry, log);
	if (was_in) {
		unlink_uuid(registry, log);
		registry->count--;
	}
	pthread_mutex_unlock(&registry->lock);
	return was_in;
}

void registry_sweep(struct registry *registry)
{
	struct mail *mail;

	if (mailbox_empty(&registry->graveyard))
		return;
	mail = mailbox_take(&registry->graveyard);
	while (mail) {
		struct mirror_log *log = container_of(mail, struct mirror_log, registry.grave_link);

		mail = mail->next;
		registry_remove(registry, log);
		mirror_log_put(log);
	}
}

void registry_fills(struct registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	registry->fills = true;
	pthread_mutex_unlock(&registry->lock);
}

void registry_is_whole(struct registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	registry->fills = false;
	pthread_cond_broadcast(&registry->became_whole);
	pthread_mutex_unlock(&registry->lock);
}

/* The receiver fills it, and does not wait for us. */
static void lock_whole(struct registry *registry)
{
	int64_t until_ns = clock_now() + REGISTRY_WHOLE_LIMIT_NS;
	struct timespec until = {.tv_sec = until_ns / NSEC_PER_SEC,
				 .tv_nsec = until_ns % NSEC_PER_SEC};
	int r = 0;

	pthread_mutex_lock(&registry->lock);
	while (r == 0 && registry->fills)
		r = pthread_cond_timedwait(&registry->became_whole, &registry->lock, &until);
	registry->fills = false; /* it may be long: who asks next is told what there is */
}

unsigned registry_count(struct registry *registry)
{
	unsigned count;

	lock_whole(registry);
	count = registry->count;
	pthread_mutex_unlock(&registry->lock);
	return count;
}

struct mirror_log *registry_get(struct registry *registry, uint64_t luid, const char *uuid)
{
	struct mirror_log *log;

	lock_whole(registry);
	log = registry_find(registry, luid, uuid);
	if (log)
		mirror_log_get(log);
	pthread_mutex_unlock(&registry->lock);
	return log;
}

struct crowd {
	struct mirror_log **logs;
	unsigned count, room;
};

static void join(struct crowd *crowd, struct mirror_log *log)
{
	if (crowd->count == crowd->room) {
		unsigned room = crowd->room ? 2 * crowd->room : 64;
		struct mirror_log **grown =
			realloc(crowd->logs, room * sizeof(struct mirror_log *));

		if (!grown)
			return;
		crowd->logs = grown;
		crowd->room = room;
	}
	mirror_log_get(log);
	crowd->logs[crowd->count++] = log;
}

static void gather(struct registry *registry, unsigned first, struct crowd *crowd)
{
	crowd->count = 0;
	pthread_mutex_lock(&registry->lock);
	for (unsigned i = first; i < first + VISIT_BUCKETS; i++)
		for (struct mirror_log *log = registry->by_luid[i]; log;
		     log = log->registry.luid_next)
			join(crowd, log);
	pthread_mutex_unlock(&registry->lock);
}

void registry_visit(struct registry *registry, void (*visit)(const struct mirror_log *, void *),
		    void *context)
{
	struct crowd crowd = {0};

	lock_whole(registry);
	pthread_mutex_unlock(&registry->lock);
	for (unsigned first = 0; first < REGISTRY_BUCKETS; first += VISIT_BUCKETS) {
		gather(registry, first, &crowd);
		for (unsigned i = 0; i < crowd.count; i++) {
			visit(crowd.logs[i], context);
			mirror_log_put(crowd.logs[i]);
		}
	}
	free(crowd.logs);
}
