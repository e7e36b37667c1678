/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process is told to have used is what it has used. */
#include "perf/generator/server_process.h"
#include "server/base/clock.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <criterion/criterion.h>

#define WATCHED_NS (300 * NSEC_PER_MSEC)

static struct server_process process;

static struct server_process_usage usage(void)
{
	struct server_process_usage used;

	cr_assert_eq(server_process_usage(&process, &used), 0);
	return used;
}

/* Share of a core that this command takes. */
static double cpu_share_of(const char *command)
{
	int64_t before, used;

	cr_assert_eq(server_process_start(&process, command, -1), 0);
	usleep(50000); /* the shell */
	before = usage().cpu_ns;
	usleep((useconds_t)(WATCHED_NS / NSEC_PER_USEC));
	used = usage().cpu_ns - before;
	kill(process.pid, SIGKILL);
	waitpid(process.pid, NULL, 0);
	return (double)used / (double)WATCHED_NS;
}

Test(server_process, one_that_works_takes_a_core_and_one_that_sleeps_none)
{
	cr_assert_gt(cpu_share_of("sh -c 'while :; do :; done'"), 0.1);
	cr_assert_lt(cpu_share_of("sh -c 'exec sleep 100'"), 0.05);
}

Test(server_process, memory_counts_when_it_is_touched)
{
	const size_t bytes = 64u << 20;
	int64_t before, reserved;
	char *memory;

	process.pid = getpid();
	before = usage().rss_bytes;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(memory, MAP_FAILED);
	reserved = usage().rss_bytes;
	memset(memory, 1, bytes);
	cr_assert_gt(before, 0);
	cr_assert_lt(reserved - before, (int64_t)bytes / 8);
	cr_assert_geq(usage().rss_bytes - reserved, (int64_t)bytes * 7 / 8);
	munmap(memory, bytes);
}

Test(server_process, one_that_has_ended_uses_nothing_that_is_known)
{
	struct server_process_usage used;
	siginfo_t ended;

	cr_assert_eq(server_process_usage(&process, &used), -ESRCH);
	cr_assert_eq(server_process_start(&process, "true", -1), 0);
	cr_assert_eq(waitid(P_PID, (id_t)process.pid, &ended, WEXITED | WNOWAIT), 0);
	cr_assert_eq(server_process_usage(&process, &used), -ESRCH);
	waitpid(process.pid, NULL, 0);
}
