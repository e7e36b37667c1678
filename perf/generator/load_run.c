/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run has two sides of the same make, the daemon's and the echo server's: each with mirrors, a
 * runner and a measure. Only the daemon's is checked. Where both are wanted they are played in
 * turns of 250 ms, so that what else the machine does hits both alike. Phases before and after the
 * measured one are played to their end, unmeasured. Whatever fails, remove_all takes everything
 * down that was made.
 */
#include "perf/generator/load_run.h"

#include "perf/generator/echo.h"
#include "perf/generator/killer.h"
#include "perf/generator/mirror_set.h"
#include "perf/generator/replay.h"
#include "perf/generator/runner.h"
#include "perf/generator/slow_device.h"
#include "server/base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SETUP_DEPTH 64u
#define SLICE_NS (250 * NSEC_PER_MSEC) /* of a server, when two take turns */
#define LISTEN_NS (100 * NSEC_PER_MSEC)

/* One server and the mirrors that talk to it. */
struct side {
	struct runner runner;
	struct mirror_set set;
	struct measure *measure;
	uint64_t requests_before; /* the measured run began */
};

struct run {
	const struct load_options *options;
	const volatile int *interrupted;
	struct load_options replay_options; /* what a recording decides */
	struct load_server *server;
	struct load_result *result;
	struct log_devices devices;
	struct slow_device slow;
	char slow_file[32]; /* a path of what lies below it */
	struct mirror_script_config slow_script; /* of the log on it */
	struct side daemon, echo;
	struct replay *replay; /* NULL: the scripts */
	struct client echo_client;
	pid_t echo_pid;
	struct killer killer;
	int64_t start_ns;
	uint64_t shown; /* answers at the last line of progress */
	int64_t shown_ns;
};

/* --- making logs --- */

static int make_slow_device(struct run *run)
{
	const struct load_options *options = run->options;
	int r;

	if (!options->slow_msec)
		return 0;
	run->slow_script = options->script;
	run->slow_script.workload = mirror_script_workload("mark_flush");
	r = slow_device_make(&run->slow, options->loop_dir, log_devices_bytes(options->regions));
	snprintf(run->slow_file, sizeof(run->slow_file), "/proc/self/fd/%d", run->slow.device.file);
	return r;
}

static int make_devices(struct run *run)
{
	const struct load_options *options = run->options;
	int r = make_slow_device(run);

	if (r < 0 || !options->disk)
		return r;
	run->result->has_devices = true;
	if (options->ndevices == 0)
		return log_devices_make_loops(&run->devices, options->logs, options->loop_dir,
					      options->regions);
	for (unsigned i = 0; r == 0 && i < options->logs; i++)
		r = log_devices_add(&run->devices, options->devices[i]);
	return r;
}

/* Nothing is to be done for a core log. */
static void describe_device(const struct run *run, unsigned index,
			    struct mirror_description *description)
{
	if (index == run->options->logs) {
		description->device_path = run->slow.device.path;
		description->device_number = run->slow.device.number;
		/* The device itself would answer behind the writes that it holds back. */
		description->look_path = run->slow_file;
	} else if (index < run->devices.count) {
		description->device_path = run->devices.entries[index].path;
		description->device_number = run->devices.entries[index].number;
		description->look_path = run->devices.entries[index].path;
	}
}

static void describe(const struct run *run, unsigned index, char *uuid, size_t uuid_bytes,
		     struct mirror_description *description)
{
	snprintf(uuid, uuid_bytes, "LVM-dirtylog-load-%d-%u", getpid(), index);
	*description = (struct mirror_description){
		.luid = TRAFFIC_FIRST_LUID + (uint64_t)index * TRAFFIC_LUID_STEP,
		.uuid = uuid,
		.regions = run->options->regions,
		.region_size = run->options->region_size,
		.seed = run->options->seed * UINT64_C(0x100000001B3) + index,
	};
	describe_device(run, index, description);
}

static int make_mirrors(struct run *run, struct side *side, bool check)
{
	const struct load_options *options = run->options;
	unsigned count = options->logs + (options->slow_msec > 0);
	int r = mirror_set_create(&side->set, count, options->regions, check);

	if (r < 0)
		fprintf(stderr,
			"dirtylog-load: no memory for the model of %u logs of %" PRIu64
			" regions\n",
			count, options->regions);
	for (unsigned i = 0; r == 0 && i < count; i++) {
		struct mirror_description description;
		char uuid[DM_UUID_LEN];

		describe(run, i, uuid, sizeof(uuid), &description);
		mirror_init(&side->set.mirrors[i],
			    i < options->logs ? &options->script : &run->slow_script, &description,
			    mirror_set_memory(&side->set, i));
	}
	if (r == 0 && options->slow_msec)
		mirror_set_put_beside(&side->set);
	return r;
}

/* --- the two servers --- */

static bool daemon_alive(void *context)
{
	struct run *run = context;

	return !run->server->spawned || server_process_alive(&run->server->process);
}

static void show_progress(void *context, int64_t now_ns)
{
	struct run *run = context;
	uint64_t answers = run->result->server.answers + run->result->echo.answers;
	double seconds = (double)(now_ns - run->shown_ns) / NSEC_PER_SEC;

	if (!run->options->quiet && answers > run->shown && run->shown_ns > 0)
		fprintf(stderr,
			"%s%5.1f s  %9.0f requests/s  wrong %" PRIu64 ", doubled %" PRIu64 "%s",
			isatty(STDERR_FILENO) ? "\r" : "",
			(double)(now_ns - run->start_ns) / NSEC_PER_SEC,
			(double)(answers - run->shown) / seconds, run->result->server.wrong,
			run->result->server.doubled, isatty(STDERR_FILENO) ? "" : "\n");
	run->shown = answers;
	run->shown_ns = now_ns;
}

static int let_kill(void *context, int64_t now_ns, int n)
{
	struct run *run = context;

	return killer_tick(&run->killer, now_ns, n);
}

/* From now on servers are killed, and the run ends when enough of them were. */
static void loose_killer(struct run *run)
{
	if (run->options->kills == 0)
		return;
	run->killer = (struct killer){.process = &run->server->process,
				      .wanted = run->options->kills,
				      .pause_ns = run->options->kill_pause_msec * NSEC_PER_MSEC,
				      .interrupted = run->interrupted};
	run->interrupted = &run->killer.done;
	run->daemon.runner.tick = let_kill;
}

static void catch_killer(struct run *run)
{
	if (run->options->kills == 0)
		return;
	run->result->too_few_kills =
		run->killer.killed < run->options->kills && !*run->killer.interrupted;
	if (run->result->too_few_kills)
		fprintf(stderr, "dirtylog-load: only %u of %u servers were killed in the time\n",
			run->killer.killed, run->options->kills);
	run->daemon.runner.tick = NULL;
	run->result->kills = run->killer.killed;
	run->result->stalls = run->killer.gaps;
	memcpy(run->result->stall_parts, run->killer.parts, sizeof(run->killer.parts));
}

/* The log on the slow device takes none of the others' places. */
static unsigned depth_of(const struct load_options *options)
{
	return load_options_depth(options) + (options->slow_msec > 0);
}

static int make_side(struct run *run, struct side *side, const char *name, struct client *client,
		     struct measure *measure)
{
	unsigned depth = depth_of(run->options);

	client->busy_poll = run->options->busy_poll;
	side->measure = measure;
	side->runner.server = name;
	side->runner.client = client;
	side->runner.measure = measure;
	side->runner.lost_after_ns = (int64_t)(run->options->lost_after * NSEC_PER_SEC);
	side->runner.progress = show_progress;
	side->runner.context = run;
	return runner_create(&side->runner, depth > SETUP_DEPTH ? depth : SETUP_DEPTH);
}

static int start_echo(struct run *run)
{
	struct echo_config config = {.poll = run->options->echo_poll,
				     .cpu = run->options->server_cpu};
	uint32_t port;
	int r;

	for (unsigned type = 1; type < WIRE_TYPES; type++)
		config.reply_bytes[type] =
			(uint16_t)mirror_reply_bytes(&run->echo.set.mirrors[0], type);
	r = echo_start(&config, &run->echo_client, &run->echo_pid, &port);
	if (r < 0) {
		fprintf(stderr, "dirtylog-load: no echo server: %s\n", strerror(-r));
		return r;
	}
	echo_pause(run->echo_pid);
	if (run->options->unicast)
		client_unicast(&run->echo_client, port);
	return 0;
}

static int make_echo(struct run *run)
{
	int r;

	run->result->has_echo = run->options->echo;
	if (!run->options->echo)
		return 0;
	r = make_mirrors(run, &run->echo, false);
	if (r == 0)
		r = start_echo(run);
	if (r == 0)
		r = make_side(run, &run->echo, "echo server", &run->echo_client,
			      &run->result->echo);
	return r;
}

/* Its logs are as many and as large as they were. */
static int open_replay(struct run *run)
{
	struct load_options *options = &run->replay_options;
	int r;

	if (!run->options->replay)
		return 0;
	r = replay_open(&run->replay, run->options->replay, run->options->replay_speed);
	if (r < 0)
		return r;
	*options = *run->options;
	options->logs = replay_logs(run->replay);
	options->regions = replay_regions(run->replay);
	run->options = options;
	run->result->logs = options->logs;
	run->result->regions = options->regions;
	if (options->disk)
		replay_use_devices(run->replay, &run->devices);
	return 0;
}

static int make_all(struct run *run)
{
	int r = open_replay(run);

	if (r == 0)
		r = make_devices(run);
	if (r == 0 && !run->replay)
		r = make_mirrors(run, &run->daemon, true);
	if (r == 0)
		r = make_side(run, &run->daemon, "dirtylogd", &run->server->client,
			      &run->result->server);
	run->daemon.runner.alive = daemon_alive;
	return r == 0 ? make_echo(run) : r;
}

static void remove_all(struct run *run)
{
	replay_close(run->replay);
	if (run->echo_pid > 0) {
		echo_stop(run->echo_pid);
		client_close(&run->echo_client);
	}
	runner_destroy(&run->daemon.runner);
	runner_destroy(&run->echo.runner);
	mirror_set_destroy(&run->daemon.set);
	mirror_set_destroy(&run->echo.set);
	log_devices_release(&run->devices);
	slow_device_release(&run->slow);
}

/* --- phases --- */

/* Unmeasured, to its end. */
static const struct runner_limits to_the_end = {
	.depth = SETUP_DEPTH, .count = UINT64_MAX, .end_ns = INT64_MAX, .record_ns = INT64_MAX};

static int play_phase(struct side *side, enum mirror_script_phase phase)
{
	mirror_set_begin(&side->set, phase, 0, clock_now());
	return runner_run(&side->runner, &side->set.traffic, &to_the_end);
}

static int replay_phase(struct run *run, enum replay_phase phase)
{
	replay_begin(run->replay, phase, clock_now());
	return runner_run(&run->daemon.runner, replay_traffic(run->replay), &to_the_end);
}

static int play(struct run *run, struct side *side, int64_t ns, bool record)
{
	const struct load_options *options = run->options;
	int64_t now_ns = clock_now();
	struct runner_limits limits = {
		.depth = depth_of(options),
		.burst = options->burst,
		.count = UINT64_MAX,
		.end_ns = now_ns + ns,
		.interrupted = run->interrupted,
		.record_ns = record ? now_ns : INT64_MAX,
	};
	int r;

	if (record && options->count != UINT64_MAX)
		limits.count = options->count - (side->measure->requests - side->requests_before);
	mirror_set_continue(&side->set, now_ns);
	r = runner_run(&side->runner, &side->set.traffic, &limits);
	if (side == &run->daemon && limits.count == UINT64_MAX && !*run->interrupted && record)
		run->result->unsent += mirror_set_unsent(&side->set, limits.end_ns);
	return r;
}

static bool count_reached(const struct run *run, const struct side *side)
{
	return side->measure->requests - side->requests_before >= run->options->count;
}

static void begin_measuring(struct run *run, struct side *side, int64_t run_ns)
{
	measure_start(side->measure, clock_now(), run_ns);
	side->requests_before = side->measure->requests;
}

static int play_echo(struct run *run, int64_t ns, bool record)
{
	int r;

	echo_resume(run->echo_pid);
	r = play(run, &run->echo, ns, record);
	echo_pause(run->echo_pid);
	return r;
}

/* The two servers in short turns, so that the machine's other work hits both alike. */
static int play_in_turns(struct run *run, int64_t run_ns)
{
	int64_t slice_ns = run_ns / 8 < SLICE_NS ? run_ns / 8 : SLICE_NS;
	int r = 0;

	for (int64_t left = run_ns; r == 0 && left > 0; left -= 2 * slice_ns) {
		r = play(run, &run->daemon, slice_ns, true);
		if (r == 0)
			r = play_echo(run, slice_ns, true);
		if (count_reached(run, &run->daemon) || *run->interrupted)
			break;
	}
	return r;
}

static int warm_up(struct run *run)
{
	int64_t ns = (int64_t)(run->options->warmup * NSEC_PER_SEC);
	int r;

	if (ns == 0)
		return 0;
	r = play(run, &run->daemon, ns, false);
	return r == 0 && run->options->echo ? play_echo(run, ns, false) : r;
}

static void end_progress(const struct run *run)
{
	if (!run->options->quiet && isatty(STDERR_FILENO))
		fputs("\n", stderr);
}

static int measure_run(struct run *run)
{
	int64_t run_ns = (int64_t)(run->options->seconds * NSEC_PER_SEC);
	int r;

	mirror_set_begin(&run->daemon.set, MIRROR_RUN, run->options->rate, clock_now());
	if (run->options->echo)
		mirror_set_begin(&run->echo.set, MIRROR_RUN, run->options->rate, clock_now());
	r = warm_up(run);
	run->start_ns = clock_now();
	run->shown = 0;
	begin_measuring(run, &run->daemon, run_ns);
	begin_measuring(run, &run->echo, run_ns);
	loose_killer(run);
	if (r == 0)
		r = run->options->echo ? play_in_turns(run, run_ns)
				       : play(run, &run->daemon, run_ns, true);
	catch_killer(run);
	end_progress(run);
	return r;
}

/* Also after a signal: the daemon shall not keep our logs. After a failure it may not answer. */
static int verify_and_remove(struct run *run, int r)
{
	if (r == 0)
		r = play_phase(&run->daemon, MIRROR_VERIFY);
	if (r == 0)
		r = play_phase(&run->daemon, MIRROR_DEACTIVATE);
	if (r == 0)
		runner_listen(&run->daemon.runner, LISTEN_NS);
	return r;
}

static bool read_usage(const struct run *run, struct server_process_usage *usage)
{
	return run->server->spawned && server_process_usage(&run->server->process, usage) == 0;
}

/* An answer that comes now is one too many. */
static void leave_alone(struct run *run)
{
	int64_t start_ns = clock_now();
	int64_t end_ns = start_ns + (int64_t)(run->options->idle * NSEC_PER_SEC);

	while (clock_now() < end_ns && !*run->interrupted)
		runner_listen(&run->daemon.runner, LISTEN_NS);
	run->result->setup.idle_ns = clock_now() - start_ns;
}

static int set_up_logs(struct run *run)
{
	struct load_setup *setup = &run->result->setup;
	struct server_process_usage before, after, left_alone;
	bool known = read_usage(run, &before);
	int64_t start_ns = clock_now();
	int r = play_phase(&run->daemon, MIRROR_ACTIVATE);

	setup->ns = clock_now() - start_ns;
	known = known && read_usage(run, &after);
	if (r == 0 && run->options->idle > 0)
		leave_alone(run);
	setup->has_usage = known && read_usage(run, &left_alone);
	if (!setup->has_usage)
		return r;
	setup->rss_before = before.rss_bytes;
	setup->rss_after = after.rss_bytes;
	setup->idle_cpu_ns = left_alone.cpu_ns - after.cpu_ns;
	return r;
}

static int measure_with_slow_device(struct run *run)
{
	int r = 0, ended;

	if (run->options->slow_msec)
		r = slow_device_begin(&run->slow, run->options->slow_msec);
	if (r == 0)
		r = measure_run(run);
	ended = slow_device_end(&run->slow);
	return r == 0 ? ended : r;
}

/* What a verification writes is not the run's. */
static int play_scripts(struct run *run, struct log_devices_counts *before,
			struct log_devices_counts *after)
{
	int r = set_up_logs(run);

	log_devices_count(&run->devices, before);
	if (r == 0)
		r = measure_with_slow_device(run);
	run->result->marks = mirror_set_marks(&run->daemon.set);
	if (r == 0)
		r = play_phase(&run->daemon, MIRROR_SETTLE);
	log_devices_count(&run->devices, after);
	return verify_and_remove(run, r);
}

static int play_recorded(struct run *run)
{
	int64_t now_ns = clock_now();
	int64_t run_ns = (int64_t)(run->options->seconds * NSEC_PER_SEC);
	struct runner_limits limits = {.depth = load_options_depth(run->options),
				       .count = run->options->count,
				       .end_ns = now_ns + run_ns,
				       .interrupted = run->interrupted,
				       .record_ns = now_ns};
	int r;

	run->start_ns = now_ns;
	begin_measuring(run, &run->daemon, run_ns);
	replay_begin(run->replay, REPLAY_REQUESTS, now_ns);
	r = runner_run(&run->daemon.runner, replay_traffic(run->replay), &limits);
	end_progress(run);
	return r;
}

static int play_recording(struct run *run, struct log_devices_counts *before,
			  struct log_devices_counts *after)
{
	int r = replay_phase(run, REPLAY_CTR);

	if (r == 0)
		r = replay_phase(run, REPLAY_RESUME);
	log_devices_count(&run->devices, before);
	if (r == 0)
		r = play_recorded(run);
	run->result->marks = replay_marks(run->replay);
	if (r == 0)
		r = replay_phase(run, REPLAY_DTR);
	if (r == 0)
		runner_listen(&run->daemon.runner, LISTEN_NS);
	log_devices_count(&run->devices, after);
	return r;
}

static int play_all(struct run *run)
{
	struct log_devices_counts before, after;
	int r = run->replay ? play_recording(run, &before, &after)
			    : play_scripts(run, &before, &after);

	run->result->written.sectors = after.sectors - before.sectors;
	run->result->written.flushes = after.flushes - before.flushes;
	return r;
}

static void say_end(const struct run *run, int r)
{
	switch (r) {
	case 0:
	case -ETIMEDOUT: /* each lost answer was said */
		break;
	case -EPIPE:
		fprintf(stderr, "dirtylog-load: the daemon has ended during the run\n");
		break;
	default:
		fprintf(stderr, "dirtylog-load: the run failed: %s\n", strerror(-r));
	}
}

int load_run(struct load_server *server, const struct load_options *options,
	     const volatile int *interrupted, struct load_result *result)
{
	struct run run = {
		.options = options, .interrupted = interrupted, .server = server, .result = result};
	int r;

	memset(result, 0, sizeof(*result));
	result->logs = options->logs;
	result->regions = options->regions;
	result->depth = load_options_depth(options);
	run.daemon.measure = &result->server;
	run.echo.measure = &result->echo;
	r = make_all(&run);
	if (r == 0) {
		r = play_all(&run);
		say_end(&run, r);
	}
	remove_all(&run);
	result->error = r;
	return r;
}
