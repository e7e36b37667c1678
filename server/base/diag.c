/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines through a bounded ring to a writer thread.
 *
 * The ring is a bounded queue for many producers: each line has a sequence number that tells whose turn it
 * is. A producer takes a ticket (claim), formats into the line, and raises the sequence, which shows the
 * line to the writer; the writer raises it by a whole round, which frees it. A full ring loses the line
 * and counts it. Before diag_start and after diag_stop the caller writes by itself.
 */
#include "server/base/diag.h"

#include "server/base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define RING_LINES 512u
#define LINE_BYTES 400u
#define LIMIT_LINES 10u
#define FLUSH_LIMIT_NS (200 * NSEC_PER_MSEC)
#define LIMIT_WINDOW_NS (5 * NSEC_PER_SEC)

/* A line is free at its turn (sequence == ticket), written at ticket + 1. */
struct line {
	_Atomic uint64_t sequence;
	enum diag_level level;
	char text[LINE_BYTES];
};

static struct {
	struct line ring[RING_LINES];
	_Atomic uint64_t head; /* next ticket to write */
	uint64_t tail; /* the writer's */
	_Atomic uint64_t put; /* lines written, for diag_flush */
	_Atomic uint64_t lost;
	_Atomic int level;
	_Atomic bool stop;
	bool to_syslog;
	bool journal;
	bool running;
	pthread_t thread;
	_Atomic bool asleep; /* the writer: who clears it posts more */
	sem_t more;
} logging = {.level = DIAG_INFO};

static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
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

bool diag_on(enum diag_level level)
{
	return (int)level <= atomic_load_explicit(&logging.level, memory_order_relaxed);
}

static void put_line(enum diag_level level, const char *text)
{
	if (logging.to_syslog)
		syslog(priorities[level], "%s", text);
	else if (logging.journal)
		fprintf(stderr, "<%d>%s\n", priorities[level], text);
	else
		fprintf(stderr, "dirtylogd: %s: %s\n", level_names[level], text);
}

static bool put_next(void)
{
	struct line *line = &logging.ring[logging.tail % RING_LINES];

	/* acquire: pairs with the store in diag_write. */
	if (atomic_load_explicit(&line->sequence, memory_order_acquire) != logging.tail + 1)
		return false;
	put_line(line->level, line->text);
	atomic_store_explicit(&line->sequence, logging.tail + RING_LINES, memory_order_release);
	logging.tail++;
	atomic_store(&logging.put, logging.tail);
	return true;
}

static void put_lost(void)
{
	uint64_t lost = atomic_exchange_explicit(&logging.lost, 0, memory_order_relaxed);
	char text[80];

	if (!lost)
		return;
	snprintf(text, sizeof(text), "%llu log lines lost, the log is too slow",
		 (unsigned long long)lost);
	put_line(DIAG_WARNING, text);
}

static bool nothing_new(void)
{
	const struct line *line = &logging.ring[logging.tail % RING_LINES];

	return atomic_load(&line->sequence) != logging.tail + 1 && !atomic_load(&logging.lost) &&
	       !atomic_load(&logging.stop);
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
		put_lost();
		if (stop)
			return NULL;
		wait_for_lines();
	}
}

void diag_open(enum diag_level level, bool to_syslog)
{
	atomic_store(&logging.level, (int)level);
	logging.to_syslog = to_syslog;
	logging.journal = getenv("JOURNAL_STREAM") != NULL;
	if (to_syslog)
		openlog("dirtylogd", LOG_PID, LOG_DAEMON);
}

int diag_start(void)
{
	int r;

	for (uint64_t i = 0; i < RING_LINES; i++)
		atomic_store(&logging.ring[i].sequence, i);
	sem_init(&logging.more, 0, 0);
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

void diag_stop(void)
{
	if (!logging.running)
		return;
	atomic_store(&logging.stop, true);
	wake();
	pthread_join(logging.thread, NULL);
	logging.running = false;
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

static void put_in_ring(enum diag_level level, const char *format, va_list args)
{
	uint64_t ticket;
	struct line *line = claim(&ticket);

	if (!line) {
		atomic_fetch_add(&logging.lost, 1);
		wake();
		return;
	}
	line->level = level;
	vsnprintf(line->text, sizeof(line->text), format, args);
	/* The text is there before the writer sees the sequence. */
	atomic_store(&line->sequence, ticket + 1);
	wake();
}

static void put_at_once(enum diag_level level, const char *format, va_list args)
{
	char text[LINE_BYTES];

	vsnprintf(text, sizeof(text), format, args);
	put_line(level, text);
}

void diag_write(enum diag_level level, const char *format, ...)
{
	va_list args;

	if (!diag_on(level))
		return;
	va_start(args, format);
	if (logging.running)
		put_in_ring(level, format, args);
	else
		put_at_once(level, format, args);
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
