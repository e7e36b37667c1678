/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The estate: all memory that outlives the serving process, so that its successor goes on where it was
 * killed (docs/restart.md). One memfd, held by the supervisor:
 *
 *   header | intake | executors | directory | slots | extent of a log | extent of a log | ...
 *
 * All but the extents is mapped as one; each extent by itself. There are no pointers in it that a
 * successor follows: it may lie at another address.
 *
 * An extent begins with the log's record; its bits follow. The directory tells where extents are.
 * Extents are never laid over old ones: the file grows, and what is gone is a hole.
 *
 * | operation                          | by                                        |
 * |------------------------------------|-------------------------------------------|
 * | estate_create, _take_over          | one thread, before others start           |
 * | estate_add, _publish, _drop, _free, _open | any thread                         |
 * | an executor, the intake, a record  | its owner                                 |
 */
#ifndef SERVER_RESTART_ESTATE_H
#define SERVER_RESTART_ESTATE_H

#include <pthread.h>

#include "server/netlink/slot.h"
#include "server/protocol/ctr_args.h"

#define ESTATE_SLOTS 16384u
#define ESTATE_LOGS_MAX 131072u
#define ESTATE_WORKERS_MAX 64u
#define ESTATE_RECEIVER ESTATE_WORKERS_MAX /* its executor's number */
#define ESTATE_CONTROL (ESTATE_WORKERS_MAX + 1) /* the control thread's, which executes no log */
#define ESTATE_MIRRORS (ESTATE_WORKERS_MAX + 2) /* nor does the mirrors thread */
#define ESTATE_EXECUTORS (ESTATE_WORKERS_MAX + 3)
#define ESTATE_JOBS 16u /* threads that are at the bits of one log, beside its worker */
#define ESTATE_LEGS_MAX 18u /* of two full tables */
#define ESTATE_FLIGHTS 1024u /* of a executor */
#define DEATHS_MAX 3u /* crashes that a request, or a log being taken over, may cause */

/* How a log counts for whoever asks how the server does. */
enum estate_standing {
	ESTATE_UNCOUNTED, /* not made yet, or about to go */
	ESTATE_SOUND,
	ESTATE_FAILED, /* status D */
	ESTATE_RESYNCING, /* active, and not in sync */
	ESTATE_STANDINGS
};

/* Blocks of a log's image on their way to the device. A predecessor's count as changed. */
struct flight {
	uint64_t log; /* directory entry + 1, 0: none */
	uint64_t first, count; /* blocks */
};

/* What a thread is at, for the successor to blame. */
struct estate_duty {
	_Atomic uint64_t executing; /* arrival of the request in hand, 0: none */
	_Atomic uint64_t taking_over; /* directory entry + 1 of the log being taken over, 0: none */
	_Atomic uint32_t crashed; /* not 0: it was this thread that crashed, or hung */
	_Atomic uint32_t taken; /* of a job: it is some thread's */
};

/* What one thread that executes logs leaves behind. */
struct estate_executor {
	_Alignas(64) struct estate_duty duty;
	_Atomic uint32_t thread; /* its id, 0: it has not begun */
	_Atomic uint64_t
		turn; /* odd: it works, and works on while this stays the same; even: it waits */
	_Atomic uint64_t
		at_log; /* directory entry + 1 of the log it executes or last did, 0: none */
	struct dispatch dispatch;
	struct flight flights[ESTATE_FLIGHTS];
};

/* A log's identity, constant; and its status, one word, so that it changes at once. */
struct log_record {
	uint64_t number; /* directory entry */
	uint64_t offset, bytes; /* of the extent, page-aligned */
	uint64_t memory_bytes; /* of the bits */
	uint64_t luid;
	uint64_t id;
	uint32_t block_bytes; /* of the log device, 0: a core log */
	uint32_t major, minor; /* of it: its name may come to mean another */
	uint64_t diskseq; /* and its number as well: log_device.h */
	uint32_t no_legs;
	char uuid[DM_UUID_LEN];
	char ctr_text[CTR_ARGS_TEXT_MAX + 1];
	uint64_t checksum; /* over all before */
	_Atomic uint64_t status; /* log.c; 0: not published */
	/* Of rewrite.c, clock_now(): when a RESUME last had its device read, and was not answered yet; when what is dirty
	 * was written again behind it. 0: never. */
	_Atomic int64_t read_ns, rewritten_ns;
	_Atomic uint64_t wrote; /* estate_fixed.writers when this log began to write its device */
	_Atomic uint32_t deaths; /* of servers that were taking it up */
	_Atomic uint64_t gone; /* not 0: the kernel was told that the log is gone */
	/* The mirror's legs, for the successor of a mirror that is just being removed. */
	_Atomic uint32_t nlegs; /* 0: not known, or too many */
	uint32_t legs[ESTATE_LEGS_MAX][2]; /* major, minor */
};

/* Where a log's extent is, and what a successor looks for it by before it has read the record. */
struct estate_entry {
	_Atomic uint64_t offset; /* 0: free */
	_Atomic uint64_t luid;
	_Atomic uint64_t device; /* estate_device(); 0: a core log, or not published */
};

struct estate_header {
	uint64_t magic;
	uint64_t layout;
	uint64_t bytes; /* of estate_fixed */
	uint64_t record_bytes, head_bytes, slot_bytes;
	char version[16]; /* of the program, for messages */
	char boot_id[40];
	uint64_t checksum; /* over all before */
};

/* What may be changed while a server runs, and holds for those that follow it; the options of the next program go
 * before (settings.h). Each value by itself; any thread. */
struct estate_settings {
	_Alignas(64) _Atomic int64_t clear_delay_ns; /* 0: as soon as the legs are flushed */
	_Atomic uint64_t max_lazy; /* regions of a log */
	_Atomic uint64_t resync_rate; /* bytes in a second, of a mirror; 0: no limit */
	_Atomic unsigned mark_ahead; /* regions at a time; 0: none */
	_Atomic int log_level; /* enum diag_level */
	_Atomic uint32_t changes; /* how often one of them was changed */
};

/* The stall that the kernel has seen last, by part: when each ended (clock_now()). The supervisor's and the new
 * server's. */
struct estate_stall {
	_Atomic int64_t noticed_ns; /* the supervisor has found the server dead */
	_Atomic int64_t begun_ns; /* the new server runs: woken, or forked */
	_Atomic int64_t threads_ns; /* its threads and rings are there */
	_Atomic int64_t judged_ns; /* it has looked through the slots, and listed the logs */
	_Atomic int64_t served_ns; /* what was in hand is answered, and it receives */
	_Atomic int64_t whole_ns; /* all logs are taken up */
};

struct estate_fixed {
	struct estate_header header;
	struct estate_settings settings;
	_Atomic uint64_t end; /* of the last extent */
	_Atomic uint64_t last_id;
	_Atomic uint64_t arrivals;
	_Atomic uint64_t writers; /* how often a device got another writer */
	_Atomic uint32_t generation; /* servers that have been started on it */
	_Atomic uint32_t served; /* of them, how many have become ready */
	_Atomic int64_t
		stays_until_ns; /* the supervisor's end is not the server's before; 0: it is */
	_Atomic uint32_t standby; /* the process that has become ready to stand by last */
	struct estate_stall stall;
	_Atomic uint32_t crashed; /* not 0: the last one has ended by its own fault */
	_Atomic uint64_t taking_over; /* as estate_duty.taking_over, of the receiver's thread */
	_Atomic uint32_t
		standings[ESTATE_STANDINGS]; /* of the server's logs; begins at 0 with each */
	struct intake intake;
	struct estate_executor executors[ESTATE_EXECUTORS];
	struct estate_duty jobs[ESTATE_JOBS]; /* bits_job.h */
	_Atomic uint32_t entries; /* of the directory: none behind them was ever used */
	struct estate_entry directory[ESTATE_LOGS_MAX];
	struct slot slots[ESTATE_SLOTS];
};

struct estate {
	int fd;
	struct estate_fixed *fixed;
	pthread_mutex_t lock; /* directory entries are taken and freed under it */
	uint32_t hint;
	uint64_t granted; /* bytes that were there when we looked last, and are not taken yet */
	uint64_t logs_max; /* for whom a successor has a mapping; before the first log */
	uint32_t logs_granted; /* of these, when we counted last, and not made yet */
};

/* Make an empty one. 0 or -errno. */
int estate_create(struct estate *estate);

/* Take over one that another process has made, through its fd. Returns -errno, with the reason in
 * *why (a static string), if it is of another program version or boot, or damaged. */
int estate_take_over(struct estate *estate, int fd, const char **why);

/* Set the header's checksum. */
void estate_seal(struct estate_header *header);

void estate_close(struct estate *estate);

/* An extent for memory_bytes of a log's bits, mapped and zeroed, with all its pages; NULL: they cannot be had
 * without somebody being killed for memory, or there are too many logs. Takes long if it is large. The
 * caller fills in the identity and publishes. */
struct log_record *estate_add(struct estate *estate, uint64_t memory_bytes);

/* The record is whole: a successor will find it. */
void estate_publish(struct estate *estate, struct log_record *record);

/* A log device as a directory entry has it. */
static inline uint64_t estate_device(uint32_t major, uint32_t minor)
{
	return UINT64_C(1) << 63 | (uint64_t)major << 32 | minor;
}

/* The kernel is about to hear that the log is gone: no successor will find it. */
void estate_drop(struct log_record *record);

/* Give the extent back. Nobody looks at it any more. */
void estate_free(struct estate *estate, struct log_record *record);

/* The log of directory entry number - 1 was being taken over by a server that crashed; 0: none. */
void estate_blame(struct estate *estate, uint64_t number);

/* Leave it to a successor. */
void estate_unmap(struct log_record *record);

/* The uuid of the log of directory entry number - 1. False: there is none. */
bool estate_uuid(const struct estate *estate, uint64_t number, char uuid[DM_UUID_LEN]);

/* The published record of a directory entry, mapped; NULL: there is none. A damaged one is counted in *damaged and
 * freed, as is what a predecessor was making or freeing. Each once, before anybody else knows of it. */
struct log_record *estate_open(struct estate *estate, uint32_t number, unsigned *damaged);

/* For the watchdog: the executor begins a turn; or it waits, which may take for ever. Its own thread. */
static inline void estate_works(struct estate_executor *executor)
{
	uint64_t turn = atomic_load_explicit(&executor->turn, memory_order_relaxed);

	atomic_store_explicit(&executor->turn, (turn + 1) | 1, memory_order_relaxed);
}

static inline void estate_waits(struct estate_executor *executor)
{
	uint64_t turn = atomic_load_explicit(&executor->turn, memory_order_relaxed);

	atomic_store_explicit(&executor->turn, (turn + 1) & ~UINT64_C(1), memory_order_relaxed);
}

static inline bool estate_turn_is_work(uint64_t turn)
{
	return turn & 1;
}

/* The bits of a log: 64-byte aligned, record->memory_bytes. */
void *log_record_memory(struct log_record *record);

#endif
