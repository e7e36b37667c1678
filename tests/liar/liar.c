/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server that is wrong about one thing, which dirtylog-load must notice:
 *     dirtylog-load --spawn='liar LIE' ...        liar --list
 * A supervisor and a server, so that the server can be killed. What a successor needs is in memory that both
 * share: the logs, the request in hand, and the headers of recvmmsg and sendmmsg, in which the kernel itself
 * notes that one was received or sent.
 */
#include "perf/generator/connector.h"
#include "tests/liar/liar_log.h"
#include "tests/liar/lies.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOGS 2u
#define NOW_AND_THEN 50u /* a lie about a message is told once in so many */

static struct shared {
	struct mmsghdr in, out;
	struct iovec in_iov, out_iov;
	struct wire_message request, reply, old;
	struct sockaddr_nl from;
	bool ready; /* the reply is whole */
	bool owes; /* a FLUSH was answered whose marks are still to be written */
	unsigned requests;
	struct liar_log logs[LOGS];
} * shared;

static struct liar_log *find_log(uint64_t luid)
{
	for (unsigned i = 0; i < LOGS; i++)
		if (shared->logs[i].used && shared->logs[i].luid == luid)
			return &shared->logs[i];
	return NULL;
}

static struct liar_log *other_log(struct liar_log *log)
{
	struct liar_log *other = &shared->logs[log == shared->logs];

	return other->used ? other : log;
}

static void reply_words(struct wire_message *message, uint64_t first, uint64_t second,
			unsigned count)
{
	uint64_t words[2] = {first, second};

	memcpy(message->payload, words, sizeof(words));
	wire_reply(message, 0, count * (uint32_t)sizeof(uint64_t));
}

static void reply_text(struct wire_message *message, const char *text)
{
	strcpy((char *)message->payload, text);
	wire_reply(message, 0, (uint32_t)strlen(text) + 1);
}

/* --- bits --- */

static uint64_t regions_of(const struct liar_log *log)
{
	return log->args.region_count;
}

static uint64_t next_region(const struct liar_log *log, uint64_t region)
{
	return (region + 1) % regions_of(log);
}

static void answer_in_sync(struct liar_log *log, struct wire_message *message)
{
	uint64_t region = wire_regions(message)[0];
	bool yes;

	if (lies(LIE_ANOTHER_LOG))
		log = other_log(log);
	if (lies(LIE_IN_SYNC_OF_ANOTHER))
		region = next_region(log, region);
	yes = dirty_log_in_sync(&log->dirty, region);
	reply_words(message, (yes || lies(LIE_ALWAYS_IN_SYNC)) && !lies(LIE_NEVER_IN_SYNC), 0, 1);
}

static void answer_is_clean(struct liar_log *log, struct wire_message *message)
{
	uint64_t region = wire_regions(message)[0];
	bool yes;

	if (lies(LIE_CLEAN_OF_ANOTHER))
		region = next_region(log, region);
	yes = dirty_log_is_clean(&log->dirty, region);
	reply_words(message, (yes || lies(LIE_ALWAYS_CLEAN)) && !lies(LIE_NEVER_CLEAN), 0, 1);
}

static void mark(struct liar_log *log, struct wire_message *message)
{
	unsigned count = wire_region_count(message);

	if (lies(LIE_MARK_LOST))
		return;
	if (lies(LIE_FLUSH_PAYLOAD_IGNORED) && wire_type(message) == DM_ULOG_FLUSH)
		return;
	if (lies(LIE_LAST_MARK_LOST) && count > 1)
		count--;
	for (unsigned i = 0; i < count; i++)
		dirty_log_mark(&log->dirty, wire_regions(message)[i]);
	for (uint64_t i = 0; lies(LIE_MARKS_ALL) && count > 0 && i < regions_of(log); i++)
		dirty_log_mark(&log->dirty, i);
}

static void answer_mark(struct liar_log *log, struct wire_message *message)
{
	mark(log, message);
	wire_reply(message, 0, 0);
}

static void answer_flush(struct liar_log *log, struct wire_message *message)
{
	mark(log, message);
	if (lies(LIE_FLUSH_EARLY) || lies(LIE_FLUSH_A_MOMENT_EARLY))
		shared->owes = true;
	else if (!lies(LIE_MARKS_NOT_WRITTEN))
		liar_log_write(log);
	wire_reply(message, 0, 0);
}

static void clear(struct liar_log *log, uint64_t region)
{
	if (lies(LIE_CLEAR_RECOVERS))
		dirty_log_set_region_sync(&log->dirty, region, true);
	dirty_log_clear(&log->dirty, region);
	if (lies(LIE_CLEARS_NEIGHBOUR))
		dirty_log_clear(&log->dirty, next_region(log, region));
	for (uint64_t i = 0; lies(LIE_CLEARS_ALL) && i < regions_of(log); i++)
		dirty_log_clear(&log->dirty, i);
}

static void answer_clear(struct liar_log *log, struct wire_message *message)
{
	for (unsigned i = 0; i < wire_region_count(message) && !lies(LIE_CLEAR_FORGOTTEN); i++)
		clear(log, wire_regions(message)[i]);
	wire_reply(message, 0, 0);
}

static void answer_set_sync(struct liar_log *log, struct wire_message *message)
{
	uint64_t region = wire_regions(message)[0];
	bool in_sync = wire_regions(message)[1] != 0;

	log->stale_count = dirty_log_sync_count(&log->dirty);
	log->settled = region;
	if (!lies(in_sync ? LIE_SYNC_FORGOTTEN : LIE_NOSYNC_FORGOTTEN))
		dirty_log_set_region_sync(&log->dirty, region, in_sync);
	if (!lies(LIE_NOSYNC_NOT_WRITTEN))
		liar_log_write(log);
	wire_reply(message, 0, 0);
}

/* --- recovery --- */

static void answer_count(struct liar_log *log, struct wire_message *message)
{
	uint64_t count = dirty_log_sync_count(&log->dirty);

	if (lies(LIE_COUNT_STALE) && log->settled != DIRTY_LOG_NO_REGION)
		count = log->stale_count;
	if (lies(LIE_COUNT_FULL_BEFORE_RESUME) && !log->resumed)
		count = regions_of(log);
	reply_words(message, count, 0, 1);
}

static void answer_work(struct liar_log *log, struct wire_message *message)
{
	uint64_t region = dirty_log_get_resync_work(&log->dirty);

	if (lies(LIE_WORK_TWICE) && log->settled != DIRTY_LOG_NO_REGION)
		region = log->settled;
	if (lies(LIE_WORK_NEVER) && region == regions_of(log) / 2)
		region = DIRTY_LOG_NO_REGION;
	if (lies(LIE_WORK_IN_SYNC) && region == DIRTY_LOG_NO_REGION)
		region = 0;
	if (lies(LIE_WORK_BEHIND_END))
		region = regions_of(log);
	if (lies(LIE_WORK_BEFORE_SETTLED))
		region = shared->requests % regions_of(log);
	if (region == DIRTY_LOG_NO_REGION)
		reply_words(message, 0, 0, 2);
	else
		reply_words(message, 1, region, 2);
}

static void answer_remote(struct liar_log *log, struct wire_message *message)
{
	uint64_t hint = dirty_log_sync_hint(&log->dirty);

	reply_words(message, lies(LIE_REMOTE_RECOVERING),
		    lies(LIE_HINT_FULL) ? regions_of(log) : hint, 2);
}

/* --- life --- */

static void answer_ctr(struct wire_message *message)
{
	struct liar_log *log = find_log(message->request.luid);
	int r;

	for (unsigned i = 0; i < LOGS && !log; i++)
		if (!shared->logs[i].used || shared->logs[i].gone)
			log = &shared->logs[i];
	r = log ? liar_log_make(log, message) : -ENOMEM;
	if (r < 0)
		wire_reply(message, r, 0);
	else if (log->args.disk)
		reply_text(message, (lies(LIE_DEVICE_OF_ANOTHER) ? other_log(log) : log)->number);
	else
		wire_reply(message, 0, 0);
}

static void answer_dtr(struct liar_log *log, struct wire_message *message)
{
	log->gone = true;
	wire_reply(message, 0, 0);
}

static void answer_postsuspend(struct liar_log *log, struct wire_message *message)
{
	liar_log_write(log);
	if (!lies(LIE_CLEARS_NOT_WRITTEN))
		liar_log_release(log);
	wire_reply(message, 0, 0);
}

static void answer_presuspend(struct liar_log *log, struct wire_message *message)
{
	wire_reply(message, 0, 0);
}

static void answer_resume(struct liar_log *log, struct wire_message *message)
{
	liar_log_resume(log);
	wire_reply(message, 0, 0);
}

static void answer_region_size(struct liar_log *log, struct wire_message *message)
{
	reply_words(message, log->args.region_size << lies(LIE_REGION_SIZE), 0, 1);
}

static void answer_status(struct liar_log *log, struct wire_message *message)
{
	char text[64];

	if (lies(LIE_STATUS_OF_ANOTHER))
		log = other_log(log);
	snprintf(text, sizeof(text), "3 disk %s %c", log->number,
		 lies(LIE_STATUS_DEAD) ? 'D' : 'A');
	reply_text(message, log->args.disk ? text : "1 core");
}

static void answer_table(struct liar_log *log, struct wire_message *message)
{
	if (lies(LIE_TABLE_OF_ANOTHER))
		log = other_log(log);
	reply_text(message, strchr(log->text, ' ') + 1);
}

static void answer_gone(struct wire_message *message)
{
	wire_reply_unknown_log(message);
	if (lies(LIE_GONE_WRONG_ERROR))
		message->request.error = -EINVAL;
	if (lies(LIE_GONE_WRONG_SIZE))
		wire_reply(message, -ESRCH, 0);
}

static void (*const answers[WIRE_TYPES])(struct liar_log *log, struct wire_message *message) = {
	[DM_ULOG_DTR] = answer_dtr,
	[DM_ULOG_PRESUSPEND] = answer_presuspend,
	[DM_ULOG_POSTSUSPEND] = answer_postsuspend,
	[DM_ULOG_RESUME] = answer_resume,
	[DM_ULOG_GET_REGION_SIZE] = answer_region_size,
	[DM_ULOG_IS_CLEAN] = answer_is_clean,
	[DM_ULOG_IN_SYNC] = answer_in_sync,
	[DM_ULOG_FLUSH] = answer_flush,
	[DM_ULOG_MARK_REGION] = answer_mark,
	[DM_ULOG_CLEAR_REGION] = answer_clear,
	[DM_ULOG_GET_RESYNC_WORK] = answer_work,
	[DM_ULOG_SET_REGION_SYNC] = answer_set_sync,
	[DM_ULOG_GET_SYNC_COUNT] = answer_count,
	[DM_ULOG_STATUS_INFO] = answer_status,
	[DM_ULOG_STATUS_TABLE] = answer_table,
	[DM_ULOG_IS_REMOTE_RECOVERING] = answer_remote,
};

static void write_what_is_owed(void)
{
	for (unsigned i = 0; shared->owes && i < LOGS; i++)
		if (shared->logs[i].used)
			liar_log_write(&shared->logs[i]);
	shared->owes = false;
}

static void answer(struct wire_message *message)
{
	struct liar_log *log = find_log(message->request.luid);
	unsigned type = wire_type(message);

	write_what_is_owed();
	if (type == DM_ULOG_CTR)
		answer_ctr(message);
	else if (log && (!log->gone || lies(LIE_GONE_ANSWERS)))
		answers[type](log, message);
	else if (type == DM_ULOG_DTR)
		wire_reply(message, 0, 0);
	else
		answer_gone(message);
}

/* --- messages --- */

static void garble(struct wire_message *message)
{
	uint32_t size = message->request.data_size;

	switch (told) {
	case LIE_ERROR:
		wire_reply(message, -EINVAL, size);
		break;
	case LIE_POSITIVE_ERROR:
		wire_reply(message, EIO, size);
		break;
	case LIE_SHORT:
		wire_reply(message, 0, size / 2);
		break;
	case LIE_LONG:
		wire_reply(message, 0, size + 8);
		break;
	case LIE_SEQ:
		message->request.seq = message->cn.seq += 1000000;
		break;
	case LIE_CN_SEQ:
		message->cn.seq++;
		break;
	case LIE_LUID:
		message->request.luid++;
		break;
	case LIE_UUID:
		message->request.uuid[0]++;
		break;
	case LIE_TYPE:
		message->request.request_type = DM_ULOG_IS_CLEAN;
		break;
	default:
		break;
	}
}

static void send_again(int fd, struct wire_message *message)
{
	sendto(fd, &message->nl, wire_length(message), 0, (struct sockaddr *)&shared->from,
	       sizeof(shared->from));
}

/* The first of what may be asked before any log is there is the greeting, which is not the test's. */
static void lie_about_message(int fd, bool now)
{
	bool dtr = wire_type(&shared->reply) == DM_ULOG_DTR;

	if (now && lies(LIE_REPLY_TWICE))
		send_again(fd, &shared->reply);
	if (now && lies(LIE_REPLY_TWICE_LATE))
		send_again(fd, &shared->old);
	if (dtr && lies(LIE_LAST_REPLY_TWICE) && shared->logs[0].used)
		send_again(fd, &shared->reply);
	shared->old = shared->reply;
}

static bool is_time_to_lie(void)
{
	return wire_type(&shared->request) == DM_ULOG_IN_SYNC &&
	       shared->requests % NOW_AND_THEN == NOW_AND_THEN / 2;
}

static void send_reply(int fd)
{
	shared->from.nl_groups = 0;
	shared->out_iov.iov_len = wire_length(&shared->reply);
	if (sendmmsg(fd, &shared->out, 1, 0) != 1)
		_exit(1); /* the generator has ended */
}

static void make_reply(void)
{
	shared->requests++;
	shared->reply = shared->request;
	answer(&shared->reply);
	if (is_time_to_lie())
		garble(&shared->reply);
	shared->ready = true;
}

/* Each step is gone through again by a successor, unless what it does can be seen to be done. */
static void serve_one(int fd)
{
	if (shared->in.msg_len == 0) {
		shared->ready = false;
		shared->out.msg_len = 0;
		if (recvmmsg(fd, &shared->in, 1, 0, NULL) != 1)
			_exit(1);
	}
	if (!shared->ready)
		make_reply();
	if (shared->out.msg_len == 0 && !(lies(LIE_REPLY_LOST) && is_time_to_lie()))
		send_reply(fd);
	if (lies(LIE_FLUSH_A_MOMENT_EARLY))
		write_what_is_owed();
	lie_about_message(fd, is_time_to_lie());
	shared->in.msg_len = 0;
}

static void take_over(void)
{
	for (unsigned i = 0; i < LOGS; i++) {
		struct liar_log *log = &shared->logs[i];

		if (!log->used || log->gone)
			continue;
		dirty_log_settle(&log->dirty);
		if (lies(LIE_EMPTY_AFTER_KILL))
			liar_log_start_over(log);
	}
}

static pid_t start_server(int fd, bool first)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_DFL);
	if (!first)
		take_over();
	for (;;)
		serve_one(fd);
}

static void set_up(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		exit(1);
	shared->in_iov = (struct iovec){&shared->request.nl, WIRE_DATAGRAM_MAX};
	shared->out_iov = (struct iovec){&shared->reply.nl, 0};
	shared->in.msg_hdr = (struct msghdr){.msg_name = &shared->from,
					     .msg_namelen = sizeof(shared->from),
					     .msg_iov = &shared->in_iov,
					     .msg_iovlen = 1};
	shared->out.msg_hdr = shared->in.msg_hdr;
	shared->out.msg_hdr.msg_iov = &shared->out_iov;
}

static volatile sig_atomic_t server;

static void on_term(int number)
{
	kill(server, SIGKILL);
	_exit(0);
}

int main(int argc, char **argv)
{
	bool first = true;
	int fd, status;

	if (argc > 1 && strcmp(argv[1], "--list") == 0) {
		lies_list();
		return 0;
	}
	if (argc < 2 || !lies_tell(argv[1]))
		return 2;
	set_up();
	fd = connector_open(0, NULL);
	if (fd < 0 || connector_make_room(fd) != 0 || connector_join(fd) != 0)
		return 1;
	signal(SIGTERM, on_term);
	do {
		server = start_server(fd, first);
		first = false;
	} while (waitpid(server, &status, 0) == server && WIFSIGNALED(status) &&
		 WTERMSIG(status) == SIGKILL);
	return 1;
}
