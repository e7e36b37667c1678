/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiver's loop: up to SLOT_BATCH datagrams in one system call, each checked once and sent on its
 * way, all replies in one system call behind them.
 *
 * A request's way (route, answer_or_post): on a log that nobody executes the receiver takes hold, answers
 * at once if nothing has to be written, and lets go. If a write is all that it waits for, it becomes an
 * express write (express.h): the log stays held until that has ended, and is answered meanwhile. Else,
 * and when somebody executes the log, it goes to the log's inbox. CTR alone changes the registry, as do
 * the dead logs that workers leave in the graveyard.
 *
 * While it writes, the receiver sleeps in its flush engine, which watches the socket too.
 */
#include "server/work/receiver.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/diag.h"
#include "server/base/kill_point.h"
#include "server/base/probe.h"
#include "server/base/stats.h"
#include "server/log/answer.h"
#include "server/work/express.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NO_SLOT_PAUSE_USEC 200
#define BACKLOG_PAUSE_USEC 200
#define STOP_POKE_USEC 2000
#define EXPRESS_HANGS_NS (2 * NSEC_PER_SEC)
#define EXPRESS_IOS 64u
#define HEX_BYTES 128u /* in a line */

_Static_assert(STATS_REQUEST_TYPES == WIRE_TYPES, "requests are counted by type");

static void refuse_request(struct receiver *receiver, struct slot *slot, int error)
{
	struct wire_message *message = &slot->message;
	unsigned type = wire_type(message);
	/* Even a malformed query gets its full size: see docs/protocol.md, trap 1. */
	uint32_t size = type > 0 && type < WIRE_TYPES ? wire_opcodes[type].reply_bytes : 0;

	stats_add(STATS_REFUSED, 1);
	memset(message->payload, 0, size);
	wire_reply(message, error, size);
	outbox_add(&receiver->executor.outbox, slot);
}

static void drop_message(struct receiver *receiver, struct slot *slot)
{
	stats_add(STATS_DROPPED, 1);
	slots_give(receiver->slots, slot);
}

/* An express write that is on its way may hang, and hold back what the worker has to do. */
static void post_to_worker(struct receiver *receiver, struct mirror_log *log, struct log_mail *mail)
{
	express_hand_on(&receiver->executor, log);
	mirror_log_post(log, mail);
}

static void post_request(struct receiver *receiver, struct mirror_log *log, struct slot *slot)
{
	slot_waits(slot, log->id);
	post_to_worker(receiver, log, &slot->head);
}

/* The log goes at once for the registry; its worker ends it. */
static void retire(struct receiver *receiver, struct mirror_log *log)
{
	if (!log)
		return;
	diag_info("log %s (%llx) is an orphan: the kernel has dropped it without a word", log->uuid,
		  (unsigned long long)log->luid);
	/* The registry's reference goes with the grave. */
	registry_remove(receiver->registry, log);
	/* Of a predecessor's log the record is there from the start, else once its CTR was carried out. */
	if (log->life.former_state != LOG_OPENING || mirror_log_is_open(log))
		estate_drop(log->record);
	log->registry.retire_mail.kind = MAIL_RETIRE;
	post_to_worker(receiver, log, &log->registry.retire_mail);
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

	log = mirror_log_create(receiver->estate, uuid, message->request.luid, text, length, args);
	if (!log)
		return NULL;
	CHECK(!registry_find(receiver->registry, log->luid, log->uuid));
	log->run_queue = &worker_for(receiver->workers, receiver->nworkers, uuid)->queue;
	atomic_init(&log->pace.paused, registry_is_paused(receiver->registry, uuid));
	registry_add(receiver->registry, log);
	return log;
}

/* Each of two hosts would overwrite the other's log, and resync under the other's writes. */
static int refuse_clustered(const struct receiver *receiver, const struct ctr_args *args,
			    const char **why)
{
	if (!args->clustered || receiver->clustered_as_single_host)
		return 0;
	*why = "its type is for mirrors that several hosts have active, and dirtylogd serves one "
	       "host; "
	       "if no other host has it: disk or core instead, or --clustered-as-single-host";
	return -EOPNOTSUPP;
}

static void say_why_not(const struct wire_message *message, size_t length,
			const struct ctr_args *args, const char *why)
{
	char hint[160] = "";

	if (args->argc_was != 0)
		snprintf(hint, sizeof(hint),
			 "; <ARGC> counts the words behind it from the UUID on: %u, or %u with "
			 "integrated_flush, not %u or %u",
			 args->argc_fits, args->argc_fits + 1, args->argc_was, args->argc_was + 1);
	diag_limited(DIAG_ERROR, "log %s cannot be made from \"%.*s\": %s%s", message->request.uuid,
		     (int)length, (const char *)message->payload, why, hint);
}

static int parse(const struct receiver *receiver, const struct wire_message *message,
		 struct ctr_args *args, size_t length)
{
	const char *text = (const char *)message->payload;
	const char *why;
	int r = ctr_args_parse(text, length, args, &why);

	if (r == 0)
		r = refuse_clustered(receiver, args, &why);
	if (r < 0)
		say_why_not(message, length, args, why);
	return r;
}

/* Of a predecessor's logs it may be the first request. */
static struct mirror_log *find(struct receiver *receiver, const struct wire_message *message)
{
	uint64_t luid = message->request.luid;
	struct mirror_log *log = registry_find(receiver->registry, luid, message->request.uuid);

	if (log || backlog_empty(receiver->backlog))
		return log;
	backlog_take(receiver->backlog, luid);
	return registry_find(receiver->registry, luid, message->request.uuid);
}

static void route_ctr(struct receiver *receiver, struct slot *slot)
{
	const struct wire_message *message = &slot->message;
	const char *uuid = message->request.uuid;
	uint64_t luid = message->request.luid;
	size_t length = ctr_text_length(message);
	struct mirror_log *log;
	struct ctr_args args;
	/* First of all: a bad string ends no log. */
	int error = parse(receiver, message, &args, length);

	if (error < 0) {
		refuse_request(receiver, slot, error);
		return;
	}
	backlog_take_all(receiver->backlog);
	log = registry_find(receiver->registry, luid, uuid);
	if (log && !same_text(log, (const char *)message->payload, length)) {
		retire(receiver, log);
		log = NULL;
	}
	if (!log) {
		retire(receiver, registry_find_stale(receiver->registry, luid, uuid));
		retire(receiver, registry_find_orphan(receiver->registry, uuid, clock_coarse()));
		log = create(receiver, message, &args, length);
	}
	if (log)
		post_request(receiver, log, slot);
	else
		refuse_request(receiver, slot, -ENOMEM);
}

/* The log is held. Returns false if the request has to go to the worker. */
static bool answer_held(struct receiver *receiver, struct mirror_log *log, struct slot *slot)
{
	if (!mirror_log_is_open(log) || !answer(log, &slot->message))
		return false;
	stats_add(STATS_SERVED_INLINE, 1);
	outbox_add(&receiver->executor.outbox, slot);
	return true;
}

static void execute_held(struct receiver *receiver, struct mirror_log *log, struct slot *slot)
{
	if (answer_held(receiver, log, slot)) {
		mirror_log_let_go(log, receiver->executor.options);
		return;
	}
	slot_waits(slot, log->id);
	if (!express_start(&receiver->executor, log, slot)) {
		mailbox_push(&log->inbox.mail, &slot->head.mail);
		mirror_log_pass(log);
	}
}

/* What has been on its way for so long hangs: what waits for it is the worker's, who lets go of what the kernel has sent
 * again. */
static bool express_hangs(const struct mirror_log *log)
{
	return log->express.on && log->commit.in_flight > 0 &&
	       clock_coarse() - log->commit.began_ns > EXPRESS_HANGS_NS;
}

/* Whoever executes the log answers it. */
static void leave_to_executor(struct mirror_log *log, struct slot *slot)
{
	slot_waits(slot, log->id);
	mirror_log_post(log, &slot->head);
}

static void answer_or_post(struct receiver *receiver, struct mirror_log *log, struct slot *slot)
{
	bool ours = wire_opcode(&slot->message)->lane != WIRE_LANE_WORKER;

	if (ours && log->express.on && express_answer(&receiver->executor, log, slot))
		return;
	if (ours && !log->express.on && inbox_try_hold(&log->inbox))
		execute_held(receiver, log, slot);
	else if (ours && !express_hangs(log))
		leave_to_executor(log, slot);
	else
		post_request(receiver, log, slot);
}

static void answer_unknown(struct receiver *receiver, struct slot *slot)
{
	struct wire_message *message = &slot->message;

	if (wire_opcode(message)->unknown == WIRE_UNKNOWN_GONE) {
		wire_reply(message, 0, 0);
	} else {
		stats_add(STATS_UNKNOWN_LOG, 1);
		wire_reply_unknown_log(message);
	}
	outbox_add(&receiver->executor.outbox, slot);
}

static void dispatch(struct receiver *receiver, struct slot *slot)
{
	const struct wire_message *message = &slot->message;
	struct mirror_log *log;

	PROBE(dispatch, slot_arrival(slot), wire_type(message), message->request.luid,
	      message->request.uuid);
	stats_count_request(wire_type(message));
	if (receiver->recorder)
		recorder_put(receiver->recorder, message);
	slot->head.kind = MAIL_REQUEST;
	if (wire_type(message) == DM_ULOG_CTR) {
		route_ctr(receiver, slot);
		return;
	}
	log = find(receiver, message);
	if (log)
		answer_or_post(receiver, log, slot);
	else
		answer_unknown(receiver, slot);
}

static void handle(struct receiver *receiver, struct slot *slot, size_t length)
{
	const char *why = "";
	int error = 0;

	if (slot->from.nl_pid != 0 && !receiver->accept_any) {
		diag_limited(DIAG_WARNING,
			     "message from netlink port %u, which is not the "
			     "kernel: dropped",
			     slot->from.nl_pid);
		drop_message(receiver, slot);
		return;
	}
	switch (wire_check(&slot->message, length, &error, &why)) {
	case WIRE_GOOD:
		slot_checked(slot);
		dispatch(receiver, slot);
		break;
	case WIRE_REFUSE:
		diag_limited(DIAG_WARNING, "request type %u of netlink port %u refused: %s",
			     wire_type(&slot->message), slot->from.nl_pid, why);
		refuse_request(receiver, slot, error);
		break;
	case WIRE_DROP:
		diag_limited(DIAG_WARNING, "message of %zu bytes from netlink port %u dropped: %s",
			     length, slot->from.nl_pid, why);
		drop_message(receiver, slot);
		break;
	}
}

static void take_in(struct receiver *receiver, struct intake *intake, unsigned i)
{
	struct slot *slot = intake->slots[i];
	size_t length = intake_length(intake, i);

	kill_point("received");
	slot_arrived(receiver->slots, slot, length);
	PROBE(receive, slot_arrival(slot), length);
	intake_taken(intake, i);
	executor_in_hand(&receiver->executor, slot);
	kill_point("arrived");
	handle(receiver, slot, length);
}

/* What the requests of a batch have left to do. */
static void send_off(struct receiver *receiver)
{
	executor_in_hand(&receiver->executor, NULL);
	if (receiver->executor.to_write)
		express_write(&receiver->executor);
	outbox_send(&receiver->executor.outbox);
}

/* Returns how many requests there were. */
static int turn(struct receiver *receiver, struct intake *intake, bool wait)
{
	int n;

	if (!intake_fill(intake, receiver->slots)) {
		/* All slots wait for storage: what comes now waits in the socket. */
		diag_limited(DIAG_WARNING, "%u requests wait for log devices: no room for more",
			     receiver->slots->count);
		executor_waits(&receiver->executor);
		usleep(NO_SLOT_PAUSE_USEC);
		return 0;
	}
	executor_waits(&receiver->executor);
	n = intake_receive(intake, receiver->transport->fd, wait);
	executor_works(&receiver->executor, NULL);
	if (n < 0) {
		diag_limited(DIAG_ERROR, "cannot receive: %s", strerror(-n));
		usleep(NO_SLOT_PAUSE_USEC);
		return 0;
	}
	CHECK((unsigned)n <= intake->count);
	follow_turn(&receiver->follow, (unsigned)n);
	registry_sweep(receiver->registry);
	for (int i = 0; i < n; i++)
		take_in(receiver, intake, (unsigned)i);
	send_off(receiver);
	intake_drop(intake, (unsigned)n);
	return n;
}

static void start_following(struct receiver *receiver)
{
	int r;

	if (!receiver->follows)
		return;
	r = follow_start(&receiver->follow, receiver->transport->fd);
	if (r < 0)
		diag_info("the receiver does not follow the senders: bpf is unavailable: %s",
			  strerror(-r));
}

void receiver_open(struct receiver *receiver)
{
	int r;

	if (receiver->follows)
		follow_open(&receiver->follow);
	receiver->executor.ops = &express_ops;
	if (!receiver->express)
		return;
	r = executor_open(&receiver->executor, FLUSH_ENGINE_URING, EXPRESS_IOS, 0);
	if (r < 0) {
		diag_warning("no I/O engine for the receiver, workers do all writes: %s",
			     strerror(-r));
		return;
	}
	flush_engine_watch(receiver->executor.engine, receiver->transport->fd);
}

void receiver_enter(struct receiver *receiver)
{
	executor_enter(&receiver->executor);
	start_following(receiver);
}

static bool writes(const struct receiver *receiver)
{
	return receiver->executor.engine && receiver->executor.engine->pending > 0;
}

/* Submit, take what has ended, and, if told to, wait for that or for a request. */
static void run_engine(struct receiver *receiver, int64_t timeout_ns)
{
	executor_waits(&receiver->executor);
	if (flush_engine_run(receiver->executor.engine, timeout_ns) < 0)
		diag_limited(DIAG_ERROR, "the receiver's flush engine is broken");
	executor_works(&receiver->executor, NULL);
	outbox_send(&receiver->executor.outbox);
}

/* What is left of a predecessor's logs, between the requests. */
static void take_up_some(struct receiver *receiver, bool idle)
{
	if (!backlog_step(receiver->backlog) && idle)
		usleep(BACKLOG_PAUSE_USEC);
}

static void run_until_stopped(struct receiver *receiver, struct intake *intake)
{
	int64_t poll_until = 0;

	/* acquire: hand_over was set before. */
	while (!atomic_load_explicit(&receiver->stop, memory_order_acquire)) {
		bool polling = receiver->busy_poll_ns > 0 && clock_now() < poll_until;
		bool behind = !backlog_empty(receiver->backlog);
		int n = turn(receiver, intake, !polling && !behind && !writes(receiver));

		if (behind)
			take_up_some(receiver, n == 0);

		if (n > 0 && receiver->busy_poll_ns > 0)
			poll_until = clock_now() + receiver->busy_poll_ns;
		/* A full batch: there may be more at once. */
		if (writes(receiver))
			run_engine(receiver, polling || behind || n == (int)SLOT_BATCH ? 0 : -1);
	}
}

/* The group is left, and what the socket still holds is the last; or all of that is a successor's. */
static void finish_receiving(struct receiver *receiver, struct intake *intake)
{
	int64_t deadline =
		clock_coarse() + (receiver->hand_over ? HAND_OVER_LIMIT_NS : STOP_LIMIT_NS);

	if (!receiver->hand_over)
		backlog_take_all(receiver->backlog);
	while (!receiver->hand_over && turn(receiver, intake, false) > 0)
		;
	while (writes(receiver) && clock_coarse() < deadline)
		run_engine(receiver, 10 * NSEC_PER_MSEC);
	intake_empty(intake, receiver->slots);
}

/* --- requests that a predecessor had in hand --- */

static void hex(char *text, const uint8_t *bytes, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		sprintf(text + (size_t)2 * i, "%02x", bytes[i]);
	text[2 * count] = '\0';
}

/* Written out before it is answered: the next crash would take the lines with it. */
static void report_bytes(const char *what, const uint8_t *bytes, uint32_t count)
{
	char text[2 * HEX_BYTES + 1];

	for (uint32_t at = 0; at < count; at += HEX_BYTES) {
		hex(text, bytes + at, count - at < HEX_BYTES ? count - at : HEX_BYTES);
		diag_error("%s at %u: %s", what, at, text);
	}
	diag_flush();
}

static void report(const struct slot *slot)
{
	const struct wire_message *message = &slot->message;

	diag_error(
		"request %s of log %s has ended the server %u times: it is refused. Please report "
		"this bug with the payload (luid %llx, %u bytes); " DIAG_WHERE_TO_REPORT,
		wire_opcode(message)->name, message->request.uuid, slot->deaths,
		(unsigned long long)message->request.luid, slot->data_size);
	report_bytes("payload", message->payload, slot->data_size);
}

/* It was not even found to be a request. */
static void give_up_message(struct receiver *receiver, struct slot *slot)
{
	uint32_t length = slot->length < WIRE_DATAGRAM_MAX ? slot->length : WIRE_DATAGRAM_MAX;

	diag_error(
		"a message of %u bytes from netlink port %u has ended the server %u times: it is "
		"dropped. Please report this bug; " DIAG_WHERE_TO_REPORT,
		slot->length, slot->from.nl_pid, slot->deaths);
	report_bytes("message", (const uint8_t *)&slot->message.nl, length);
	drop_message(receiver, slot);
}

/* What does least harm. An unknown log is made anew by the kernel, from its log device, and the request
 * asked again of that. What the kernel does not ask again when it hears so is refused, which it
 * survives: a table load that fails, a warning for the others. A log that shall go is gone. */
static void condemn(struct receiver *receiver, struct slot *slot)
{
	const struct wire_message *message = &slot->message;

	report(slot);
	retire(receiver, find(receiver, message));
	if (wire_opcode(message)->unknown == WIRE_UNKNOWN_LOST)
		refuse_request(receiver, slot, -EIO);
	else
		answer_unknown(receiver, slot);
}

static void ask_again(struct receiver *receiver, struct slot *slot)
{
	const struct wire_message *message = &slot->message;
	const struct mirror_log *log;

	executor_in_hand(&receiver->executor, slot);
	if (!slot->checked) {
		if (slot->deaths < DEATHS_MAX)
			handle(receiver, slot, slot->length);
		else
			give_up_message(receiver, slot);
		return;
	}
	log = find(receiver, message);
	slot_restore(slot, log ? log->ctr_text : NULL);
	if (slot->deaths < DEATHS_MAX)
		dispatch(receiver, slot);
	else
		condemn(receiver, slot);
}

void receiver_take_over(struct receiver *receiver, struct slot *slot)
{
	executor_works(&receiver->executor, NULL);
	if (slot_phase(slot) == SLOT_ANSWERED)
		outbox_add(&receiver->executor.outbox, slot);
	else
		ask_again(receiver, slot);
	send_off(receiver);
	executor_waits(&receiver->executor);
}

void receiver_run(struct receiver *receiver)
{
	struct intake *intake = &receiver->estate->fixed->intake;

	intake->count = 0;
	run_until_stopped(receiver, intake);
	atomic_store(&receiver->stopped, true);
	if (!receiver->hand_over)
		transport_leave(receiver->transport);
	finish_receiving(receiver, intake);
	executor_waits(&receiver->executor);
}

void receiver_close(struct receiver *receiver)
{
	executor_close(&receiver->executor);
	follow_close(&receiver->follow);
}

void receiver_stop(struct receiver *receiver, pthread_t thread, bool hand_over)
{
	receiver->hand_over = hand_over;
	atomic_store(&receiver->stop, true);
	/* The signal can come just before the receiver blocks: again, until it has seen it. */
	while (!atomic_load(&receiver->stopped)) {
		if (receiver->executor.engine)
			flush_engine_wake(receiver->executor.engine);
		pthread_kill(thread, SIGUSR1);
		usleep(STOP_POKE_USEC);
	}
}
