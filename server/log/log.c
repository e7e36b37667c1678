/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One log at run time: what a successor finds of it, its states, its references, and its way to the
 * worker. */
#include "server/log/log.h"

#include "iouring/device_thread.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/kill_point.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_EVER_RESUMED 0x10u
#define STATUS_FAILED 0x20u
#define STATUS_UNUSABLE 0x40u
#define STATUS_SYNC_COUNT 0x80u
#define STATUS_RESYNC_WORK 0x100u
#define STATUS_NUDGED 0x200u
#define STATUS_SPOILT 0x400u
#define STATUS_FLUSHING_LEGS 0x800u
#define STATUS_PAUSED 0x1000u
#define STATUS_OWED 0x2000u
#define STATUS_HEALS 0x4000u
#define STATUS_SECOND_LOOK 0x8000u
#define STATUS_PRESUSPENDED 0x10000u
#define STATUS_RECONNECTS_SHIFT 17
#define STATUS_RECONNECTS_MAX 0x7fffu

static struct mirror_log *allocate(struct estate *estate, const char *uuid, uint64_t luid,
				   const char *text, size_t length)
{
	size_t bytes = (sizeof(struct mirror_log) + 63) & ~(size_t)63;
	struct mirror_log *log = aligned_alloc(64, bytes);

	if (!log)
		return NULL;
	memset(log, 0, sizeof(*log));
	atomic_init(&log->refs, 1);
	atomic_init(&log->state, LOG_OPENING);
	log->estate = estate;
	log->made_ns = clock_coarse();
	log->luid = luid;
	memcpy(log->ctr_text, text, length);
	strncpy(log->uuid, uuid, DM_UUID_LEN - 1);
	return log;
}

struct mirror_log *mirror_log_create(struct estate *estate, const char *uuid, uint64_t luid,
				     const char *text, size_t length, const struct ctr_args *args)
{
	struct mirror_log *log = allocate(estate, uuid, luid, text, length);

	if (!log)
		return NULL;
	log->id = atomic_fetch_add(&estate->fixed->last_id, 1) + 1;
	log->args = *args;
	return log;
}

static struct dirty_log_config config_of(const struct mirror_log *log, uint32_t block_bytes)
{
	return (struct dirty_log_config){
		.region_count = log->args.region_count,
		.block_bytes = block_bytes,
		.persistent = log->args.disk,
		.sync = log->args.sync,
		.region_size = log->args.region_size,
	};
}

static struct dirty_log_config own_config(const struct mirror_log *log)
{
	return config_of(log, log->device ? log->device->block_bytes : 0);
}

size_t mirror_log_bits_bytes(const struct mirror_log *log)
{
	struct dirty_log_config config;

	if (log->record)
		return log->record->memory_bytes;
	config = own_config(log);
	return dirty_log_bytes(&config);
}

int mirror_log_make_bits(struct mirror_log *log)
{
	struct dirty_log_config config = own_config(log);
	size_t bytes = dirty_log_bytes(&config);
	struct log_record *record;

	CHECK(!log->record);
	if (bytes == 0)
		return -EFBIG;
	record = estate_add(log->estate, bytes);
	if (!record)
		return -ENOMEM;
	kill_point("ctr-half");
	record->luid = log->luid;
	record->id = log->id;
	record->block_bytes = config.block_bytes;
	record->major = log->device ? log->device->major : 0;
	record->minor = log->device ? log->device->minor : 0;
	record->diskseq = log->device ? log->device->diskseq : 0;
	record->no_legs = log->no_legs;
	memcpy(record->uuid, log->uuid, sizeof(record->uuid));
	memcpy(record->ctr_text, log->ctr_text, sizeof(record->ctr_text));
	dirty_log_init(&log->dirty, log_record_memory(record), &config);
	CHECK(atomic_load(&record->status) == 0); /* it does not count yet */
	estate_publish(log->estate, record);
	log->record = record;
	return 0;
}

bool mirror_log_is_told(const struct mirror_log *log)
{
	enum log_state state = mirror_log_state(log);

	return state == LOG_OPENING ? log->life.former_state != LOG_OPENING : state < LOG_CLOSING;
}

bool mirror_log_device(const struct mirror_log *log, uint32_t *major, uint32_t *minor)
{
	bool opens = mirror_log_state(log) == LOG_OPENING;

	/* What is being opened for it is the worker's. */
	if (opens ? !log->args.disk : !log->device)
		return false;
	*major = opens ? log->record->major : log->device->major;
	*minor = opens ? log->record->minor : log->device->minor;
	return true;
}

static uint64_t with_check(uint32_t status)
{
	return status | (uint64_t)~status << 32;
}

static uint32_t bit_if(bool set, uint32_t bit)
{
	return set ? bit : 0;
}

static uint32_t status_of(struct mirror_log *log)
{
	enum log_health health = mirror_log_health(log);
	uint32_t status = (uint32_t)mirror_log_state(log);

	status |= bit_if(log->life.ever_resumed, STATUS_EVER_RESUMED);
	status |= bit_if(log->life.nudged, STATUS_NUDGED);
	status |= bit_if(health != LOG_SOUND, STATUS_FAILED);
	status |= bit_if(health == LOG_UNUSABLE, STATUS_UNUSABLE);
	status |= bit_if(log->clears.phase == CLEARS_SPOILT, STATUS_SPOILT);
	status |= bit_if(log->clears.phase == CLEARS_FLUSHING_LEGS || log->clears.interrupted,
			 STATUS_FLUSHING_LEGS);
	status |= bit_if(atomic_load(&log->answered.sync_count), STATUS_SYNC_COUNT);
	status |= bit_if(atomic_load(&log->answered.resync_work), STATUS_RESYNC_WORK);
	status |= bit_if(atomic_load(&log->pace.paused), STATUS_PAUSED);
	status |= bit_if(log->pace.owed, STATUS_OWED);
	status |= bit_if(log->clears.heals, STATUS_HEALS);
	status |= bit_if(log->second_look.wanted, STATUS_SECOND_LOOK);
	status |= bit_if(log->life.presuspended_ns != 0, STATUS_PRESUSPENDED);
	return status | (log->life.reconnects & STATUS_RECONNECTS_MAX) << STATUS_RECONNECTS_SHIFT;
}

static enum estate_standing standing_of(const struct mirror_log *log)
{
	if (!mirror_log_is_open(log))
		return ESTATE_UNCOUNTED;
	if (mirror_log_health(log) != LOG_SOUND)
		return ESTATE_FAILED;
	if (mirror_log_state(log) == LOG_ACTIVE &&
	    dirty_log_sync_count(&log->dirty) < log->args.region_count)
		return ESTATE_RESYNCING;
	return ESTATE_SOUND;
}

void mirror_log_count_standing(struct mirror_log *log)
{
	_Atomic uint32_t *standings = log->estate->fixed->standings;
	enum estate_standing now = standing_of(log);

	if (now == log->standing)
		return;
	atomic_fetch_sub_explicit(&standings[log->standing], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&standings[now], 1, memory_order_relaxed);
	log->standing = now;
}

void mirror_log_record_status(struct mirror_log *log)
{
	mirror_log_count_standing(log);
	/* A log that is closing is what it was, until it is gone. */
	if (!log->record || !mirror_log_is_open(log))
		return;
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&log->record->status, with_check(status_of(log)),
			      memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

void mirror_log_record_failure(struct mirror_log *log)
{
	uint64_t recorded;

	if (!log->record)
		return;
	recorded = atomic_load_explicit(&log->record->status, memory_order_relaxed);
	atomic_store_explicit(&log->record->status, with_check((uint32_t)recorded | STATUS_FAILED),
			      memory_order_relaxed);
}

bool mirror_log_is_spoilt(const struct mirror_log *log)
{
	return log->record &&
	       atomic_load_explicit(&log->record->status, memory_order_relaxed) & STATUS_SPOILT;
}

bool mirror_log_heals(const struct mirror_log *log)
{
	return log->record &&
	       atomic_load_explicit(&log->record->status, memory_order_relaxed) & STATUS_HEALS;
}

static bool take_status(struct mirror_log *log, uint64_t recorded)
{
	uint32_t status = (uint32_t)recorded;
	unsigned state = status & 0xf;

	if (recorded != with_check(status) || state < LOG_CREATED || state > LOG_SUSPENDED)
		return false;
	log->life.ever_resumed = status & STATUS_EVER_RESUMED;
	log->life.nudged = status & STATUS_NUDGED;
	log->life.reconnects = status >> STATUS_RECONNECTS_SHIFT;
	log->life.former_state = (enum log_state)state;
	mirror_log_set_health(log, status & STATUS_UNUSABLE ? LOG_UNUSABLE
				   : status & STATUS_FAILED ? LOG_FAILED
							    : LOG_SOUND);
	log->clears.interrupted = status & STATUS_FLUSHING_LEGS;
	if (status & (STATUS_SPOILT | STATUS_FLUSHING_LEGS))
		log->clears.phase = CLEARS_SPOILT;
	atomic_store(&log->answered.sync_count, (status & STATUS_SYNC_COUNT) != 0);
	atomic_store(&log->answered.resync_work, (status & STATUS_RESYNC_WORK) != 0);
	atomic_store(&log->pace.paused, (status & STATUS_PAUSED) != 0);
	log->pace.owed = status & STATUS_OWED;
	log->clears.heals = status & STATUS_HEALS;
	log->second_look.wanted = status & STATUS_SECOND_LOOK;
	log->life.presuspended_ns = status & STATUS_PRESUSPENDED ? clock_coarse() : 0;
	return true;
}

/* Returns what is wrong, or NULL. */
static const char *take_record(struct mirror_log *log, struct log_record *record)
{
	struct dirty_log_config config;
	const char *why;

	if (ctr_args_parse(log->ctr_text, strlen(log->ctr_text), &log->args, &why) < 0)
		return why;
	if (log->args.disk != (record->block_bytes != 0))
		return "its type is not its device's";
	if (!take_status(log, atomic_load(&record->status)))
		return "its status is damaged";
	config = config_of(log, record->block_bytes);
	if (dirty_log_bytes(&config) != record->memory_bytes)
		return "its bits have another size";
	dirty_log_lay_over(&log->dirty, log_record_memory(record), &config);
	log->life.unsettled = true;
	return NULL;
}

int mirror_log_settle(struct mirror_log *log)
{
	if (!log->life.unsettled)
		return 0;
	log->life.unsettled = false;
	return dirty_log_settle(&log->dirty) ? 0 : -EUCLEAN;
}

struct mirror_log *mirror_log_take_over(struct estate *estate, struct log_record *record,
					const char **why)
{
	struct mirror_log *log = allocate(estate, record->uuid, record->luid, record->ctr_text,
					  strlen(record->ctr_text));

	*why = "no memory";
	if (!log)
		return NULL;
	log->id = record->id;
	log->no_legs = record->no_legs;
	*why = take_record(log, record);
	if (*why) {
		free(log);
		return NULL;
	}
	log->record = record;
	log->life.writer_id = log->id;
	log->life.writer_wrote = atomic_load(&record->wrote);
	return log;
}

struct slot *mirror_log_waiter(const struct mirror_log *log)
{
	if (log->life.opening != OPENING_NOTHING)
		return log->life.asks;
	if (log->image_read.phase != IMAGE_NOT_READING)
		return log->image_read.slot;
	if (log->commit.running.first)
		return log->commit.running.first;
	if (log->commit.waiters.first)
		return log->commit.waiters.first;
	if (log->second_look.slot)
		return log->second_look.slot;
	if (log->clears.draining.first)
		return log->clears.draining.first;
	return log->life.resuming ? log->life.resuming : log->life.closing;
}

void mirror_log_writes(struct mirror_log *log)
{
	_Atomic uint64_t *last_writer = &log->device->last_writer;

	if (atomic_load_explicit(last_writer, memory_order_relaxed) == log->id)
		return;
	atomic_store_explicit(last_writer, log->id, memory_order_relaxed);
	atomic_store_explicit(&log->device->region_size, log->args.region_size,
			      memory_order_relaxed);
	atomic_store(&log->record->wrote, atomic_fetch_add(&log->estate->fixed->writers, 1) + 1);
}

/* --- states: life_state.h draws them --- */

static const unsigned next_states[] = {
	[LOG_OPENING] = 1u << LOG_CREATED | 1u << LOG_ACTIVE | 1u << LOG_SUSPENDED | 1u << LOG_DEAD,
	[LOG_CREATED] = 1u << LOG_ACTIVE | 1u << LOG_CLOSING,
	[LOG_ACTIVE] = 1u << LOG_ACTIVE | 1u << LOG_SUSPENDED | 1u << LOG_CLOSING,
	[LOG_SUSPENDED] = 1u << LOG_ACTIVE | 1u << LOG_CLOSING,
	[LOG_CLOSING] = 1u << LOG_DEAD,
	[LOG_DEAD] = 0,
};

void mirror_log_set_state(struct mirror_log *log, enum log_state state)
{
	CHECK(next_states[mirror_log_state(log)] & 1u << state);
	/* release: pairs with the acquire in mirror_log_state */
	atomic_store_explicit(&log->state, (int)state, memory_order_release);
	mirror_log_count_standing(log);
}

/* --- references --- */

void mirror_log_get(struct mirror_log *log)
{
	unsigned refs = atomic_fetch_add_explicit(&log->refs, 1, memory_order_relaxed);

	CHECK(refs > 0);
}

void mirror_log_leave_devices(struct mirror_log *log)
{
	free(log->clears.legs);
	log->clears.legs = NULL;
	if (log->device && !log->device_left) {
		log_device_deactivate(log->device, log->id);
		log_device_leave(log->device);
	}
	log->device_left = true;
}

static void free_log(struct mirror_log *log)
{
	if (log->record && log->record->gone)
		estate_free(log->estate, log->record);
	else if (log->record)
		estate_unmap(log->record);
	free(log);
}

static void *free_by_thread(void *log)
{
	free_log(log);
	return NULL;
}

/* Memory takes a fifth of a second for each GiB to be given back. */
static bool free_beside(struct mirror_log *log)
{
	return log->record && log->record->bytes >= MIRROR_LOG_LARGE_BYTES &&
	       device_thread_start(free_by_thread, log) == 0;
}

void mirror_log_put(struct mirror_log *log)
{
	/* acq_rel: the last one sees what all others did before they let go. */
	unsigned refs = atomic_fetch_sub_explicit(&log->refs, 1, memory_order_acq_rel);

	CHECK(refs > 0);
	if (refs != 1)
		return;
	mirror_log_leave_devices(log);
	if (log->device)
		log_device_put(log->device);
	if (!free_beside(log))
		free_log(log);
}

/* --- the way to the worker: inbox.h draws it --- */

void run_queue_wake(struct run_queue *queue)
{
	/* A worker that is awake looks at its queue before it sleeps: no system call for it. */
	if (atomic_load_explicit(&queue->asleep, memory_order_seq_cst) &&
	    atomic_exchange_explicit(&queue->asleep, false, memory_order_seq_cst))
		flush_engine_wake(queue->engine);
}

void run_queue_found(struct run_queue *queue, struct mail *mail)
{
	mailbox_push(&queue->found, mail);
	run_queue_wake(queue);
}

/* The one way onto the run queue, for a log that has just become SCHEDULED. */
static void enqueue(struct mirror_log *log)
{
	assert(!atomic_exchange(&log->sched.queued, true));
	mailbox_push(&log->run_queue->logs, &log->run_link);
	run_queue_wake(log->run_queue);
}

static void enqueue_with_reference(struct mirror_log *log)
{
	mirror_log_get(log);
	enqueue(log);
}

void mirror_log_dequeued(struct mirror_log *log)
{
	assert(atomic_exchange(&log->sched.queued, false));
	CHECK(inbox_state(&log->inbox) == INBOX_SCHEDULED);
}

void mirror_log_post(struct mirror_log *log, struct log_mail *mail)
{
	if (inbox_post(&log->inbox, &mail->mail))
		enqueue_with_reference(log);
}

void mirror_log_pass(struct mirror_log *log)
{
	inbox_pass(&log->inbox);
	enqueue_with_reference(log);
}

/* Lazy clears that nobody counts down, or too many of them. */
static bool clears_want_worker(const struct mirror_log *log, const struct log_options *options)
{
	uint64_t lazy = dirty_log_lazy_count(&log->dirty);

	if (lazy == 0 || log->clears.phase == CLEARS_FLUSHING_LEGS ||
	    log->clears.phase == CLEARS_SPOILT)
		return false;
	return !deadline_runs(&log->sched.age) ||
	       (lazy > atomic_load_explicit(&options->settings->max_lazy, memory_order_relaxed) &&
		log->clears.phase == CLEARS_COUNTING);
}

void mirror_log_let_go(struct mirror_log *log, const struct log_options *options)
{
	CHECK(!log->express.on); /* but a commit of the worker may be in flight */
	if (log->commit.waiters.first || clears_want_worker(log, options))
		mirror_log_pass(log);
	else if (inbox_release(&log->inbox))
		enqueue_with_reference(log);
}

void mirror_log_release(struct mirror_log *log)
{
	if (inbox_release(&log->inbox))
		enqueue(log); /* with the same reference */
	else
		mirror_log_put(log);
}

void mirror_log_resume(struct mirror_log *log)
{
	inbox_resume(&log->inbox);
	enqueue(log);
}
