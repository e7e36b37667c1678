/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The yardstick of a server's stalls: a process that maps and locks as much memory, and does nothing but write the
 * time; it is killed, and replaced by a fork, which locks its memory before it writes. The longest time without a
 * sign of life, of each kill.
 *
 *   bench_fork KILLS PRIVATE_MIB SHARED_MIB
 */
#include "perf/micro/micro.h"

#include "perf/generator/histogram.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024u * 1024u)
#define SIGN_NS (50 * NSEC_PER_USEC)

struct signs {
	_Atomic int64_t last_ns, gap_ns;
};

static void *memory(size_t bytes, int flags)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED) {
		perror("bench_fork: mmap");
		exit(1);
	}
	return at;
}

static void give_sign(struct signs *signs)
{
	int64_t now = clock_now();
	int64_t gap = now - atomic_load(&signs->last_ns);

	if (gap > atomic_load(&signs->gap_ns))
		atomic_store(&signs->gap_ns, gap);
	atomic_store(&signs->last_ns, now);
}

static void live(struct signs *signs, size_t private_bytes)
{
	const struct timespec pause = {.tv_nsec = SIGN_NS};

	memset(memory(private_bytes, MAP_PRIVATE), 1, private_bytes);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	for (;;) {
		give_sign(signs);
		nanosleep(&pause, NULL);
	}
}

static pid_t start(struct signs *signs, size_t private_bytes)
{
	pid_t pid = fork();

	if (pid == 0)
		live(signs, private_bytes);
	return pid;
}

static void kill_and_replace(struct signs *signs, pid_t *pid, size_t private_bytes)
{
	atomic_store(&signs->gap_ns, 0);
	kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = start(signs, private_bytes);
	usleep((useconds_t)(20000 + micro_any(100000)));
}

int main(int argc, char **argv)
{
	unsigned long kills = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
	static struct histogram gaps;
	struct signs *signs = memory(sizeof(*signs), MAP_SHARED);
	size_t private_bytes, shared_bytes;
	pid_t pid;

	if (kills == 0 || kills > 10000) {
		fprintf(stderr, "usage: bench_fork KILLS PRIVATE_MIB SHARED_MIB\n");
		return 2;
	}
	private_bytes = strtoul(argv[2], NULL, 10) * MIB;
	shared_bytes = strtoul(argv[3], NULL, 10) * MIB;
	memset(memory(shared_bytes, MAP_SHARED), 1, shared_bytes);
	atomic_store(&signs->last_ns, clock_now());
	pid = start(signs, private_bytes);
	usleep(200000);
	for (unsigned long i = 0; i < kills; i++) {
		kill_and_replace(signs, &pid, private_bytes);
		histogram_record(&gaps, (uint64_t)atomic_load(&signs->gap_ns));
	}
	kill(pid, SIGKILL);
	printf("p50 %.2f p99 %.2f ms\n", (double)histogram_quantile(&gaps, 0.5) / NSEC_PER_MSEC,
	       (double)histogram_quantile(&gaps, 0.99) / NSEC_PER_MSEC);
	return 0;
}
