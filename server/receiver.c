/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiver. */
#include "server/receiver.h"

#include "server/clock.h"
#include "server/logging.h"
#include "server/serve.h"
#include "server/stats.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define NO_SLOT_PAUSE_USEC 200
#define STOP_POKE_USEC 2000

static void refuse(struct receiver *receiver, struct slot *slot, int error)
{
	struct wire_message *message = &slot->message;
	unsigned type = wire_type(message);
	/* Even a malformed query gets its full size: see docs/protocol.md, trap 1. */
	uint32_t size = type > 0 && type < WIRE_TYPES ? wire_opcodes[type].reply_bytes : 0;

	stats_add(STATS_REFUSED, 1);
	memset(message->payload, 0, size);
	wire_reply(message, error, size);
	outbox_add(&receiver->outbox, slot);
}

static void drop(struct receiver *receiver, struct slot *slot)
{
	stats_add(STATS_DROPPED, 1);
	slots_give(receiver->slots, slot);
}

static struct worker *worker_for(struct receiver *receiver, const char *uuid)
{
	unsigned hash = 5381;

	/* By uuid: the live and the inactive table of a mirror share a worker, as they do a
	 * device. */
	for (; *uuid; uuid++)
		hash = hash * 33 + (uint8_t)*uuid;
	return &receiver->workers[hash % receiver->nworkers];
}

/* The log goes at once for the registry; its worker ends it. */
static void retire(struct receiver *receiver, struct mirror_log *log)
{
	if (!log)
		return;
	log_info("log %s (%llx) is an orphan: the kernel has dropped it without a word", log->uuid,
		 (unsigned long long)log->luid);
	/* The registry's reference goes with the grave. */
	registry_remove(receiver->registry, log);
	log->retire_mail.kind = MAIL_RETIRE;
	mirror_log_post(log, &log->retire_mail);
}

static size_t ctr_text_length(const struct wire_message *message)
{
	size_t length = message->request.data_size;

	return message->payload[length - 1] == '\0' ? length - 1 : length;
}

static bool same_text(const struct mirror_log *log, const char *text, size_t length)
{
	return strlen(log->ctr_text) == length && memcmp(log->ctr_text, text, length) == 0;
}

static struct mirror_log *create(struct receiver *receiver, const struct wire_message *message,
				 const struct ctr_args *args, size_t length)
{
	const char *text = (const char *)message->payload;
	const char *uuid = message->request.uuid;
	struct mirror_log *log;

	log = mirror_log_create(uuid, message->request.luid, text, length, args);
	if (!log)
		return NULL;
	log->run_queue = &worker_for(receiver, uuid)->queue;
	registry_add(receiver->registry, log);
	return log;
}

static int parse(const struct wire_message *message, struct ctr_args *args, size_t length)
{
	const char *text = (const char *)message->payload;
	const char *why;
	int r = ctr_args_parse(text, length, args, &why);

	if (r < 0)
		log_limited(LOGGING_ERROR, "log %s cannot be made from \"%.*s\": %s",
			    message->request.uuid, (int)length, text, why);
	return r;
}

static void handle_ctr(struct receiver *receiver, struct slot *slot)
{
	const struct wire_message *message = &slot->message;
	const char *uuid = message->request.uuid;
	uint64_t luid = message->request.luid;
	size_t length = ctr_text_length(message);
	struct mirror_log *log = registry_find(receiver->registry, luid, uuid);
	struct ctr_args args;
	/* First of all: a bad string ends no log. */
	int error = parse(message, &args, length);

	if (error < 0) {
		refuse(receiver, slot, error);
		return;
	}
	if (log && !same_text(log, (const char *)message->payload, length)) {
		retire(receiver, log);
		log = NULL;
	}
	if (!log) {
		retire(receiver, registry_find_stale(receiver->registry, luid, uuid));
		retire(receiver, registry_find_orphan(receiver->registry, uuid));
		log = create(receiver, message, &args, length);
	}
	if (log)
		mirror_log_post(log, &slot->head);
	else
		refuse(receiver, slot, -ENOMEM);
}

/* The log is held. Returns false if the request has to go to the worker. */
static bool serve_held(struct receiver *receiver, struct mirror_log *log, struct slot *slot)
{
	if (!mirror_log_serves(log) || !serve(log, &slot->message))
		return false;
	stats_add(STATS_SERVED_INLINE, 1);
	outbox_add(&receiver->outbox, slot);
	return true;
}

static void serve_or_post(struct receiver *receiver, struct mirror_log *log, struct slot *slot)
{
	if (wire_opcode(&slot->message)->lane == WIRE_LANE_WORKER || !inbox_try_hold(&log->inbox)) {
		mirror_log_post(log, &slot->head);
		return;
	}
	if (!serve_held(receiver, log, slot)) {
		mailbox_push(&log->inbox.mail, &slot->head.mail);
		inbox_hand_over(&log->inbox);
		mirror_log_enqueue(log);
	} else if (mirror_log_wants_worker(log, receiver->options)) {
		inbox_hand_over(&log->inbox);
		mirror_log_enqueue(log);
	} else if (inbox_release(&log->inbox)) {
		mirror_log_enqueue(log);
	}
}

static void answer_unknown(struct receiver *receiver, struct slot *slot)
{
	struct wire_message *message = &slot->message;

	if (wire_type(message) == DM_ULOG_DTR) {
		wire_reply(message, 0, 0);
	} else {
		stats_add(STATS_UNKNOWN_LOG, 1);
		wire_reply_unknown_log(message);
	}
	outbox_add(&receiver->outbox, slot);
}

static void dispatch(struct receiver *receiver, struct slot *slot)
{
	const struct wire_message *message = &slot->message;
	struct mirror_log *log;

	stats_count_request(wire_type(message));
	slot->head.kind = MAIL_REQUEST;
	if (wire_type(message) == DM_ULOG_CTR) {
		handle_ctr(receiver, slot);
		return;
	}
	log = registry_find(receiver->registry, message->request.luid, message->request.uuid);
	if (log)
		serve_or_post(receiver, log, slot);
	else
		answer_unknown(receiver, slot);
}

static void handle(struct receiver *receiver, struct slot *slot, size_t length)
{
	const char *why = "";
	int error = 0;

	if (slot->from.nl_pid != 0 && !receiver->accept_any) {
		log_limited(LOGGING_WARNING,
			    "message from netlink port %u, which is not the "
			    "kernel: dropped",
			    slot->from.nl_pid);
		drop(receiver, slot);
		return;
	}
	switch (wire_check(&slot->message, length, &error, &why)) {
	case WIRE_GOOD:
		dispatch(receiver, slot);
		break;
	case WIRE_REFUSE:
		log_limited(LOGGING_WARNING, "request type %u of netlink port %u refused: %s",
			    wire_type(&slot->message), slot->from.nl_pid, why);
		refuse(receiver, slot, error);
		break;
	case WIRE_DROP:
		log_limited(LOGGING_WARNING,
			    "message of %zu bytes from netlink port %u dropped: %s", length,
			    slot->from.nl_pid, why);
		drop(receiver, slot);
		break;
	}
}

struct batch {
	struct slot *slots[TRANSPORT_BATCH];
	size_t lengths[TRANSPORT_BATCH];
	unsigned count; /* slots in hand */
};

static void fill(struct receiver *receiver, struct batch *batch)
{
	while (batch->count < TRANSPORT_BATCH) {
		struct slot *slot = slots_take(receiver->slots);

		if (!slot)
			return;
		batch->slots[batch->count++] = slot;
	}
}

/* Returns how many requests there were. */
static int turn(struct receiver *receiver, struct batch *batch, bool wait)
{
	int n;

	fill(receiver, batch);
	if (batch->count == 0) {
		/* All slots wait for storage: what comes now waits in the socket. */
		log_limited(LOGGING_WARNING, "%u requests wait for log devices: no room for more",
			    receiver->slots->count);
		usleep(NO_SLOT_PAUSE_USEC);
		return 0;
	}
	n = transport_receive(receiver->transport, batch->slots, batch->lengths, batch->count,
			      wait);
	if (n < 0) {
		log_limited(LOGGING_ERROR, "cannot receive: %s", strerror(-n));
		usleep(NO_SLOT_PAUSE_USEC);
		return 0;
	}
	registry_sweep(receiver->registry);
	for (int i = 0; i < n; i++)
		handle(receiver, batch->slots[i], batch->lengths[i]);
	outbox_send(&receiver->outbox);
	batch->count -= (unsigned)n;
	memmove(batch->slots, batch->slots + n, batch->count * sizeof(batch->slots[0]));
	return n;
}

void receiver_run(struct receiver *receiver)
{
	struct batch batch = {.count = 0};
	int64_t poll_until = 0;

	while (!atomic_load_explicit(&receiver->stop, memory_order_relaxed)) {
		bool polling = receiver->busy_poll_ns > 0 && clock_now() < poll_until;

		if (turn(receiver, &batch, !polling) > 0 && receiver->busy_poll_ns > 0)
			poll_until = clock_now() + receiver->busy_poll_ns;
	}
	atomic_store(&receiver->stopped, true);
	transport_leave(receiver->transport);
	while (turn(receiver, &batch, false) > 0)
		;
	while (batch.count > 0)
		slots_give(receiver->slots, batch.slots[--batch.count]);
}

void receiver_stop(struct receiver *receiver, pthread_t thread)
{
	atomic_store(&receiver->stop, true);
	/* The signal can come just before the receiver blocks: again, until it has seen it. */
	while (!atomic_load(&receiver->stopped)) {
		pthread_kill(thread, SIGUSR1);
		usleep(STOP_POKE_USEC);
	}
}
