/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines through a bounded ring to a writer thread.
 *
 * The ring is a bounded queue for many producers: each line has a sequence number that tells whose turn it
 * is. A producer takes a ticket (claim), formats into the line, and raises the sequence, which shows the
 * line to the writer; the writer raises it by a whole round, which frees it. A full ring loses the line
 * and counts it.
 *
 * Before diag_start and after diag_stop the caller writes by itself, and waits for a moment at most: a
 * line that is not taken is lost. After it no line waits until one has passed, so that many cost no more
 * than one. The count of the lost is in memory that forks share: it is said once, by whoever can.
 */
#include "server/base/diag.h"

#include "server/base/clock.h"
#include "server/base/diag_sink.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_LINES 512u
#define LIMIT_LINES 10u
#define FLUSH_LIMIT_NS (200 * NSEC_PER_MSEC)
#define JOIN_LIMIT_NS (200 * NSEC_PER_MSEC) /* behind that, for a write that does not come back */
#define WRITER_WAIT_NS (50 * NSEC_PER_MSEC) /* until the writer looks whether it shall stop */
#define CALLER_WAIT_NS (20 * NSEC_PER_MSEC)
#define LIMIT_WINDOW_NS (5 * NSEC_PER_SEC)

/* A line is free at its turn (sequence == ticket), written at ticket + 1. */
struct line {
	_Atomic uint64_t sequence;
	enum diag_level level;
	struct diag_event event;
	char text[DIAG_LINE_BYTES];
};

static struct {
	struct line ring[RING_LINES];
	_Atomic uint64_t head; /* next ticket to write */
	uint64_t tail; /* the writer's */
	_Atomic uint64_t put; /* lines written, for diag_flush */
	_Atomic uint64_t own_lost,
		*lost; /* the latter in memory that forks share, if there is any */
	_Atomic int level;
	_Atomic bool stop;
	_Atomic int64_t stop_ns; /* the writer's last moment, if it shall stop */
	bool failing; /* the last line has not passed. The writer's, while it runs */
	bool running;
	pthread_t thread;
	_Atomic bool asleep; /* the writer: who clears it posts more */
	sem_t more;
	sem_t ended; /* the writer has */
} logging = {.level = DIAG_INFO, .lost = &logging.own_lost};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

bool diag_parse_level(const char *name, enum diag_level *level)
{
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum diag_level)i;
			return true;
		}
	}
	return false;
}

const char *diag_level_name(enum diag_level level)
{
	return level_names[level];
}

void diag_set_level(enum diag_level level)
{
	atomic_store_explicit(&logging.level, (int)level, memory_order_relaxed);
}

bool diag_on(enum diag_level level)
{
	return (int)level <= atomic_load_explicit(&logging.level, memory_order_relaxed);
}

static void count_lost(uint64_t lines)
{
	atomic_fetch_add(logging.lost, lines);
}

/* 0 or -errno. */
static int put_lost(int64_t wait_ns)
{
	uint64_t lost = atomic_exchange(logging.lost, 0);
	char text[80];
	int r;

	if (!lost)
		return 0;
	snprintf(text, sizeof(text), "%llu log lines lost, the log is too slow",
		 (unsigned long long)lost);
	r = diag_sink_write(DIAG_WARNING, text, wait_ns);
	if (r < 0)
		count_lost(lost);
	return r;
}

/* --- the writer --- */

/* No longer than until it looks again whether it shall stop, or its last moment. */
static int64_t writer_wait(void)
{
	int64_t left;

	if (!atomic_load(&logging.stop))
		return WRITER_WAIT_NS;
	left = atomic_load(&logging.stop_ns) - clock_now();
	if (left < 0)
		return 0;
	return left < WRITER_WAIT_NS ? left : WRITER_WAIT_NS;
}

/* Patient with a log that is slow, not with one that will never take the line. */
static int put_patiently(const struct line *line)
{
	int64_t wait_ns;
	int r;

	do {
		wait_ns = writer_wait();
		r = diag_sink_write_event(line->level, &line->event, line->text, wait_ns);
	} while (r == -EAGAIN && wait_ns > 0);
	return r;
}

static bool put_next(void)
{
	struct line *line = &logging.ring[logging.tail % RING_LINES];
	int r;

	/* acquire: pairs with the store in diag_write. */
	if (atomic_load_explicit(&line->sequence, memory_order_acquire) != logging.tail + 1)
		return false;
	r = put_patiently(line);
	logging.failing = r < 0;
	if (r < 0)
		count_lost(1);
	atomic_store_explicit(&line->sequence, logging.tail + RING_LINES, memory_order_release);
	logging.tail++;
	atomic_store(&logging.put, logging.tail);
	return true;
}

/* While lines pass, or may soon. */
static void say_lost(void)
{
	int r = logging.failing ? 0 : put_lost(writer_wait());

	logging.failing |= r < 0 && r != -EAGAIN;
}

static bool nothing_new(void)
{
	const struct line *line = &logging.ring[logging.tail % RING_LINES];

	return atomic_load(&line->sequence) != logging.tail + 1 &&
	       (!atomic_load(logging.lost) || logging.failing) && !atomic_load(&logging.stop);
}

/* seq_cst here and in wake's callers: either they see the writer asleep, or it sees what is new. */
static void wait_for_lines(void)
{
	atomic_store(&logging.asleep, true);
	if (nothing_new())
		while (sem_wait(&logging.more) != 0)
			; /* a signal */
	atomic_store(&logging.asleep, false);
}

/* No system call for a writer that is awake, and never a wait. */
static void wake(void)
{
	if (atomic_load(&logging.asleep) && atomic_exchange(&logging.asleep, false))
		sem_post(&logging.more);
}

static void *writer(void *unused)
{
	for (;;) {
		bool stop = atomic_load(&logging.stop);

		while (put_next())
			;
		say_lost();
		if (stop)
			break;
		wait_for_lines();
	}
	sem_post(&logging.ended);
	return NULL;
}

/* --- from outside --- */

static void share_count(void)
{
	void *page = mmap(NULL, sizeof(*logging.lost), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED)
		logging.lost = page;
}

void diag_open(enum diag_level level, bool to_syslog)
{
	atomic_store(&logging.level, (int)level);
	if (logging.lost == &logging.own_lost)
		share_count();
	diag_sink_open(to_syslog);
}

int diag_start(void)
{
	int r;

	for (uint64_t i = 0; i < RING_LINES; i++)
		atomic_store(&logging.ring[i].sequence, i);
	sem_init(&logging.more, 0, 0);
	sem_init(&logging.ended, 0, 0);
	r = pthread_create(&logging.thread, NULL, writer, NULL);
	logging.running = r == 0;
	return -r;
}

void diag_flush(void)
{
	int64_t end_ns = clock_now() + FLUSH_LIMIT_NS;

	while (logging.running && clock_now() < end_ns &&
	       atomic_load(&logging.put) != atomic_load(&logging.head))
		usleep(1000);
}

/* A writer that hangs in the kernel is left behind. Lines go into the ring still, where nobody waits. */
/* Not pthread_clockjoin_np(3), which ThreadSanitizer does not know for a join. */
static bool writer_ends(int64_t until_ns)
{
	struct timespec until = {.tv_sec = until_ns / NSEC_PER_SEC,
				 .tv_nsec = until_ns % NSEC_PER_SEC};

	while (sem_clockwait(&logging.ended, CLOCK_MONOTONIC, &until) != 0)
		if (errno != EINTR)
			return false;
	pthread_join(logging.thread, NULL);
	return true;
}

void diag_stop(void)
{
	int64_t stop_ns = clock_now() + FLUSH_LIMIT_NS;

	if (!logging.running)
		return;
	atomic_store(&logging.stop_ns, stop_ns);
	atomic_store(&logging.stop, true);
	wake();
	if (!writer_ends(stop_ns + JOIN_LIMIT_NS))
		return;
	logging.running = false;
	diag_sink_close();
}

static struct line *claim(uint64_t *ticket)
{
	uint64_t head = atomic_load_explicit(&logging.head, memory_order_relaxed);

	for (;;) {
		struct line *line = &logging.ring[head % RING_LINES];

		if (atomic_load_explicit(&line->sequence, memory_order_acquire) != head)
			return NULL;
		if (atomic_compare_exchange_weak_explicit(&logging.head, &head, head + 1,
							  memory_order_relaxed,
							  memory_order_relaxed)) {
			*ticket = head;
			return line;
		}
	}
}

static void set_event(struct diag_event *event, const struct diag_subject *subject)
{
	event->id = subject ? subject->event : NULL;
	if (!subject)
		return;
	snprintf(event->log, sizeof(event->log), "%s", subject->log ? subject->log : "");
	event->major = subject->major;
	event->minor = subject->minor;
}

static void put_in_ring(enum diag_level level, const struct diag_subject *subject,
			const char *format, va_list args)
{
	uint64_t ticket;
	struct line *line = claim(&ticket);

	if (!line) {
		count_lost(1);
		wake();
		return;
	}
	line->level = level;
	set_event(&line->event, subject);
	vsnprintf(line->text, sizeof(line->text), format, args);
	/* The text is there before the writer sees the sequence. */
	atomic_store(&line->sequence, ticket + 1);
	wake();
}

static void put_at_once(enum diag_level level, const struct diag_subject *subject,
			const char *format, va_list args)
{
	int64_t wait_ns = logging.failing ? 0 : CALLER_WAIT_NS;
	char text[DIAG_LINE_BYTES];
	struct diag_event event;

	set_event(&event, subject);
	vsnprintf(text, sizeof(text), format, args);
	logging.failing = diag_sink_write_event(level, &event, text, wait_ns) < 0;
	if (logging.failing)
		count_lost(1);
	else
		put_lost(0);
}

static void put_line(enum diag_level level, const struct diag_subject *subject, const char *format,
		     va_list args)
{
	if (!diag_on(level))
		return;
	if (logging.running)
		put_in_ring(level, subject, format, args);
	else
		put_at_once(level, subject, format, args);
}

void diag_write(enum diag_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_line(level, NULL, format, args);
	va_end(args);
}

void diag_write_about(enum diag_level level, const struct diag_subject *subject, const char *format,
		      ...)
{
	va_list args;

	va_start(args, format);
	put_line(level, subject, format, args);
	va_end(args);
}

bool diag_limit_pass(struct diag_limit *limit)
{
	int64_t now = clock_coarse();
	int64_t start = atomic_load_explicit(&limit->window_start_ns, memory_order_relaxed);
	unsigned lines;

	if (start == 0 || now - start > LIMIT_WINDOW_NS) {
		lines = atomic_exchange_explicit(&limit->lines, 0, memory_order_relaxed);
		atomic_store_explicit(&limit->window_start_ns, now, memory_order_relaxed);
		if (lines > LIMIT_LINES)
			diag_warning("the next line stood %u times more", lines - LIMIT_LINES);
	}
	lines = atomic_fetch_add_explicit(&limit->lines, 1, memory_order_relaxed);
	return lines < LIMIT_LINES;
}
