/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of the directory's entries, with chains through it by luid and by device. A log is opened (mapped and
 * checked), then entered (known to the registry, and its worker's): with others of its device opened before it is
 * entered. Of what is opened a successor can do all again: nothing is told to the estate but the blocks that were
 * on their way, and those before their flight is forgotten. */
#include "server/work/backlog.h"

#include "server/base/check.h"
#include "server/base/diag.h"
#include "server/base/kill_point.h"
#include "server/log/opener.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS 16384u
#define STEP 16u /* logs: a fifth of a millisecond */
#define OPENING_MAX 32u /* devices of logs that nobody has asked for */

struct backlog_entry {
	uint64_t luid, device;
	uint32_t number; /* of the directory */
	uint32_t next_luid, next_device; /* as the heads */
	bool taken;
	struct mirror_log *log; /* opened, and not entered yet */
};

static uint32_t bucket(uint64_t key)
{
	return (uint32_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 50) % BUCKETS;
}

/* --- the list --- */

static void chain(struct backlog *backlog, uint32_t at)
{
	struct backlog_entry *entry = &backlog->entries[at];
	uint32_t *luid = &backlog->by_luid[bucket(entry->luid)];
	uint32_t *device = &backlog->by_device[bucket(entry->device)];

	entry->next_luid = *luid;
	*luid = at + 1;
	if (entry->device == 0)
		return;
	entry->next_device = *device;
	*device = at + 1;
}

static void list(struct backlog *backlog, uint32_t entries)
{
	for (uint32_t i = 0; i < entries; i++) {
		struct estate_entry *found = &backlog->estate->fixed->directory[i];

		if (atomic_load(&found->offset) == 0)
			continue;
		backlog->entries[backlog->count] = (struct backlog_entry){
			.luid = atomic_load(&found->luid),
			.device = atomic_load(&found->device),
			.number = i,
		};
		chain(backlog, backlog->count++);
	}
	backlog->left = backlog->count;
}

static int make_list(struct backlog *backlog)
{
	uint32_t entries = atomic_load(&backlog->estate->fixed->entries);

	if (entries > ESTATE_LOGS_MAX)
		entries = ESTATE_LOGS_MAX;
	backlog->entries = calloc(entries + 1, sizeof(*backlog->entries));
	backlog->by_luid = calloc(BUCKETS, sizeof(uint32_t));
	backlog->by_device = calloc(BUCKETS, sizeof(uint32_t));
	if (!backlog->entries || !backlog->by_luid || !backlog->by_device)
		return -ENOMEM;
	list(backlog, entries);
	return 0;
}

static void forget_list(struct backlog *backlog)
{
	free(backlog->entries);
	free(backlog->by_luid);
	free(backlog->by_device);
	backlog->entries = NULL;
	backlog->by_luid = backlog->by_device = NULL;
	backlog->left = 0;
}

/* --- one log --- */

/* Its CTR had not been carried out, and is in hand still. */
static bool half_made(const struct mirror_log *log)
{
	return log->life.former_state == LOG_CREATED && log->life.reconnects > 0 &&
	       !log->life.ever_resumed;
}

/* The request that it is asked for by is not to blame for what the record does. */
static struct mirror_log *open_record(struct estate *estate, struct log_record *record,
				      const char **why)
{
	struct estate_executor *executor = &estate->fixed->executors[ESTATE_RECEIVER];
	uint64_t executing = atomic_load(&executor->duty.executing);
	struct mirror_log *log;

	estate_works(executor);
	*why = "it has ended too many servers";
	if (atomic_load(&record->deaths) >= DEATHS_MAX)
		return NULL;
	atomic_store(&estate->fixed->taking_over, record->number + 1);
	atomic_store(&executor->duty.executing, 0);
	kill_point("take-over");
	log = mirror_log_take_over(estate, record, why);
	atomic_store(&executor->duty.executing, executing);
	atomic_store(&estate->fixed->taking_over, 0);
	return log;
}

static void give_up(const struct log_record *record, const char *why)
{
	diag_error("log %s is not taken over: %s; the kernel has to make it again", record->uuid,
		   why);
}

static struct mirror_log *open_log(struct backlog *backlog, uint32_t number)
{
	struct log_record *record = estate_open(backlog->estate, number, &backlog->damaged);
	struct mirror_log *log;
	const char *why;

	if (!record)
		return NULL;
	log = open_record(backlog->estate, record, &why);
	if (!log) {
		give_up(record, why);
		estate_free(backlog->estate, record);
		return NULL;
	}
	if (!half_made(log))
		return log;
	estate_drop(record);
	mirror_log_put(log);
	return NULL;
}

static void open_once(struct backlog *backlog, struct backlog_entry *entry)
{
	if (entry->taken)
		return;
	entry->taken = true;
	backlog->left--;
	entry->log = open_log(backlog, entry->number);
}

static void enter(struct backlog *backlog, struct backlog_entry *entry)
{
	struct mirror_log *log = entry->log;

	if (!log)
		return;
	entry->log = NULL;
	backlog->taken++;
	log->run_queue = &worker_for(backlog->workers, backlog->nworkers, log->uuid)->queue;
	registry_add(backlog->registry, log);
	log->registry.take_over_mail.kind = MAIL_TAKE_OVER;
	mirror_log_post(log, &log->registry.take_over_mail);
}

static void for_device(struct backlog *backlog, uint64_t device,
		       void (*what)(struct backlog *, struct backlog_entry *))
{
	for (uint32_t at = backlog->by_device[bucket(device)]; at;
	     at = backlog->entries[at - 1].next_device)
		if (backlog->entries[at - 1].device == device)
			what(backlog, &backlog->entries[at - 1]);
}

static void find_writer(struct backlog *backlog, struct backlog_entry *entry)
{
	const struct mirror_log *log = entry->log;

	if (!log || log->life.writer_wrote <= backlog->writer_wrote)
		return;
	backlog->writer_id = log->life.writer_id;
	backlog->writer_wrote = log->life.writer_wrote;
}

static void tell_writer(struct backlog *backlog, struct backlog_entry *entry)
{
	if (!entry->log || backlog->writer_wrote == 0)
		return;
	entry->log->life.writer_id = backlog->writer_id;
	entry->log->life.writer_wrote = backlog->writer_wrote;
}

/* Their workers, of which each may be another, need not wait for one another to know who wrote last. */
static void take_up(struct backlog *backlog, struct backlog_entry *entry)
{
	open_once(backlog, entry);
	if (entry->device == 0) {
		enter(backlog, entry);
		return;
	}
	backlog->writer_wrote = 0;
	for_device(backlog, entry->device, open_once);
	for_device(backlog, entry->device, find_writer);
	for_device(backlog, entry->device, tell_writer);
	for_device(backlog, entry->device, enter);
}

/* The last one is taken up. */
static void look_for_end(struct backlog *backlog)
{
	if (backlog->left > 0 || !backlog->entries)
		return;
	if (backlog->damaged)
		diag_error("%u logs are not taken over, their records are damaged, or cannot be "
			   "mapped: the kernel has to make them again",
			   backlog->damaged);
	forget_list(backlog);
	registry_is_whole(backlog->registry);
	if (backlog->done)
		backlog->done(backlog);
}

/* --- blocks that were on their way --- */

static int by_number(const void *key, const void *entry)
{
	uint64_t wanted = *(const uint64_t *)key;
	uint64_t number = ((const struct backlog_entry *)entry)->number;

	return wanted < number ? -1 : wanted > number;
}

static struct backlog_entry *entry_of(struct backlog *backlog, uint64_t number)
{
	return bsearch(&number, backlog->entries, backlog->count, sizeof(*backlog->entries),
		       by_number);
}

/* They may never have arrived. */
static void take_flight(struct backlog *backlog, struct flight *flight)
{
	struct backlog_entry *entry = entry_of(backlog, flight->log - 1);
	struct mirror_log *log;

	if (entry)
		open_once(backlog, entry);
	log = entry ? entry->log : NULL;
	if (log && log->args.disk && flight->first < log->dirty.changed.nbits &&
	    flight->count <= log->dirty.changed.nbits - flight->first)
		dirty_log_restore_changed(&log->dirty, flight->first, flight->count);
	flight->log = 0;
}

/* All, before any log is entered and its worker writes. */
static void take_flights(struct backlog *backlog)
{
	for (unsigned i = 0; i < ESTATE_EXECUTORS * ESTATE_FLIGHTS; i++) {
		struct estate_executor *executor =
			&backlog->estate->fixed->executors[i / ESTATE_FLIGHTS];
		struct flight *flight = &executor->flights[i % ESTATE_FLIGHTS];

		if (flight->log != 0)
			take_flight(backlog, flight);
	}
	for (uint32_t i = 0; i < backlog->count; i++)
		if (backlog->entries[i].log)
			take_up(backlog, &backlog->entries[i]);
}

/* --- all of them --- */

int backlog_open(struct backlog *backlog)
{
	int r = make_list(backlog);

	if (r < 0) {
		forget_list(backlog);
		return r;
	}
	registry_fills(backlog->registry);
	take_flights(backlog);
	look_for_end(backlog);
	estate_waits(&backlog->estate->fixed->executors[ESTATE_RECEIVER]);
	return 0;
}

void backlog_close(struct backlog *backlog)
{
	forget_list(backlog);
}

/* If its key does not lead to it, it is perhaps the key that is damaged. */
void backlog_take(struct backlog *backlog, uint64_t luid)
{
	bool any = false;

	if (backlog_empty(backlog))
		return;
	for (uint32_t at = backlog->by_luid[bucket(luid)]; at;
	     at = backlog->entries[at - 1].next_luid) {
		struct backlog_entry *entry = &backlog->entries[at - 1];

		if (entry->luid != luid || entry->taken)
			continue;
		take_up(backlog, entry);
		any = true;
	}
	look_for_end(backlog);
	if (!any)
		backlog_take_all(backlog);
}

static void take_up_some_logs(struct backlog *backlog, uint32_t most)
{
	for (; most > 0 && backlog->left > 0; backlog->at++) {
		struct backlog_entry *entry = &backlog->entries[backlog->at];

		CHECK(backlog->at < backlog->count);
		if (entry->taken)
			continue;
		take_up(backlog, entry);
		most--;
	}
	look_for_end(backlog);
}

void backlog_take_all(struct backlog *backlog)
{
	take_up_some_logs(backlog, UINT32_MAX);
}

bool backlog_step(struct backlog *backlog)
{
	if (backlog_empty(backlog) || opener_queued() > OPENING_MAX)
		return false;
	take_up_some_logs(backlog, STEP);
	return true;
}
