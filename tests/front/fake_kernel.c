// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_kernel.h"

#include <assert.h>

bool fake_no_atomic_memory;
long fake_allocated;
static __thread int spinlocks;

void fake_message(const char *format, ...)
{
}

unsigned fake_scnprintf(char *text, size_t room, const char *format, ...)
{
	va_list arguments;
	int wanted;

	va_start(arguments, format);
	wanted = vsnprintf(text, room, format, arguments);
	va_end(arguments);
	return (size_t)wanted < room ? (unsigned)wanted : (unsigned)room - 1;
}

struct kmem_cache *fake_cache(size_t size)
{
	struct kmem_cache *cache = malloc(sizeof(*cache));

	cache->size = size;
	return cache;
}

void *kmem_cache_alloc(struct kmem_cache *cache, int flags)
{
	if (flags != GFP_ATOMIC)
		fake_might_sleep();
	else if (fake_no_atomic_memory)
		return NULL;
	__atomic_fetch_add(&fake_allocated, 1, __ATOMIC_RELAXED);
	return malloc(cache->size);
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	memset(object, 0xA5, cache->size);
	__atomic_fetch_sub(&fake_allocated, 1, __ATOMIC_RELAXED);
	free(object);
}

/* --- locks --- */

void fake_might_sleep(void)
{
	assert(spinlocks == 0);
}

void fake_atomic_begin(void)
{
	spinlocks++;
}

void fake_atomic_end(void)
{
	spinlocks--;
}

void mutex_init(struct mutex *mutex)
{
	pthread_mutex_init(&mutex->lock, NULL);
	mutex->held = false;
}

static void note_holder(struct mutex *mutex)
{
	mutex->held = true;
	mutex->holder = pthread_self();
}

void spin_lock_init(spinlock_t *lock)
{
	mutex_init(lock);
}

void spin_lock(spinlock_t *lock)
{
	pthread_mutex_lock(&lock->lock);
	note_holder(lock);
	spinlocks++;
}

void spin_unlock(spinlock_t *lock)
{
	spinlocks--;
	lock->held = false;
	pthread_mutex_unlock(&lock->lock);
}

void mutex_lock(struct mutex *mutex)
{
	fake_might_sleep();
	pthread_mutex_lock(&mutex->lock);
	note_holder(mutex);
}

bool mutex_trylock(struct mutex *mutex)
{
	if (pthread_mutex_trylock(&mutex->lock) != 0)
		return false;
	note_holder(mutex);
	return true;
}

void mutex_unlock(struct mutex *mutex)
{
	mutex->held = false;
	pthread_mutex_unlock(&mutex->lock);
}

void fake_assert_held(struct mutex *mutex)
{
	assert(mutex->held && pthread_equal(mutex->holder, pthread_self()));
}

/* --- time and work --- */

unsigned long fake_jiffies(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)now.tv_sec * 1000 + (unsigned long)now.tv_nsec / 1000000;
}

static void wait_a_while(struct delayed_work *work)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 500000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&work->changed, &work->lock, &until);
}

static void *work_thread(void *context)
{
	struct delayed_work *work = context;

	pthread_mutex_lock(&work->lock);
	while (!work->ends) {
		if (!work->queued || time_before(fake_jiffies(), work->due)) {
			wait_a_while(work);
			continue;
		}
		work->queued = false;
		work->runs = true;
		pthread_mutex_unlock(&work->lock);
		work->work.function(&work->work);
		pthread_mutex_lock(&work->lock);
		work->runs = false;
		pthread_cond_broadcast(&work->changed);
	}
	pthread_mutex_unlock(&work->lock);
	return NULL;
}

void fake_work_init(struct delayed_work *work, void (*function)(struct work_struct *work))
{
	memset(work, 0, sizeof(*work));
	work->work.function = function;
	pthread_mutex_init(&work->lock, NULL);
	pthread_cond_init(&work->changed, NULL);
}

void fake_work_end(struct delayed_work *work)
{
	pthread_mutex_lock(&work->lock);
	work->ends = true;
	pthread_mutex_unlock(&work->lock);
	if (work->started)
		pthread_join(work->thread, NULL);
}

bool queue_delayed_work(struct workqueue_struct *queue, struct delayed_work *work,
			unsigned long delay)
{
	bool queued;

	pthread_mutex_lock(&work->lock);
	if (!work->started)
		pthread_create(&work->thread, NULL, work_thread, work);
	work->started = true;
	queued = !work->queued;
	if (queued)
		work->due = fake_jiffies() + delay;
	work->queued = true;
	pthread_mutex_unlock(&work->lock);
	return queued;
}

/* As the kernel's: one that queues itself again while it is waited for stays cancelled. */
bool cancel_delayed_work_sync(struct delayed_work *work)
{
	bool was;

	fake_might_sleep();
	pthread_mutex_lock(&work->lock);
	was = work->queued;
	work->queued = false;
	while (work->runs)
		wait_a_while(work);
	work->queued = false;
	pthread_mutex_unlock(&work->lock);
	return was;
}
