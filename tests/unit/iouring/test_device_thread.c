/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread with a file table of its own: what it has, and what it borrows. */
#include "iouring/device_thread.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int needed, other;

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void run(void *(*body)(void *))
{
	pthread_t thread;
	void *result;

	needed = eventfd(0, EFD_NONBLOCK);
	other = eventfd(0, EFD_NONBLOCK);
	device_thread_needs(needed);
	cr_assert_eq(pthread_create(&thread, NULL, body, NULL), 0);
	cr_assert_eq(pthread_join(thread, &result), 0);
	cr_assert_null(result, "%s", (const char *)result);
	device_thread_needs_not(needed);
}

#define EXPECT(condition)                  \
	do {                               \
		if (!(condition))          \
			return #condition; \
	} while (0)

static void *has_what_it_needs(void *unused)
{
	(void)unused;
	EXPECT(device_thread_begin());
	EXPECT(is_open(STDERR_FILENO) && is_open(needed) && !is_open(other));
	EXPECT(device_thread_begin());
	EXPECT(is_open(needed));
	return NULL;
}

Test(device_thread, has_what_it_needs)
{
	run(has_what_it_needs);
	cr_assert(is_open(other), "the process keeps its own");
}

/* The same open file: what is written there is read here. */
static void *borrows(void *unused)
{
	const uint64_t seven = 7;
	int fd;

	(void)unused;
	EXPECT(device_thread_begin());
	fd = device_thread_borrow(other);
	EXPECT(fd >= 0);
	EXPECT(write(fd, &seven, sizeof(seven)) == sizeof(seven));
	device_thread_give_back(fd);
	EXPECT(!is_open(fd));
	EXPECT(device_thread_borrow(999) == -EBADF);
	return NULL;
}

Test(device_thread, borrows_the_same_open_file)
{
	uint64_t value = 0;

	run(borrows);
	cr_assert_eq(read(other, &value, sizeof(value)), (ssize_t)sizeof(value));
	cr_assert_eq(value, 7);
	cr_assert(device_thread_can_borrow(other));
	cr_assert_not(device_thread_can_borrow(999));
}

/* Without a table of its own it borrows what the process has. */
static void *shares(void *unused)
{
	(void)unused;
	EXPECT(device_thread_borrow(other) == other);
	device_thread_give_back(other);
	EXPECT(is_open(other));
	return NULL;
}

Test(device_thread, shares_what_it_has_not_left)
{
	run(shares);
	cr_assert(is_open(other));
}

Test(device_thread, those_that_wait_are_counted)
{
	cr_assert_eq(device_thread_waiting(), 0);
	device_thread_enters();
	device_thread_enters();
	device_thread_leaves();
	cr_assert_eq(device_thread_waiting(), 1);
	device_thread_leaves();
	cr_assert_eq(device_thread_waiting(), 0);
}
