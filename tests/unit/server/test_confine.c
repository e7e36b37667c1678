/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of what a confined thread can still do, and what no longer. */
#define _GNU_SOURCE
#include "server/base/confine.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void in_a_thread(void *(*body)(void *))
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, body, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

#define REFUSED(call)                                                  \
	do {                                                           \
		errno = 0;                                             \
		cr_expect_eq((call), -1, #call " is possible");        \
		cr_expect_eq(errno, EPERM, #call ": errno %d", errno); \
	} while (0)

static void cannot_become_others(void)
{
	char *const argv[] = {"true", NULL};

	REFUSED(execve("/bin/true", argv, argv + 1));
	REFUSED(fork());
	REFUSED(socket(AF_INET, SOCK_STREAM, 0));
	REFUSED(socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}));
	REFUSED(syscall(SYS_io_uring_setup, 8, NULL));
	REFUSED(syscall(SYS_ptrace, 0, 0, 0, 0));
	REFUSED(kill(getppid(), 0));
	REFUSED((int)syscall(SYS_pidfd_open, getppid(), 0));
	REFUSED(unlink("/tmp/dirtylogd-is-not-there"));
	REFUSED(chmod("/tmp/dirtylogd-is-not-there", 0));
	REFUSED(unshare(CLONE_NEWNET));
}

static void *is_refused_too(void *unused)
{
	REFUSED(socket(AF_INET, SOCK_STREAM, 0));
	return unused;
}

static void *serves(void *unused)
{
	int fd;

	cr_assert_eq(confine_to_serving(), 0);
	cannot_become_others();
	fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	cr_expect_geq(fd, 0, "it opens devices");
	close(fd);
	cr_expect_eq(kill(getpid(), 0), 0, "it ends its process");
	in_a_thread(is_refused_too);
	return unused;
}

Test(confine, a_thread_that_serves_executes_nothing_and_connects_to_nobody, .timeout = 30)
{
	cr_assert_eq(confine_prepare(), 0);
	in_a_thread(serves);
	cr_expect_geq(socket(AF_UNIX, SOCK_STREAM, 0), 0, "other threads are free");
}

static void *answers(void *unused)
{
	cr_assert_eq(confine_to_answering(), 0);
	cannot_become_others();
	REFUSED(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	REFUSED(unshare(CLONE_FILES));
	return unused;
}

Test(confine, a_thread_that_answers_opens_nothing_either, .timeout = 30)
{
	cr_assert_eq(confine_prepare(), 0);
	in_a_thread(answers);
}
