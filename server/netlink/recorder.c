/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recording: a ring of bytes with one producer, the receiver, and one consumer, the thread that writes the
 * file 50 times a second. head and tail count bytes for ever, and each has one writer. */
#include "server/netlink/recorder.h"

#include "server/base/clock.h"
#include "server/base/diag.h"
#include "server/protocol/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_BYTES (16u << 20)
#define PERIOD_USEC 20000
#define STOP_LIMIT_NS (2 * NSEC_PER_SEC)

struct recorder {
	int fd;
	pthread_t thread;
	sem_t ended; /* the thread is about to */
	int64_t start_ns;
	uint64_t put, missed; /* requests; the receiver's */
	uint64_t recorded; /* whole in the file; the thread's */
	_Atomic bool stop;
	_Atomic bool broken; /* the file cannot be written */
	/* Bytes ever put and ever written; each has one writer. */
	_Alignas(64) _Atomic uint64_t head;
	_Alignas(64) _Atomic uint64_t tail;
	uint8_t ring[RING_BYTES];
};

/* 0 or -errno; *written grows by what was, in either case. */
static int write_all(int fd, const uint8_t *bytes, size_t count, uint64_t *written)
{
	while (count > 0) {
		ssize_t n = write(fd, bytes, count);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			count -= (size_t)n;
			*written += (uint64_t)n;
		}
	}
	return 0;
}

/* Records are multiples of 8 bytes, as the ring is: none has its length in two pieces. */
static uint64_t record_end(const struct recorder *recorder, uint64_t at)
{
	uint64_t length_at = (at + RECORDING_LENGTH_OFFSET) % RING_BYTES;

	return at + recording_record_bytes(recorder->ring + length_at);
}

/* Count the records that end at `written` at most, from the tail on. Returns where the last one ends. */
static uint64_t count_whole(struct recorder *recorder, uint64_t tail, uint64_t written)
{
	for (uint64_t end; tail < written; tail = end) {
		end = record_end(recorder, tail);
		if (end > written)
			break;
		recorder->recorded++;
	}
	return tail;
}

/* Half a record could not be played again, nor anything behind it. */
static void cut(const struct recorder *recorder, uint64_t tail)
{
	if (ftruncate(recorder->fd, (off_t)(RECORDING_HEADER_BYTES + tail)) != 0)
		diag_warning("the recording ends with half a request: %s", strerror(errno));
}

/* Bring what is in the ring to the file. The ring keeps it until all of it is there. */
static int drain(struct recorder *recorder)
{
	uint64_t tail = atomic_load_explicit(&recorder->tail, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&recorder->head, memory_order_acquire);
	uint64_t written = tail;
	int r = 0;

	while (r == 0 && written != head) {
		size_t at = written % RING_BYTES;
		size_t count = head - written < RING_BYTES - at ? head - written : RING_BYTES - at;

		r = write_all(recorder->fd, recorder->ring + at, count, &written);
	}
	tail = count_whole(recorder, tail, written);
	if (r < 0)
		cut(recorder, tail);
	atomic_store_explicit(&recorder->tail, tail, memory_order_release);
	return r;
}

static void *recorder_thread(void *argument)
{
	struct recorder *recorder = argument;
	bool last = false;
	int r = 0;

	pthread_setname_np(pthread_self(), "recorder");
	while (!last && r == 0) {
		last = atomic_load(&recorder->stop);
		r = drain(recorder);
		if (!last)
			usleep(PERIOD_USEC);
	}
	if (r < 0) {
		atomic_store(&recorder->broken, true);
		diag_error("recording ends: cannot write its file: %s", strerror(-r));
	}
	sem_post(&recorder->ended);
	return NULL;
}

static int open_file(const char *path)
{
	uint8_t header[RECORDING_HEADER_BYTES];
	uint64_t written = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	recording_encode_header(header);
	r = write_all(fd, header, sizeof(header), &written);
	if (r == 0)
		return fd;
	close(fd);
	unlink(path); /* or it would keep the next one from beginning */
	return r;
}

int recorder_start(struct recorder **recorder, const char *path)
{
	struct recorder *self = aligned_alloc(64, (sizeof(*self) + 63) & ~(size_t)63);
	int r = -ENOMEM;

	if (!self)
		return r;
	memset(self, 0, sizeof(*self));
	sem_init(&self->ended, 0, 0);
	self->start_ns = clock_now();
	r = self->fd = open_file(path);
	if (r < 0)
		goto err_free;
	r = -pthread_create(&self->thread, NULL, recorder_thread, self);
	if (r < 0)
		goto err_close;
	*recorder = self;
	return 0;

err_close:
	close(self->fd);
	unlink(path);
err_free:
	free(self);
	return r;
}

static void copy_in(struct recorder *recorder, uint64_t head, const uint8_t *bytes, size_t count)
{
	size_t at = head % RING_BYTES;
	size_t first = count < RING_BYTES - at ? count : RING_BYTES - at;

	memcpy(recorder->ring + at, bytes, first);
	memcpy(recorder->ring, bytes + first, count - first);
}

void recorder_put(struct recorder *recorder, const struct wire_message *message)
{
	uint64_t head = atomic_load_explicit(&recorder->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&recorder->tail, memory_order_acquire);
	uint8_t record[RECORDING_RECORD_MAX];
	uint32_t length = RECORDING_DATA_MIN + message->request.data_size;
	size_t count = recording_encode(record, (uint64_t)(clock_now() - recorder->start_ns),
					&message->request, length);

	if (head - tail + count > RING_BYTES || atomic_load(&recorder->broken)) {
		recorder->missed++;
		return;
	}
	copy_in(recorder, head, record, count);
	atomic_store_explicit(&recorder->head, head + count, memory_order_release);
	recorder->put++;
}

/* By a clock that nobody sets: neither a longer wait, nor an end that is given up at once. */
static bool recording_ends(struct recorder *recorder)
{
	int64_t until_ns = clock_now() + STOP_LIMIT_NS;
	struct timespec until = {.tv_sec = until_ns / NSEC_PER_SEC,
				 .tv_nsec = until_ns % NSEC_PER_SEC};

	while (sem_clockwait(&recorder->ended, CLOCK_MONOTONIC, &until) != 0)
		if (errno != EINTR)
			return false;
	pthread_join(recorder->thread, NULL);
	return true;
}

void recorder_stop(struct recorder *recorder)
{
	if (!recorder)
		return;
	atomic_store(&recorder->stop, true);
	if (!recording_ends(recorder)) {
		diag_warning("the end of the recording is lost: its file cannot be written now");
		return; /* the thread still uses it */
	}
	diag_info("%" PRIu64 " requests recorded, %" PRIu64 " missed", recorder->recorded,
		  recorder->missed + recorder->put - recorder->recorded);
	close(recorder->fd);
	sem_destroy(&recorder->ended);
	free(recorder);
}
