/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One log at run time: its identity, who may execute it, and a room for each module that works on it.
 *
 * Threads. The inbox decides who executes a log: the receiver (INBOX_HELD; for a moment, or while it
 * writes the log: work/express.h), else its worker (INBOX_SCHEDULED, INBOX_KEPT). What is "owned" below
 * is touched by that one alone. A room is a nested structure; its header names the modules that may
 * touch it, and draws what they make of it.
 *
 * References: the registry's; one while the log is not IDLE or HELD, which goes along with it through
 * the run queue; and one for each job of the mirror thread. The last one frees.
 */
#ifndef SERVER_LOG_LOG_H
#define SERVER_LOG_LOG_H

#include "iouring/flush_engine.h"
#include "server/log/clears_state.h"
#include "server/log/commit_state.h"
#include "server/log/express_state.h"
#include "server/log/image_read_state.h"
#include "server/log/inbox.h"
#include "server/log/life_state.h"
#include "server/log/log_device.h"
#include "server/log/pace_state.h"
#include "server/log/probe_state.h"
#include "server/log/rewrite_state.h"
#include "server/log/schedule_state.h"
#include "server/log/second_look_state.h"
#include "server/log/tally.h"
#include "server/protocol/ctr_args.h"
#include "server/protocol/dirty_log.h"
#include "server/protocol/streams.h"
#include "server/restart/estate.h"

/* Logs that shall be executed by a worker, any order. */
struct run_queue {
	struct mailbox logs;
	struct mailbox
		found; /* struct mirror_job of logs that the worker keeps until it has them */
	_Atomic bool asleep;
	struct flush_engine *engine; /* to be woken */
};

struct log_options {
	const struct estate_settings *settings;
	int64_t retry_limit_ns; /* how long a failed write is tried again before the kernel hears */
	int64_t probe_ns; /* after how long without a write a log that is used gets one; 0: never */
};

/* What answer.c has told the kernel since the last RESUME, for the mirror thread. */
struct answered_state {
	_Atomic bool sync_count; /* GET_SYNC_COUNT, when all was in sync */
	_Atomic bool resync_work; /* GET_RESYNC_WORK */
};

/* registry.c's. The receiver alone. */
struct registry_state {
	struct mirror_log *luid_next, *uuid_next;
	struct mail grave_link; /* a worker leaves it: dead, to be taken out */
	struct log_mail retire_mail, take_over_mail;
};

struct mirror_log {
	/* First line: what a request of another thread touches. */
	struct inbox inbox;
	struct mail run_link; /* on its worker's run queue */
	struct run_queue *run_queue;
	uint64_t luid;
	_Atomic int state; /* enum log_state; life.c's, read by any thread */
	_Atomic unsigned refs;

	/* Owned. */
	_Alignas(64) struct dirty_log dirty;
	struct commit_state commit;
	struct probe_state probe;
	struct pace_state pace;
	struct express_state express;
	struct clears_state clears;
	struct image_read_state image_read;
	struct second_look_state second_look;
	struct rewrite_state rewrite;
	struct life_state life;
	struct answered_state answered;
	struct streams streams;
	struct tally tally;

	/* The worker's, whoever owns. */
	struct schedule_state sched;

	/* The receiver's. */
	struct registry_state registry;

	/* Constant after the log is in the registry, but device, record and no_legs, which CTR sets. */
	struct ctr_args args;
	char ctr_text[CTR_ARGS_TEXT_MAX + 1];
	char uuid[DM_UUID_LEN];
	uint64_t id; /* unique in the estate */
	int64_t made_ns; /* clock_coarse(), in this server */
	bool no_legs; /* made by a load generator, not by a kernel */
	struct log_device *device;
	bool device_left;
	enum estate_standing standing; /* what it counts as in the estate; the one executing it */
	struct estate *estate;
	struct log_record *record; /* what outlives us; NULL until CTR is carried out */
};

/* Allocate a log (state LOG_OPENING, one reference). text: length bytes, already parsed into args.
 * NULL: no memory. */
struct mirror_log *mirror_log_create(struct estate *estate, const char *uuid, uint64_t luid,
				     const char *text, size_t length, const struct ctr_args *args);

/* A log with so many bits would hold up the others of a thread while they are made or freed: other threads do
 * that (bits_job.h, mirror_log_put). */
#define MIRROR_LOG_LARGE_BYTES (16u << 20)

/* Bytes of its bits; 0: too many regions. It has them already, or its device is open. */
size_t mirror_log_bits_bytes(const struct mirror_log *log);

/* Give it bits, in the estate; not known. The device is open already. 0 or -errno. */
int mirror_log_make_bits(struct mirror_log *log);

/* A log that a predecessor has left, but for its device, and not settled. NULL, with the reason in *why (a static
 * string): its record is of no use. The record is the log's, and given back with it. */
struct mirror_log *mirror_log_take_over(struct estate *estate, struct log_record *record,
					const char **why);

/* Put right what a predecessor left half done of its bits, once. Takes long if it is large and was being changed.
 * 0, or -EUCLEAN: they are damaged. Its worker, or the receiver before it has one. */
int mirror_log_settle(struct mirror_log *log);

/* A leg's flush has failed: no region is recorded clean until the mirror is resumed. Any thread, of a log that was
 * seen to be open. */
bool mirror_log_is_spoilt(const struct mirror_log *log);

/* A server's death has spoilt it, its legs have answered since, and only a RESUME is wanted. As the former. */
bool mirror_log_heals(const struct mirror_log *log);

/* Tell a successor what has changed in state, life, health and answered; before the kernel hears of
 * it. The one executing it. */
void mirror_log_record_status(struct mirror_log *log);

/* Tell a successor that the kernel has heard of an error of its device, which this server cannot write: one that can
 * says so too. Otherwise as the former. */
void mirror_log_record_failure(struct mirror_log *log);

/* Count it as what it is now, in the estate. After each change of what enum estate_standing tells apart; the one
 * executing it. */
void mirror_log_count_standing(struct mirror_log *log);

/* The request on whose behalf the log is executed when none has just come; NULL: none waits. */
struct slot *mirror_log_waiter(const struct mirror_log *log);

/* This log begins to write its device. Its executor's thread. */
void mirror_log_writes(struct mirror_log *log);

/* Take and drop a reference. The last one closes the legs and the device and frees all. Any thread;
 * not the last one while the log is on a run queue. */
void mirror_log_get(struct mirror_log *log);
void mirror_log_put(struct mirror_log *log);

/* Close what the log has open; no I/O of it runs. The one executing it, or the last reference. */
void mirror_log_leave_devices(struct mirror_log *log);

/* Leave mail and see that the worker comes. Any thread. */
void mirror_log_post(struct mirror_log *log, struct log_mail *mail);

/* The receiver, which holds the log, leaves it to its worker. */
void mirror_log_pass(struct mirror_log *log);

/* The receiver, which holds the log, is done with it for now. */
void mirror_log_let_go(struct mirror_log *log, const struct log_options *options);

/* The worker is done with it for now; the reference that came with the run queue goes. */
void mirror_log_release(struct mirror_log *log);

/* The worker of a log that it has kept executes it again. */
void mirror_log_resume(struct mirror_log *log);

/* The log has come off the run queue. Its worker's. */
void mirror_log_dequeued(struct mirror_log *log);

void run_queue_wake(struct run_queue *queue);

/* Leave mail for the worker itself. Any thread. */
void run_queue_found(struct run_queue *queue, struct mail *mail);

static inline bool run_queue_empty(struct run_queue *queue)
{
	return mailbox_empty(&queue->logs) && mailbox_empty(&queue->found);
}

static inline enum log_state mirror_log_state(const struct mirror_log *log)
{
	/* acquire: who sees LOG_CREATED sees the device too (control). */
	return (enum log_state)atomic_load_explicit(&log->state, memory_order_acquire);
}

/* The one executing it. The moves that life_state.h draws, and no others. */
void mirror_log_set_state(struct mirror_log *log, enum log_state state);

/* Between its CTR and its end: requests are answered. */
static inline bool mirror_log_is_open(const struct mirror_log *log)
{
	enum log_state state = mirror_log_state(log);

	return state == LOG_CREATED || state == LOG_ACTIVE || state == LOG_SUSPENDED;
}

/* There for who asks about it: one that a CTR makes is not before that is answered; a predecessor's is, before its worker
 * has taken it over. */
bool mirror_log_is_told(const struct mirror_log *log);

/* The number of its log device. False: it has none. Any thread, of a log that is told. */
bool mirror_log_device(const struct mirror_log *log, uint32_t *major, uint32_t *minor);

static inline enum log_health mirror_log_health(const struct mirror_log *log)
{
	return (enum log_health)atomic_load_explicit(&log->commit.health, memory_order_relaxed);
}

static inline void mirror_log_set_health(struct mirror_log *log, enum log_health health)
{
	atomic_store_explicit(&log->commit.health, (int)health, memory_order_relaxed);
}

#endif
