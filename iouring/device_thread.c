/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table of its own is a copy of the process's of which all is closed again that is not needed: a thread is
 * begun seldom. Descriptors are borrowed through the process itself (pidfd_getfd), and are the same open
 * file: a lock on it lives as long as the operation that borrowed it. */
#include "iouring/device_thread.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEEDED_MAX 256u
#ifdef __SANITIZE_ADDRESS__
#define STACK_BYTES (256u * 1024u)
#else
#define STACK_BYTES (64u * 1024u)
#endif

static struct {
	pthread_mutex_t lock;
	int fds[NEEDED_MAX]; /* ascending */
	unsigned count;
	_Atomic unsigned waiting;
	void (*limit)(void);
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bool has_own;
static _Thread_local int process_fd = -1; /* a pidfd of the process, in the own table */
static _Thread_local bool limited;

struct start {
	void *(*body)(void *argument);
	void *argument;
	bool limited;
};

void device_thread_limit_by(void (*limit)(void))
{
	shared.limit = limit;
}

static void *run(void *argument)
{
	struct start start = *(struct start *)argument;

	free(argument);
	limited = true;
	if (!start.limited && shared.limit)
		shared.limit();
	return start.body(start.argument);
}

int device_thread_start(void *(*body)(void *), void *argument)
{
	struct start *start = malloc(sizeof(*start));
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	if (!start)
		return -ENOMEM;
	*start = (struct start){.body = body, .argument = argument, .limited = limited};
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attr, run, start);
	pthread_attr_destroy(&attr);
	if (r != 0)
		free(start);
	return -r;
}

/* Under the lock. */
static unsigned needed_at(int fd)
{
	unsigned at = 0;

	while (at < shared.count && shared.fds[at] < fd)
		at++;
	return at;
}

void device_thread_needs(int fd)
{
	unsigned at;

	pthread_mutex_lock(&shared.lock);
	assert(shared.count < NEEDED_MAX);
	at = needed_at(fd);
	memmove(&shared.fds[at + 1], &shared.fds[at], (shared.count - at) * sizeof(int));
	shared.fds[at] = fd;
	shared.count++;
	pthread_mutex_unlock(&shared.lock);
}

void device_thread_needs_not(int fd)
{
	unsigned at;

	pthread_mutex_lock(&shared.lock);
	at = needed_at(fd);
	assert(at < shared.count && shared.fds[at] == fd);
	shared.count--;
	memmove(&shared.fds[at], &shared.fds[at + 1], (shared.count - at) * sizeof(int));
	pthread_mutex_unlock(&shared.lock);
}

/* Under the lock. */
static void close_all_but_needed(void)
{
	int first = STDERR_FILENO + 1;

	for (unsigned i = 0; i < shared.count; i++) {
		if (shared.fds[i] > first)
			close_range((unsigned)first, (unsigned)shared.fds[i] - 1, 0);
		first = shared.fds[i] + 1;
	}
	close_range((unsigned)first, ~0U, 0);
}

/* ThreadSanitizer follows descriptors by their numbers, of which it takes two tables for one. */
#ifdef __SANITIZE_THREAD__
#define MAY_HAVE_OWN false
#else
#define MAY_HAVE_OWN true
#endif

static int open_process(void)
{
	return (int)syscall(SYS_pidfd_open, getpid(), 0);
}

bool device_thread_begin(void)
{
	if (has_own)
		return true;
	if (!MAY_HAVE_OWN || unshare(CLONE_FILES) != 0)
		return false;
	pthread_mutex_lock(&shared.lock);
	close_all_but_needed();
	pthread_mutex_unlock(&shared.lock);
	has_own = true;
	return true;
}

static int borrow_through(int pidfd, int fd)
{
	int borrowed = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	return borrowed < 0 ? -errno : borrowed;
}

int device_thread_borrow(int fd)
{
	if (!has_own)
		return fd;
	if (process_fd < 0) /* there was no memory for it, perhaps */
		process_fd = open_process();
	return process_fd < 0 ? -ENOMEM : borrow_through(process_fd, fd);
}

void device_thread_give_back(int borrowed)
{
	if (has_own)
		close(borrowed);
}

bool device_thread_can_borrow(int fd)
{
	int pidfd = open_process();
	int borrowed = -1;

	if (pidfd >= 0) {
		borrowed = borrow_through(pidfd, fd);
		close(pidfd);
	}
	if (borrowed >= 0)
		close(borrowed);
	return borrowed >= 0;
}

void device_thread_enters(void)
{
	atomic_fetch_add(&shared.waiting, 1);
}

void device_thread_leaves(void)
{
	atomic_fetch_sub(&shared.waiting, 1);
}

unsigned device_thread_waiting(void)
{
	return atomic_load(&shared.waiting);
}
