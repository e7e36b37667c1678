/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One lock for all. A device is known from the first who waits for a flush of it to the end of the last;
 * it is on the list of those that are ready, or of those that a thread is busy with. A thread takes all
 * who wait for a device at once, since a flush that begins now is good for each of them. A failure that nobody hears,
 * since who asked has given up, is told to the next who asks: what it has lost may have been written since then. */
#include "server/log/leg_flusher.h"

#include "iouring/device_thread.h"
#include "server/base/check.h"
#include "server/base/container_of.h"
#include "server/base/diag.h"
#include "server/log/log_device.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 256u
#define STOP_LIMIT_MSEC 200
#define IDLE_SECONDS 30 /* then a thread ends, if it is not the last */

struct flushed_device {
	struct flushed_device *next; /* in its bucket */
	struct log_leg number;
	struct list_node node; /* ready or busy */
	struct list waiting; /* for the next flush */
	struct list served; /* by the one that runs */
	int64_t began_ns; /* that one */
	int unheard; /* -errno of one for whom somebody had given up, 0: none */
};

struct leg_flusher {
	leg_flusher_call *call;
	pthread_mutex_t lock;
	pthread_cond_t work; /* something is ready, or stopping */
	pthread_cond_t ended; /* a thread */
	struct flushed_device *buckets[BUCKETS];
	struct list ready, busy;
	unsigned threads, idle;
	bool stopping;
	bool left_behind; /* the last thread frees it */
};

int leg_flusher_fsync(struct log_leg leg)
{
	int fd = log_device_open_number(leg.major, leg.minor, O_RDONLY);
	int r;

	if (fd < 0)
		return fd;
	/* On a block device. The kernel drops it for one whose cache is not volatile, and knows better
	 * than sysfs did a moment ago (blkdev_issue_flush()). */
	r = fsync(fd) != 0 ? -errno : 0;
	close(fd);
	/* Device drivers know these as well, but this leg was asked. */
	return leg_flush_was_not_tried(r) ? -EIO : r;
}

/* --- flushes --- */

struct leg_flush *leg_flush_make(const struct log_legs *legs)
{
	struct leg_flush *flush = calloc(1, sizeof(*flush) + legs->count * sizeof(flush->waits[0]));

	if (!flush)
		return NULL;
	flush->count = legs->count;
	for (unsigned i = 0; i < legs->count; i++)
		flush->waits[i] = (struct leg_wait){.flush = flush, .leg = legs->legs[i]};
	return flush;
}

void leg_flush_free(struct leg_flush *flush)
{
	free(flush);
}

/* One leg less; nobody touches the flush behind the last. */
static void leg_is_through(struct leg_flusher *flusher, struct leg_flush *flush, int error)
{
	CHECK(flush->left > 0 && !flush->ended);
	if (error && (flush->error == 0 || leg_flush_was_not_tried(flush->error)))
		flush->error = error;
	if (--flush->left > 0)
		return;
	flush->ended = true;
	if (flush->abandoned || flusher->stopping)
		leg_flush_free(flush);
	else
		flush->done(flush);
}

static struct leg_wait *wait_of(struct list_node *node)
{
	return container_of(node, struct leg_wait, node);
}

static void end_all(struct leg_flusher *flusher, struct list *waits, int error)
{
	while (waits->first) {
		struct leg_wait *wait = wait_of(waits->first);

		list_remove(&wait->node);
		leg_is_through(flusher, wait->flush, error);
	}
}

/* --- devices --- */

static struct flushed_device **place_of(struct leg_flusher *flusher, struct log_leg leg)
{
	struct flushed_device **at = &flusher->buckets[(leg.major * 31u + leg.minor) % BUCKETS];

	while (*at && ((*at)->number.major != leg.major || (*at)->number.minor != leg.minor))
		at = &(*at)->next;
	return at;
}

static struct flushed_device *device_for(struct leg_flusher *flusher, struct log_leg leg)
{
	struct flushed_device **at = place_of(flusher, leg);
	struct flushed_device *device = *at;

	if (!device) {
		device = calloc(1, sizeof(*device));
		if (!device)
			return NULL;
		device->number = leg;
		*at = device;
	}
	if (!device->node.list)
		list_append(&flusher->ready, &device->node);
	return device;
}

static struct flushed_device *device_of_node(struct list_node *node)
{
	return container_of(node, struct flushed_device, node);
}

/* On no list, and nobody waits for it. One that has something to tell stays. */
static void forget_device(struct leg_flusher *flusher, struct flushed_device *device)
{
	struct flushed_device **at = place_of(flusher, device->number);

	CHECK(*at == device && !device->waiting.first && !device->served.first);
	if (device->unheard)
		return;
	*at = device->next;
	free(device);
}

static void drop_if_unwanted(struct leg_flusher *flusher, struct log_leg leg)
{
	struct flushed_device *device = *place_of(flusher, leg);

	if (!device || device->node.list != &flusher->ready || device->waiting.first)
		return;
	list_remove(&device->node);
	forget_device(flusher, device);
}

static void give_up_ready(struct leg_flusher *flusher, int error)
{
	while (flusher->ready.first) {
		struct flushed_device *device = device_of_node(flusher->ready.first);

		list_remove(&device->node);
		end_all(flusher, &device->waiting, error);
		forget_device(flusher, device);
	}
}

/* --- threads --- */

/* False: there was none for long; the last thread waits on. */
static bool wait_for_work(struct leg_flusher *flusher)
{
	int64_t until_ns = clock_now() + IDLE_SECONDS * NSEC_PER_SEC;
	struct timespec until = {.tv_sec = until_ns / NSEC_PER_SEC,
				 .tv_nsec = until_ns % NSEC_PER_SEC};
	int r = 0;

	flusher->idle++;
	while (r == 0 && !flusher->ready.first && !flusher->stopping) {
		if (flusher->threads == 1)
			pthread_cond_wait(&flusher->work, &flusher->lock);
		else
			r = pthread_cond_timedwait(&flusher->work, &flusher->lock, &until);
	}
	flusher->idle--;
	return r == 0;
}

static void *flusher_thread(void *argument);

/* Nobody waits for its end: it may never come. */
static int add_thread(struct leg_flusher *flusher)
{
	int r = device_thread_start(flusher_thread, flusher);

	if (r == 0)
		flusher->threads++;
	return r;
}

static bool all_hang(const struct leg_flusher *flusher)
{
	int64_t before_ns = clock_now() - LEG_FLUSHER_HANGS_NS;
	unsigned hanging = 0;

	for (const struct list_node *node = flusher->busy.first; node; node = node->next) {
		const struct flushed_device *device =
			container_of(node, struct flushed_device, node);

		hanging += device->began_ns < before_ns;
	}
	return hanging == flusher->threads;
}

static void see_to_threads(struct leg_flusher *flusher)
{
	if (!flusher->ready.first)
		return;
	if (flusher->idle > 0)
		pthread_cond_signal(&flusher->work);
	else if (flusher->threads < LEG_FLUSHER_THREADS && add_thread(flusher) == 0)
		return;
	else if (all_hang(flusher))
		give_up_ready(flusher, -EAGAIN);
}

static bool anybody_gave_up(const struct list *waits)
{
	for (struct list_node *node = waits->first; node; node = node->next)
		if (wait_of(node)->flush->abandoned)
			return true;
	return false;
}

static int take_unheard(struct flushed_device *device)
{
	int error = device->unheard;

	device->unheard = 0;
	return error;
}

static void flush_device(struct leg_flusher *flusher, struct flushed_device *device)
{
	int error, unheard;

	list_remove(&device->node);
	list_append(&flusher->busy, &device->node);
	while (device->waiting.first) {
		struct list_node *node = device->waiting.first;

		list_remove(node);
		list_append(&device->served, node);
	}
	device->began_ns = clock_now();
	unheard = take_unheard(device);
	see_to_threads(flusher); /* one wake-up may have been for several */
	pthread_mutex_unlock(&flusher->lock);
	device_thread_begin(); /* not before: now all whom it will wake are there */
	device_thread_enters();
	error = flusher->call(device->number);
	device_thread_leaves();
	if (error)
		diag_limited(DIAG_WARNING, "leg %u:%u cannot be flushed: %s", device->number.major,
			     device->number.minor, strerror(-error));
	pthread_mutex_lock(&flusher->lock);
	list_remove(&device->node);
	error = error ? error : unheard;
	device->unheard = anybody_gave_up(&device->served) ? error : 0;
	end_all(flusher, &device->served, error);
	if (device->waiting.first)
		list_append(&flusher->ready, &device->node);
	else
		forget_device(flusher, device);
}

static void free_devices(struct leg_flusher *flusher)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct flushed_device *next;

		for (struct flushed_device *device = flusher->buckets[i]; device; device = next) {
			next = device->next;
			free(device);
		}
	}
}

/* Unlock, and free it if nobody is left to use it. */
static void let_go(struct leg_flusher *flusher, bool last)
{
	if (last)
		give_up_ready(flusher, -ECANCELED);
	pthread_mutex_unlock(&flusher->lock);
	if (!last)
		return;
	pthread_cond_destroy(&flusher->work);
	pthread_cond_destroy(&flusher->ended);
	pthread_mutex_destroy(&flusher->lock);
	free_devices(flusher);
	free(flusher);
}

static void *flusher_thread(void *argument)
{
	struct leg_flusher *flusher = argument;

	pthread_setname_np(pthread_self(), "leg-flush");
	pthread_mutex_lock(&flusher->lock);
	while (!flusher->stopping) {
		if (flusher->ready.first)
			flush_device(flusher, device_of_node(flusher->ready.first));
		else if (!wait_for_work(flusher) && !flusher->ready.first && flusher->threads > 1)
			break;
	}
	flusher->threads--;
	pthread_cond_signal(&flusher->ended);
	let_go(flusher, flusher->threads == 0 && flusher->left_behind);
	return NULL;
}

/* --- calls --- */

void leg_flusher_submit(struct leg_flusher *flusher, struct leg_flush *flush)
{
	pthread_mutex_lock(&flusher->lock);
	CHECK(flush->count > 0 && flush->left == 0 && !flush->ended);
	/* One more, so that it does not end in here half submitted. */
	flush->left = flush->count + 1;
	for (unsigned i = 0; i < flush->count; i++) {
		struct leg_wait *wait = &flush->waits[i];
		struct flushed_device *device = device_for(flusher, wait->leg);

		if (!device) {
			leg_is_through(flusher, flush, -ENOMEM);
			continue;
		}
		list_append(&device->waiting, &wait->node);
		see_to_threads(flusher);
	}
	leg_is_through(flusher, flush, 0);
	pthread_mutex_unlock(&flusher->lock);
}

bool leg_flusher_abandon(struct leg_flusher *flusher, struct leg_flush *flush)
{
	bool was_waited_for;

	pthread_mutex_lock(&flusher->lock);
	was_waited_for = !flush->ended;
	flush->abandoned = was_waited_for;
	flush->left += was_waited_for;
	for (unsigned i = 0; was_waited_for && i < flush->count; i++) {
		struct leg_wait *wait = &flush->waits[i];
		struct flushed_device *device = *place_of(flusher, wait->leg);

		if (!device || wait->node.list != &device->waiting)
			continue;
		list_remove(&wait->node);
		drop_if_unwanted(flusher, wait->leg);
		leg_is_through(flusher, flush, 0);
	}
	if (was_waited_for)
		leg_is_through(flusher, flush, 0);
	pthread_mutex_unlock(&flusher->lock);
	return was_waited_for;
}

int leg_flusher_start(struct leg_flusher **flusher, leg_flusher_call *call)
{
	struct leg_flusher *made = calloc(1, sizeof(*made));
	pthread_condattr_t monotonic;
	int r;

	if (!made)
		return -ENOMEM;
	made->call = call;
	pthread_mutex_init(&made->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&made->work, &monotonic);
	pthread_cond_init(&made->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_lock(&made->lock);
	r = add_thread(made);
	pthread_mutex_unlock(&made->lock);
	if (r < 0)
		free(made);
	else
		*flusher = made;
	return r;
}

void leg_flusher_stop(struct leg_flusher *flusher)
{
	int64_t until_ns = clock_now() + STOP_LIMIT_MSEC * NSEC_PER_MSEC;
	struct timespec until = {.tv_sec = until_ns / NSEC_PER_SEC,
				 .tv_nsec = until_ns % NSEC_PER_SEC};
	int r = 0;

	pthread_mutex_lock(&flusher->lock);
	flusher->stopping = true;
	pthread_cond_broadcast(&flusher->work);
	while (r == 0 && flusher->threads > 0)
		r = pthread_cond_timedwait(&flusher->ended, &flusher->lock, &until);
	flusher->left_behind = flusher->threads > 0;
	let_go(flusher, !flusher->left_behind);
}
