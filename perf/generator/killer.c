/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Called by the runner between receives, it has no thread and no timer of its own. A kill is due pause_ns and
 * up to 100 ms more after the last one, but waits until the successor has answered: the stalls of two
 * servers must not become one. The longest time without an answer up to the next kill is the stall
 * of this one.
 */
#include "perf/generator/killer.h"

#include "perf/generator/dice.h"
#include "server/base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#define SPAN_NS (100 * NSEC_PER_MSEC)
#define PATIENCE_NS (10 * NSEC_PER_SEC) /* for a successor */

static void set_due(struct killer *killer, int64_t now_ns)
{
	killer->due_ns = now_ns + killer->pause_ns + (int64_t)dice_below(&killer->dice, SPAN_NS);
}

static void close_window(struct killer *killer)
{
	if (killer->killed > 0) {
		histogram_record(&killer->gaps, (uint64_t)killer->gap_ns);
		stall_record(killer->parts, killer->killed_ns);
	}
	killer->gap_ns = 0;
	killer->answered = false;
}

/* Only a server that has answered: else the stalls of two would be one. */
static int kill_one(struct killer *killer, int64_t now_ns)
{
	pid_t pid = server_process_serving(killer->process);

	if (pid <= 0 || pid == killer->victim || !killer->answered)
		return now_ns - killer->due_ns > PATIENCE_NS ? -ESRCH : 0;
	close_window(killer);
	if (killer->killed == killer->wanted) {
		killer->done = 1;
		return 0;
	}
	/* To ask the server has taken a while. */
	killer->killed_ns = killer->answer_ns = clock_now();
	kill(pid, SIGKILL);
	killer->victim = pid;
	killer->killed++;
	set_due(killer, killer->killed_ns);
	return 0;
}

/* What the dead has sent may be taken in only now. */
static bool is_successors(const struct killer *killer)
{
	pid_t pid = server_process_serving(killer->process);

	return pid > 0 && pid != killer->victim;
}

int killer_tick(struct killer *killer, int64_t now_ns, int n)
{
	if (*killer->interrupted)
		killer->done = 1;
	if (n > 0) {
		if (killer->answer_ns && now_ns - killer->answer_ns > killer->gap_ns)
			killer->gap_ns = now_ns - killer->answer_ns;
		killer->answer_ns = now_ns;
		killer->answered = killer->answered || is_successors(killer);
	}
	if (killer->done)
		return 0;
	if (killer->due_ns == 0) {
		killer->dice = (uint64_t)now_ns;
		set_due(killer, now_ns);
	}
	return now_ns >= killer->due_ns ? kill_one(killer, now_ns) : 0;
}
