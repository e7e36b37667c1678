/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The requests that wait for nothing, a function each, in a table by type. Each changes or reads
 * log->dirty, and builds its reply over the request. The three that may have to wait (WIRE_LANE_MAYBE)
 * leave the request as it was and return false when what they changed is not durable yet: log_write.c
 * replies for them. */
#include "server/log/answer.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/diag.h"
#include "server/base/kill_point.h"
#include "server/base/stats.h"
#include "server/log/log_write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COST_MAX_NS (86400.0 * NSEC_PER_SEC) /* of a region */

static void put_u64(struct wire_message *message, unsigned index, uint64_t value)
{
	memcpy(message->payload + index * sizeof(value), &value, sizeof(value));
}

static void reply_u64(struct wire_message *message, uint64_t value)
{
	put_u64(message, 0, value);
	wire_reply(message, 0, sizeof(value));
}

static void reply_pair(struct wire_message *message, uint64_t first, uint64_t second)
{
	put_u64(message, 0, first);
	put_u64(message, 1, second);
	wire_reply(message, 0, 2 * sizeof(uint64_t));
}

static void reply_text(struct wire_message *message, const char *text)
{
	size_t bytes = strlen(text) + 1;

	memcpy(message->payload, text, bytes);
	wire_reply(message, 0, (uint32_t)bytes);
}

static void complain(const struct mirror_log *log, const struct wire_message *message,
		     uint64_t region)
{
	stats_add(STATS_REFUSED, 1);
	diag_limited(DIAG_WARNING, "%s of log %s: region %" PRIu64 " is not below %" PRIu64,
		     wire_opcode(message)->name, log->uuid, region, log->dirty.config.region_count);
}

/* All or nothing: a request with one bad region changes no bit. */
static bool regions_valid(const struct mirror_log *log, struct wire_message *message,
			  unsigned count)
{
	const uint64_t *regions = wire_regions(message);

	for (unsigned i = 0; i < count; i++) {
		if (dirty_log_region_valid(&log->dirty, regions[i]))
			continue;
		complain(log, message, regions[i]);
		wire_reply(message, -EINVAL, 0);
		return false;
	}
	return true;
}

/* A query must have its 8 bytes and no error whatever was asked (docs/protocol.md, trap 1): a
 * region that does not exist is neither in sync nor clean. */
static bool answer_query(struct mirror_log *log, struct wire_message *message)
{
	uint64_t region = wire_regions(message)[0];
	bool yes = false;

	kill_point("query");
	if (!dirty_log_region_valid(&log->dirty, region))
		complain(log, message, region);
	else if (wire_type(message) == DM_ULOG_IN_SYNC)
		yes = dirty_log_in_sync(&log->dirty, region);
	else
		yes = dirty_log_is_clean(&log->dirty, region);
	reply_u64(message, yes);
	return true;
}

static bool answer_clear(struct mirror_log *log, struct wire_message *message)
{
	unsigned count = wire_region_count(message);

	tally_add(&log->tally.changes);
	if (!regions_valid(log, message, count))
		return true;
	for (unsigned i = 0; i < count; i++)
		dirty_log_clear(&log->dirty, wire_regions(message)[i]);
	wire_reply(message, 0, 0);
	return true;
}

/* The kernel's own log would have written, and noticed a dead device. */
static void note_use(struct mirror_log *log, uint64_t region)
{
	log->probe.region = region;
	if (!log->probe.asleep)
		return;
	log->probe.asleep = false;
	log->probe.mail.kind = MAIL_USED;
	mirror_log_post(log, &log->probe.mail);
}

/* What follows in a stream of writes is written along, and waits for nothing when it comes. What is cleared at once
 * would be written twice, and what is never cleared resynced. */
static void mark_ahead(struct mirror_log *log, uint64_t region, bool written)
{
	const struct estate_settings *settings = &log->estate->fixed->settings;
	unsigned max = atomic_load_explicit(&settings->mark_ahead, memory_order_relaxed);
	uint64_t lazy = dirty_log_lazy_count(&log->dirty);
	uint64_t max_lazy = atomic_load_explicit(&settings->max_lazy, memory_order_relaxed);
	unsigned count;
	int step;

	if (max == 0 || !log->args.disk || log->clears.phase == CLEARS_SPOILT)
		return;
	count = streams_follow(&log->streams, region, written, max, &step);
	if (count == 0 || lazy + count > max_lazy ||
	    atomic_load_explicit(&settings->clear_delay_ns, memory_order_relaxed) == 0)
		return;
	dirty_log_mark_ahead(&log->dirty, region, step, count);
}

/* A request that is served again, since it has to wait, finds its regions dirty. */
static void mark(struct mirror_log *log, uint64_t region)
{
	enum dirty_log_mark was = dirty_log_mark(&log->dirty, region);

	if (was != DIRTY_LOG_WAS_DIRTY)
		mark_ahead(log, region, was == DIRTY_LOG_WAS_CLEAN);
}

/* MARK, and FLUSH with or without regions. The kernel asks for the durability of a MARK only in the
 * FLUSH behind it; but a MARK that we had answered, and forgot when we were killed, it would not send
 * again. So both wait, and the FLUSH of a MARK has nothing left to wait for. */
static bool answer_mark_or_flush(struct mirror_log *log, struct wire_message *message)
{
	unsigned count = wire_region_count(message);

	kill_point("mark-or-flush");
	tally_add(&log->tally.changes);
	if (!regions_valid(log, message, count))
		return true;
	for (unsigned i = 0; i < count; i++)
		mark(log, wire_regions(message)[i]);
	if (!log_write_is_durable(log))
		return false;
	if (count > 0)
		note_use(log, wire_regions(message)[count - 1]);
	wire_reply(message, 0, 0);
	return true;
}

static bool answer_set_region_sync(struct mirror_log *log, struct wire_message *message)
{
	bool in_sync = wire_regions(message)[1] != 0;

	tally_add(&log->tally.changes);
	if (!regions_valid(log, message, 1))
		return true;
	dirty_log_set_region_sync(&log->dirty, wire_regions(message)[0], in_sync);
	tally_recovery_ended(&log->tally, in_sync, clock_coarse());
	mirror_log_count_standing(log);
	if (!in_sync && !log_write_is_durable(log))
		return false;
	wire_reply(message, 0, 0);
	return true;
}

static void remember_asked(struct mirror_log *log, _Atomic bool *asked)
{
	if (atomic_load_explicit(asked, memory_order_relaxed))
		return;
	atomic_store_explicit(asked, true, memory_order_relaxed);
	mirror_log_record_status(log);
}

/* What a region costs: how long the rate takes to earn it. Steps that nobody has asked for are not saved up. */
static void pay(struct mirror_log *log, int64_t now)
{
	double bytes = (double)log->args.region_size * 512;
	/* A step is waited for, and the kernel comes a while later. */
	int64_t from = now - 2 * PACE_STEP_NS;
	double cost_ns;

	if (log->pace.rate == 0)
		return;
	cost_ns = bytes / (double)log->pace.rate * NSEC_PER_SEC;
	if (log->pace.paid_ns > from)
		from = log->pace.paid_ns;
	log->pace.paid_ns = from + (int64_t)(cost_ns < COST_MAX_NS ? cost_ns : COST_MAX_NS);
}

/* The kernel is told that there is no work, and the worker sees to it that it asks again; as does a successor. */
static bool hold_back(struct mirror_log *log)
{
	if (log->pace.owed)
		return true;
	log->pace.owed = true;
	mirror_log_record_status(log);
	log->pace.owed_mail.kind = MAIL_OWED;
	mirror_log_post(log, &log->pace.owed_mail);
	return true;
}

/* While the last region is out of sync its writes pass four times in a second at most (docs/protocol.md, trap 2), so that
 * one is recovered also while all others wait. */
static bool is_paused(const struct mirror_log *log)
{
	return atomic_load_explicit(&log->pace.paused, memory_order_relaxed) &&
	       !dirty_log_begins_with_last(&log->dirty);
}

static void see_rate(struct mirror_log *log)
{
	uint64_t rate = atomic_load_explicit(&log->estate->fixed->settings.resync_rate,
					     memory_order_relaxed);

	if (rate != log->pace.rate)
		log->pace.paid_ns = 0;
	log->pace.rate = rate;
}

/* Whether no region may be handed out now, but for one that is out already and was not heard of. */
static bool is_held_back(struct mirror_log *log)
{
	int64_t now = clock_coarse();

	if (dirty_log_is_recovering(&log->dirty))
		return false;
	if (is_paused(log))
		return true;
	see_rate(log);
	if (log->pace.rate > 0 && log->pace.paid_ns > now &&
	    dirty_log_sync_count(&log->dirty) < log->args.region_count)
		return hold_back(log);
	if (log->pace.owed) {
		log->pace.owed = false;
		mirror_log_record_status(log);
	}
	pay(log, now);
	return false;
}

static void hand_out(struct mirror_log *log, struct wire_message *message, uint64_t region)
{
	tally_recovering(&log->tally, region);
	reply_pair(message, 1, region);
}

static bool answer_get_resync_work(struct mirror_log *log, struct wire_message *message)
{
	uint64_t region =
		is_held_back(log) ? DIRTY_LOG_NO_REGION : dirty_log_get_resync_work(&log->dirty);

	remember_asked(log, &log->answered.resync_work);
	if (region == DIRTY_LOG_NO_REGION)
		reply_pair(message, 0, 0);
	else
		hand_out(log, message, region);
	return true;
}

static bool answer_get_sync_count(struct mirror_log *log, struct wire_message *message)
{
	uint64_t n = log->dirty.config.region_count;
	uint64_t count = dirty_log_sync_count(&log->dirty);

	/* Before the first RESUME the kernel must not think that all is in sync: it would lose the
	 * hint again at RESUME and ask for resync work on every read ever after. */
	if (!log->life.ever_resumed && count == n)
		count = n - 1;
	if (count == n)
		remember_asked(log, &log->answered.sync_count);
	reply_u64(message, count);
	return true;
}

static bool answer_is_remote_recovering(struct mirror_log *log, struct wire_message *message)
{
	reply_pair(message, 0, dirty_log_sync_hint(&log->dirty));
	return true;
}

static bool answer_status_info(struct mirror_log *log, struct wire_message *message)
{
	char text[64];

	if (!log->args.disk)
		snprintf(text, sizeof(text), "1 %s", log->args.type);
	else
		snprintf(text, sizeof(text), "3 %s %u:%u %c", log->args.type, log->device->major,
			 log->device->minor, mirror_log_health(log) == LOG_SOUND ? 'A' : 'D');
	reply_text(message, text);
	return true;
}

/* The constructor's arguments without the mirror's length, as the table line has them. */
static bool answer_status_table(struct mirror_log *log, struct wire_message *message)
{
	const char *text = strchr(log->ctr_text, ' ');

	if (text && strlen(text + 1) < sizeof(message->payload))
		reply_text(message, text + 1);
	else
		wire_reply(message, -EINVAL, 0);
	return true;
}

static bool answer_get_region_size(struct mirror_log *log, struct wire_message *message)
{
	reply_u64(message, log->args.region_size);
	return true;
}

/* Those that the worker alone may carry out (WIRE_LANE_WORKER) have no entry. */
static bool (*const answers[WIRE_TYPES])(struct mirror_log *log, struct wire_message *message) = {
	[DM_ULOG_GET_REGION_SIZE] = answer_get_region_size,
	[DM_ULOG_IS_CLEAN] = answer_query,
	[DM_ULOG_IN_SYNC] = answer_query,
	[DM_ULOG_FLUSH] = answer_mark_or_flush,
	[DM_ULOG_MARK_REGION] = answer_mark_or_flush,
	[DM_ULOG_CLEAR_REGION] = answer_clear,
	[DM_ULOG_GET_RESYNC_WORK] = answer_get_resync_work,
	[DM_ULOG_SET_REGION_SYNC] = answer_set_region_sync,
	[DM_ULOG_GET_SYNC_COUNT] = answer_get_sync_count,
	[DM_ULOG_STATUS_INFO] = answer_status_info,
	[DM_ULOG_STATUS_TABLE] = answer_status_table,
	[DM_ULOG_IS_REMOTE_RECOVERING] = answer_is_remote_recovering,
};

bool answer(struct mirror_log *log, struct wire_message *message)
{
	enum wire_lane lane = wire_opcode(message)->lane;
	bool answered;

	if (lane == WIRE_LANE_WORKER)
		return false;
	answered = answers[wire_type(message)](log, message);
	CHECK(answered || lane == WIRE_LANE_MAYBE);
	return answered;
}
