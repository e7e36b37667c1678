/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror thread: device-mapper's tables, read and poked through libdevmapper. Jobs wait in a list
 * until they are due; then all tables are read once for all of them. Results go back as mail (legs), or
 * become a child process (settle, nudge), which is this program again with a hidden option. */
#include "server/log/mirrors.h"

#include "server/base/clock.h"
#include "server/base/crash.h"
#include "server/base/diag.h"

#include "server/log/dm_device.h"
#include "server/log/lvm_lock.h"
#include "server/log/mirror_cycle.h"
#include "server/log/mirror_scan.h"
#include "server/log/mirror_wake.h"
#include "server/restart/place.h"

#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define JOIN_LIMIT_NS (2 * NSEC_PER_SEC)

#define CHILDREN_KNOWN 64u
#define NUDGE_AGAIN_NS (20 * NSEC_PER_SEC)
#define NUDGE_DOUBLED_MAX 3u /* 160 s, for which a log that is gone keeps its memory */

extern char **environ;

/* The last ones. The thread's alone. */
static struct child {
	enum mirror_job_kind kind;
	uint32_t major, minor;
	int64_t started_ns;
} children[CHILDREN_KNOWN];

struct mirrors {
	struct estate_executor *watched;
	struct leg_flusher *flusher;
	char wakes[WAKE_LIST_MAX]; /* the thread's: those that are due together */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct mirror_job *jobs; /* under lock, unordered */
	bool stop, ended; /* under lock */
	bool left_behind; /* under lock: the server ends, and the thread hangs in the kernel */
};

/* --- libdevmapper --- */

static void dm_to_log(int level, const char *file, int line, int error, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if ((level & 7) <= 4)
		diag_limited(DIAG_DEBUG, "device-mapper: %s", text);
}

/* Run a task; NULL with -errno in *error if it cannot be. */
static struct dm_task *dm_run(int type, const uint64_t *number, int *error)
{
	struct dm_task *task = dm_task_create(type);

	*error = -ENOMEM;
	if (!task)
		return NULL;
	if (number && (!dm_task_set_major(task, (int)major(*number)) ||
		       !dm_task_set_minor(task, (int)minor(*number))))
		goto err;
	if (dm_task_run(task))
		return task;
	*error = -dm_task_get_errno(task);
err:
	dm_task_destroy(task);
	return NULL;
}

/* By number: libdevmapper may want to write a name in another way than the kernel has it. */
static void scan_device(struct mirror_scan *scan, uint64_t number)
{
	int error;
	struct dm_task *task = dm_run(DM_DEVICE_TABLE, &number, &error);
	char *type, *params;
	uint64_t start, length;
	void *next = NULL;

	if (!task) {
		/* It may have gone since the list was made. */
		scan->incomplete |= error != -ENXIO;
		return;
	}
	do {
		next = dm_get_next_target(task, next, &start, &length, &type, &params);
		if (type && params)
			mirror_scan_target(scan, major(number), minor(number), start, type, params);
	} while (next);
	dm_task_destroy(task);
}

/* A turn for each: there may be thousands. */
static void scan_tables(struct estate_executor *watched, struct mirror_scan *scan)
{
	int error;
	struct dm_task *task = dm_run(DM_DEVICE_LIST, NULL, &error);
	const struct dm_names *names = task ? dm_task_get_names(task) : NULL;
	uint32_t next;

	mirror_scan_begin(scan);
	scan->incomplete = !names;
	if (names && names->dev) {
		do {
			estate_works(watched);
			scan_device(scan, names->dev);
			next = names->next;
			names = (const struct dm_names *)((const char *)names + next);
		} while (next);
	}
	if (task)
		dm_task_destroy(task);
	if (scan->incomplete)
		diag_limited(DIAG_WARNING, "not all tables of device-mapper can be read: clears "
					   "stay in memory");
}

/* --- jobs --- */

static void spawn_self(const char *option, char *value)
{
	char option_copy[32];
	/* One that has suspended a mirror is not killed at the end of the system: see main.c. */
	char *argv[] = {"@dirtylogd", option_copy, value, NULL};
	pid_t pid;
	int r;

	snprintf(option_copy, sizeof(option_copy), "%s", option);
	r = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ);
	if (r != 0)
		diag_limited(DIAG_WARNING, "%s %s cannot be started: %s", option, value,
			     strerror(r));
}

static bool all_in_sync(const struct mirror_log *log)
{
	return dirty_log_sync_count(&log->dirty) == log->args.region_count;
}

/* A table may have many logs of one name (LVM's pvmove: one a segment), which all learn from one child. */
static bool child_did_it(const struct mirror_job *job, const struct mirror_found *found)
{
	for (unsigned i = 0; i < CHILDREN_KNOWN; i++) {
		const struct child *child = &children[i];

		if (child->kind == job->kind && child->major == found->major &&
		    child->minor == found->minor && child->started_ns > job->asked_ns)
			return true;
	}
	return false;
}

static void start_child(const struct mirror_job *job, const char *option,
			const struct mirror_found *found)
{
	static unsigned last;
	char number[32];

	children[last++ % CHILDREN_KNOWN] = (struct child){
		.kind = job->kind,
		.major = found->major,
		.minor = found->minor,
		.started_ns = clock_now(),
	};
	snprintf(number, sizeof(number), "%u:%u", found->major, found->minor);
	spawn_self(option, number);
}

static void do_settle(const struct mirror_scan *scan, const struct mirror_job *job)
{
	const struct mirror_log *log = job->log;
	const struct mirror_found *found = mirror_scan_find(scan, log->uuid);

	if (!found || !all_in_sync(log) || child_did_it(job, found) ||
	    atomic_load_explicit(&log->answered.sync_count, memory_order_relaxed))
		return;
	start_child(job, "--query-device", found);
}

static int put_job(struct mirrors *mirrors, struct mirror_log *log, const struct mirror_job *model,
		   int64_t delay_ns);

static void nudge_again(struct mirrors *mirrors, const struct mirror_job *job)
{
	unsigned doubled = job->tries < NUDGE_DOUBLED_MAX ? job->tries : NUDGE_DOUBLED_MAX;
	const struct mirror_job model = {.kind = MIRROR_JOB_NUDGE, .tries = job->tries + 1};

	put_job(mirrors, job->log, &model, NUDGE_AGAIN_NS << doubled);
}

static bool may_be_nudged(const struct mirror_found *found, const struct mirror_log *log)
{
	return found && mirror_log_state(log) == LOG_ACTIVE && mirror_log_health(log) == LOG_SOUND;
}

/* Until the kernel has asked, or nobody has to any more; of a log that a server's death has spoilt, until RESUME. */
static bool is_content(const struct mirror_log *log)
{
	return !mirror_log_heals(log) &&
	       (all_in_sync(log) ||
		atomic_load_explicit(&log->answered.resync_work, memory_order_relaxed));
}

static void do_nudge(struct mirrors *mirrors, const struct mirror_scan *scan,
		     const struct mirror_job *job)
{
	const struct mirror_log *log = job->log;
	const struct mirror_found *found = mirror_scan_find(scan, log->uuid);

	if (!mirror_log_is_open(log) || is_content(log))
		return;
	if (may_be_nudged(found, log) && !child_did_it(job, found)) {
		diag_info("mirror %u:%u of log %s %s", found->major, found->minor, log->uuid,
			  mirror_log_heals(log) ? "has to begin its resync anew"
						: "does not ask for resync work");
		start_child(job, "--cycle-device", found);
	}
	nudge_again(mirrors, job); /* behind it: its child is not that one's */
}

/* --- waking --- */

static void spawn_wakes(struct mirrors *mirrors)
{
	if (mirrors->wakes[0])
		spawn_self("--wake-devices", mirrors->wakes);
	mirrors->wakes[0] = '\0';
}

static void add_wake(struct mirrors *mirrors, const struct mirror_log *log, struct wake_place place)
{
	place.offset = atomic_load_explicit(&log->pace.offset, memory_order_relaxed);
	if (wake_list_add(mirrors->wakes, &place))
		return;
	spawn_wakes(mirrors);
	wake_list_add(mirrors->wakes, &place);
}

/* A uuid may be that of several mirrors (pvmove), and which is the log's the kernel alone knows. */
static void find_and_wake(struct mirrors *mirrors, const struct mirror_scan *scan,
			  struct mirror_log *log)
{
	struct wake_place place = {0};
	unsigned count = 0;

	for (unsigned i = 0; i < scan->count; i++) {
		const struct mirror_found *found = &scan->found[i];

		if (strcmp(found->table.uuid, log->uuid) != 0)
			continue;
		place = (struct wake_place){found->major, found->minor, found->start, 0};
		add_wake(mirrors, log, place);
		count++;
	}
	log->pace.place_known = count == 1 && !scan->incomplete;
	log->pace.place = place;
}

static void do_wake(struct mirrors *mirrors, const struct mirror_scan *scan,
		    const struct mirror_job *job)
{
	if (job->log->pace.place_known)
		add_wake(mirrors, job->log, job->log->pace.place);
	else
		find_and_wake(mirrors, scan, job->log);
}

/* The log, and what it is executed by, are there only as long as the thread has not been left behind. */
static void end_job(struct mirrors *mirrors, struct mirror_job *job)
{
	pthread_mutex_lock(&mirrors->lock);
	if (mirrors->left_behind) {
		pthread_mutex_unlock(&mirrors->lock);
		return;
	}
	if (job->kind == MIRROR_JOB_LEGS) {
		mirror_log_post(job->log, &job->head); /* the worker drops the reference */
	} else if (job->kind == MIRROR_JOB_DEVICE) {
		run_queue_found(job->log->run_queue, &job->head.mail); /* likewise */
	} else {
		mirror_log_put(job->log);
		free(job);
	}
	pthread_mutex_unlock(&mirrors->lock);
}

/* The kernel holds what the table has open: legs, and the log device that our answer to the first CTR named.
 * Its name may mean another device by now. Of several the one that still has the name. */
static void take_candidate(struct mirror_job *job, uint64_t number, uint64_t named, unsigned *count)
{
	if (*count == 0 || number == named) {
		job->major = major(number);
		job->minor = minor(number);
	}
	job->found = ++*count == 1 || (job->major == major(named) && job->minor == minor(named));
}

static uint64_t number_of_name(const char *name)
{
	struct stat st;

	return stat(name, &st) == 0 && S_ISBLK(st.st_mode) ? st.st_rdev : 0;
}

static void do_device(const struct mirror_scan *scan, struct mirror_job *job)
{
	const char *uuid = job->log->uuid;
	const struct mirror_found *found = mirror_scan_find(scan, uuid);
	uint64_t number = found ? makedev(found->major, found->minor) : 0;
	int error;
	struct dm_task *task = found ? dm_run(DM_DEVICE_DEPS, &number, &error) : NULL;
	struct dm_deps *deps = task ? dm_task_get_deps(task) : NULL;
	unsigned candidates = 0;

	for (uint32_t i = 0; deps && found->understood && i < deps->count; i++)
		if (!mirror_scan_is_leg(scan, uuid, major(deps->device[i]), minor(deps->device[i])))
			take_candidate(job, deps->device[i], number_of_name(job->log->args.device),
				       &candidates);
	if (task)
		dm_task_destroy(task);
}

static void do_job(struct mirrors *mirrors, const struct mirror_scan *scan, struct mirror_job *job)
{
	switch (job->kind) {
	case MIRROR_JOB_LEGS:
		job->legs = mirror_scan_legs(scan, job->log->uuid);
		if (!job->legs)
			diag_debug("the legs of log %s are not known", job->log->uuid);
		break;
	case MIRROR_JOB_SETTLE:
		do_settle(scan, job);
		break;
	case MIRROR_JOB_NUDGE:
		do_nudge(mirrors, scan, job);
		break;
	case MIRROR_JOB_WAKE:
		do_wake(mirrors, scan, job);
		break;
	case MIRROR_JOB_DEVICE:
		do_device(scan, job);
		break;
	}
}

/* --- the children --- */

static int open_numbered(const char *major_minor)
{
	unsigned major, minor;

	if (sscanf(major_minor, "%u:%u", &major, &minor) != 2)
		return -EINVAL;
	return dm_device_open(major, minor);
}

int mirrors_query_device(const char *major_minor)
{
	int r = open_numbered(major_minor);

	if (r == 0)
		r = dm_device_query();
	return r < 0 ? 1 : 0;
}

static int lock_lvm(const char *vg)
{
	int fd = lvm_lock_try(LVM_LOCK_DIR, vg);

	return fd < 0 ? fd : 0; /* held until we end */
}

static int lock_device(const char *name)
{
	int fd = device_lock_try(PLACE_DIR, name);

	return fd < 0 ? fd : 0; /* likewise */
}

static const struct cycle_ops cycle_ops = {
	.look = dm_device_look,
	.all_alive = dm_device_all_alive,
	.lock_vg = lock_lvm,
	.lock_device = lock_device,
	.brace = dm_device_brace,
	.suspend = dm_device_suspend,
	.resume = dm_device_resume,
	.pause = dm_device_pause,
};

/* The daemon's log is ours too: in the background it has left us /dev/null, and is in syslog. */
static bool log_is_syslog(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) != 0 ||
	       (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

/* What there is to say is said behind it: the log may lie on this mirror. */
int mirrors_cycle_device(const char *major_minor)
{
	enum cycle_outcome outcome;
	int r = open_numbered(major_minor);

	diag_open(DIAG_INFO, log_is_syslog());
	if (r < 0) {
		diag_warning("mirror %s cannot be reached: %s", major_minor, strerror(-r));
		return 1;
	}
	outcome = mirror_cycle(&cycle_ops);
	diag_write(outcome == CYCLE_DONE ? DIAG_INFO : DIAG_WARNING, "mirror %s %s", major_minor,
		   cycle_outcome_text(outcome));
	return outcome < CYCLE_NOT_FREE ? 0 : 1;
}

/* --- the thread --- */

/* Under the lock: take out all jobs that are due; *next is the earliest deadline of the rest. */
static struct mirror_job *take_due(struct mirrors *mirrors, int64_t now, int64_t *next)
{
	struct mirror_job **at = &mirrors->jobs;
	struct mirror_job *due = NULL;

	*next = INT64_MAX;
	while (*at) {
		struct mirror_job *job = *at;

		if (job->due_ns <= now) {
			*at = job->next;
			job->next = due;
			due = job;
			continue;
		}
		if (job->due_ns < *next)
			*next = job->due_ns;
		at = &job->next;
	}
	return due;
}

/* Mirrors that are resynced slowly are woken often. */
static bool need_tables(const struct mirror_job *job)
{
	while (job && job->kind == MIRROR_JOB_WAKE && job->log->pace.place_known)
		job = job->next;
	return job;
}

static void do_jobs(struct mirrors *mirrors, struct mirror_scan *scan, struct mirror_job *job)
{
	if (need_tables(job))
		scan_tables(mirrors->watched, scan);
	while (job) {
		struct mirror_job *next = job->next;

		estate_works(mirrors->watched);
		do_job(mirrors, scan, job);
		end_job(mirrors, job);
		job = next;
	}
	spawn_wakes(mirrors);
}

static void wait_for_jobs(struct mirrors *mirrors, int64_t next)
{
	struct timespec until = {.tv_sec = next / NSEC_PER_SEC, .tv_nsec = next % NSEC_PER_SEC};

	if (next == INT64_MAX)
		pthread_cond_wait(&mirrors->more, &mirrors->lock);
	else
		pthread_cond_timedwait(&mirrors->more, &mirrors->lock, &until);
}

static void *mirrors_thread(void *argument)
{
	struct mirrors *mirrors = argument;
	struct mirror_scan scan = {0};
	struct mirror_job *due;
	int64_t next;

	pthread_setname_np(pthread_self(), "mirrors");
	dm_log_with_errno_init(dm_to_log);
	dm_set_name_mangling_mode(DM_STRING_MANGLING_NONE);
	pthread_mutex_lock(&mirrors->lock);
	while (!mirrors->stop) {
		due = take_due(mirrors, clock_now(), &next);
		if (!due) {
			wait_for_jobs(mirrors, next);
			continue;
		}
		pthread_mutex_unlock(&mirrors->lock);
		/* Not before: another server may be the one that is watched. */
		crash_mark(&mirrors->watched->duty.crashed);
		atomic_store(&mirrors->watched->thread, (uint32_t)gettid());
		estate_works(mirrors->watched);
		do_jobs(mirrors, &scan, due);
		estate_waits(mirrors->watched);
		pthread_mutex_lock(&mirrors->lock);
	}
	mirror_scan_free(&scan);
	mirrors->ended = true;
	pthread_cond_signal(&mirrors->more);
	pthread_mutex_unlock(&mirrors->lock);
	return NULL;
}

int mirrors_start(struct mirrors **mirrors, struct estate_executor *watched)
{
	struct mirrors *made = calloc(1, sizeof(*made));
	pthread_condattr_t monotonic;
	int r;

	if (!made)
		return -ENOMEM;
	made->watched = watched;
	pthread_mutex_init(&made->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&made->more, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r = leg_flusher_start(&made->flusher, leg_flusher_fsync);
	if (r < 0)
		goto err_free;
	r = -pthread_create(&made->thread, NULL, mirrors_thread, made);
	if (r < 0)
		goto err_stop;
	*mirrors = made;
	return 0;

err_stop:
	leg_flusher_stop(made->flusher);
err_free:
	free(made);
	return r;
}

/* Under the lock. False: it hangs in the kernel, and is left behind. */
static bool await_end(struct mirrors *mirrors)
{
	int64_t until_ns = clock_now() + JOIN_LIMIT_NS;
	struct timespec until = {.tv_sec = until_ns / NSEC_PER_SEC,
				 .tv_nsec = until_ns % NSEC_PER_SEC};
	int r = 0;

	while (r == 0 && !mirrors->ended)
		r = pthread_cond_timedwait(&mirrors->more, &mirrors->lock, &until);
	mirrors->left_behind = !mirrors->ended;
	return mirrors->ended;
}

void mirrors_stop(struct mirrors *mirrors)
{
	struct mirror_job *job;
	bool ended;

	pthread_mutex_lock(&mirrors->lock);
	mirrors->stop = true;
	pthread_cond_signal(&mirrors->more);
	ended = await_end(mirrors);
	pthread_mutex_unlock(&mirrors->lock);
	leg_flusher_stop(mirrors->flusher);
	if (!ended) {
		diag_warning("device-mapper does not answer");
		return;
	}
	pthread_join(mirrors->thread, NULL);
	while ((job = mirrors->jobs)) {
		mirrors->jobs = job->next;
		mirror_log_put(job->log);
		free(job);
	}
	free(mirrors);
}

static int put_job(struct mirrors *mirrors, struct mirror_log *log, const struct mirror_job *model,
		   int64_t delay_ns)
{
	struct mirror_job *job = malloc(sizeof(*job));

	if (!job)
		return -ENOMEM;
	*job = *model;
	job->head.kind = MAIL_LEGS;
	job->log = log;
	job->asked_ns = clock_now();
	job->due_ns = job->asked_ns + delay_ns;
	mirror_log_get(log);
	pthread_mutex_lock(&mirrors->lock);
	job->next = mirrors->jobs;
	mirrors->jobs = job;
	pthread_cond_signal(&mirrors->more);
	pthread_mutex_unlock(&mirrors->lock);
	return 0;
}

int mirrors_ask(struct mirrors *mirrors, struct mirror_log *log, enum mirror_job_kind kind,
		int64_t delay_ns)
{
	const struct mirror_job model = {.kind = kind};

	return put_job(mirrors, log, &model, delay_ns);
}

static void legs_are_flushed(struct leg_flush *flush)
{
	mirror_log_post(flush->log, &flush->head);
}

struct leg_flush *mirrors_flush_legs(struct mirrors *mirrors, struct mirror_log *log)
{
	struct leg_flush *flush = leg_flush_make(log->clears.legs);

	if (!flush)
		return NULL;
	flush->head.kind = MAIL_LEGS_FLUSHED;
	flush->log = log;
	flush->done = legs_are_flushed;
	mirror_log_get(log);
	leg_flusher_submit(mirrors->flusher, flush);
	return flush;
}

void mirrors_abandon_flush(struct mirrors *mirrors, struct leg_flush *flush)
{
	struct mirror_log *log = flush->log;

	if (leg_flusher_abandon(mirrors->flusher, flush))
		mirror_log_put(log);
}
