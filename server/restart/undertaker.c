/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory goes before files when a process ends, and is what two share here: so the end of the pipe tells of a death of
 * which the memory is still there. Thread-local data is the caller's, errno among it: hence the caller waits until the
 * other is at its last call. */
#include "server/restart/undertaker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_BYTES 16384u
#define START_LOOKS 10000
#define START_LOOK_USEC 100

static struct {
	_Alignas(64) uint8_t stack[STACK_BYTES];
	int ends[2];
	_Atomic int waits;
} undertaker;

/* No sanitizer knows of this process. */
__attribute__((no_sanitize("address", "thread", "undefined"))) static int wait_for_end(void *unused)
{
	char byte;
	int end = undertaker.ends[0];

	(void)unused;
	prctl(PR_SET_NAME, "undertaker");
	/* Before Linux 5.9 there is no close_range(2); this one would keep it from ever being told. */
	syscall(SYS_close, undertaker.ends[1]);
	if (end > 0)
		syscall(SYS_close_range, 0, end - 1, 0);
	syscall(SYS_close_range, end + 1, ~0U, 0);
	atomic_store(&undertaker.waits, 1);
	syscall(SYS_read, end, &byte, 1);
	syscall(SYS_exit_group, 0);
	return 0;
}

static void await_start(void)
{
	for (int i = 0; i < START_LOOKS && !atomic_load(&undertaker.waits); i++)
		usleep(START_LOOK_USEC);
}

int undertaker_start(void)
{
	sigset_t all, before;
	pid_t pid;
	int r = 0;

	if (pipe2(undertaker.ends, O_CLOEXEC) != 0)
		return -errno;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone(wait_for_end, undertaker.stack + STACK_BYTES, CLONE_VM | CLONE_PARENT | SIGCHLD,
		    NULL);
	if (pid < 0)
		r = -errno;
	else
		await_start();
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(undertaker.ends[0]); /* the other one is open as long as we live */
	if (r < 0)
		close(undertaker.ends[1]);
	return r;
}
