/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One log at run time: life, references, and the way to its worker. */
#include "server/log.h"

#include "server/log_device.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mirror_log *mirror_log_create(const char *uuid, uint64_t luid, const char *text,
				     size_t length, const struct ctr_args *args)
{
	static _Atomic uint64_t ids;
	size_t bytes = (sizeof(struct mirror_log) + 63) & ~(size_t)63;
	struct mirror_log *log = aligned_alloc(64, bytes);

	if (!log)
		return NULL;
	memset(log, 0, sizeof(*log));
	atomic_init(&log->refs, 1);
	atomic_init(&log->state, LOG_OPENING);
	log->id = atomic_fetch_add(&ids, 1) + 1;
	log->luid = luid;
	log->args = *args;
	memcpy(log->ctr_text, text, length);
	strncpy(log->uuid, uuid, DM_UUID_LEN - 1);
	return log;
}

void log_legs_close(struct log_legs *legs)
{
	for (unsigned i = 0; legs && i < legs->count; i++)
		close(legs->fds[i]);
	free(legs);
}

void mirror_log_get(struct mirror_log *log)
{
	atomic_fetch_add_explicit(&log->refs, 1, memory_order_relaxed);
}

void mirror_log_leave_devices(struct mirror_log *log)
{
	log_legs_close(log->legs);
	log->legs = NULL;
	if (log->device && !log->device_left)
		log_device_leave(log->device);
	log->device_left = true;
}

void mirror_log_put(struct mirror_log *log)
{
	/* acq_rel: the last one sees what all others did before they let go. */
	if (atomic_fetch_sub_explicit(&log->refs, 1, memory_order_acq_rel) != 1)
		return;
	mirror_log_leave_devices(log);
	if (log->device)
		log_device_put(log->device);
	if (log->memory)
		munmap(log->memory, log->memory_bytes);
	free(log);
}

void run_queue_wake(struct run_queue *queue)
{
	/* A worker that is awake looks at its queue before it sleeps: no system call for it. */
	if (atomic_load_explicit(&queue->asleep, memory_order_seq_cst) &&
	    atomic_exchange_explicit(&queue->asleep, false, memory_order_seq_cst))
		flush_engine_wake(queue->engine);
}

void mirror_log_enqueue(struct mirror_log *log)
{
	mirror_log_get(log);
	mailbox_push(&log->run_queue->logs, &log->run_link);
	run_queue_wake(log->run_queue);
}

void mirror_log_hand_over(struct mirror_log *log)
{
	inbox_hand_over(&log->inbox);
	mirror_log_enqueue(log);
}

/* The executor left work for the worker: lazy clears that nobody counts down, or too many. */
static bool wants_worker(const struct mirror_log *log, const struct log_options *options)
{
	uint64_t lazy = dirty_log_lazy_count(&log->dirty);

	return lazy > 0 && (!log->aging_link.on || (lazy > options->max_lazy &&
						    !log->leg_flush_runs && !log->overflow_paused));
}

void mirror_log_let_go(struct mirror_log *log, const struct log_options *options)
{
	if (wants_worker(log, options))
		mirror_log_hand_over(log);
	else if (inbox_release(&log->inbox))
		mirror_log_enqueue(log);
}

void mirror_log_post(struct mirror_log *log, struct log_mail *mail)
{
	if (inbox_post(&log->inbox, &mail->mail))
		mirror_log_enqueue(log);
}

void slot_list_add(struct slot_list *list, struct slot *slot)
{
	slot->next_waiter = NULL;
	if (list->last)
		list->last->next_waiter = slot;
	else
		list->first = slot;
	list->last = slot;
}

struct slot *slot_list_pop(struct slot_list *list)
{
	struct slot *slot = list->first;

	if (!slot)
		return NULL;
	list->first = slot->next_waiter;
	if (!list->first)
		list->last = NULL;
	return slot;
}

void slot_list_move(struct slot_list *to, struct slot_list *from)
{
	struct slot *slot;

	while ((slot = slot_list_pop(from)))
		slot_list_add(to, slot);
}
