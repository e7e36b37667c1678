/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror thread: device-mapper's tables, read and poked through libdevmapper. */
#include "server/mirrors.h"

#include "server/clock.h"
#include "server/log_device.h"
#include "server/logging.h"

#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct mirrors {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct mirror_job *jobs; /* under lock, unordered */
	bool stop; /* under lock */
};

/* A mirror whose log is ours. */
struct found {
	uint32_t major, minor;
	unsigned nlegs;
	uint32_t legs[LOG_LEGS_MAX][2];
};

/* --- table lines --- */

/* `userspace <argc> <uuid> ...argc - 1 more... <nr_legs> <leg> <offset> ...` */
unsigned mirrors_parse_table(const char *params, const char *uuid, uint32_t (*legs)[2],
			     unsigned max)
{
	char *copy = strdup(params);
	char *save = NULL, *word = copy ? strtok_r(copy, " ", &save) : NULL;
	unsigned argc = 0, nlegs = 0, found = 0;

	if (!word || strcmp(word, "userspace") != 0)
		goto out;
	word = strtok_r(NULL, " ", &save);
	if (!word || sscanf(word, "%u", &argc) != 1 || argc < 1)
		goto out;
	word = strtok_r(NULL, " ", &save);
	if (!word || strcmp(word, uuid) != 0)
		goto out;
	while (--argc > 0 && strtok_r(NULL, " ", &save))
		;
	word = strtok_r(NULL, " ", &save);
	if (!word || sscanf(word, "%u", &nlegs) != 1 || nlegs > max)
		goto out;
	for (unsigned i = 0; i < nlegs; i++) {
		word = strtok_r(NULL, " ", &save);
		if (!word || sscanf(word, "%u:%u", &legs[i][0], &legs[i][1]) != 2)
			goto out;
		strtok_r(NULL, " ", &save);
	}
	found = nlegs;
out:
	free(copy);
	return found;
}

/* --- libdevmapper --- */

static void dm_to_log(int level, const char *file, int line, int error, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if ((level & 7) <= 4)
		log_limited(LOGGING_DEBUG, "device-mapper: %s", text);
}

static struct dm_task *dm_run(int type, const char *name, uint32_t major, uint32_t minor)
{
	struct dm_task *task = dm_task_create(type);

	if (!task)
		return NULL;
	if ((name && !dm_task_set_name(task, name)) ||
	    (!name && type != DM_DEVICE_LIST &&
	     (!dm_task_set_major(task, (int)major) || !dm_task_set_minor(task, (int)minor))) ||
	    !dm_task_skip_lockfs(task) || !dm_task_run(task)) {
		dm_task_destroy(task);
		return NULL;
	}
	return task;
}

static bool is_mirror_of(const char *name, const char *uuid, struct found *found)
{
	struct dm_task *task = dm_run(DM_DEVICE_TABLE, name, 0, 0);
	struct dm_info info;
	char *type, *params;
	uint64_t start, length;
	void *next = NULL;
	bool is = false;

	if (!task)
		return false;
	if (!dm_task_get_info(task, &info) || !info.exists)
		goto out;
	do {
		next = dm_get_next_target(task, next, &start, &length, &type, &params);
		if (!type || !params || strcmp(type, "mirror") != 0)
			continue;
		found->nlegs = mirrors_parse_table(params, uuid, found->legs, LOG_LEGS_MAX);
		if (found->nlegs > 0) {
			found->major = info.major;
			found->minor = info.minor;
			is = true;
		}
	} while (next && !is);
out:
	dm_task_destroy(task);
	return is;
}

static bool find_mirror(const char *uuid, struct found *found)
{
	struct dm_task *task = dm_run(DM_DEVICE_LIST, NULL, 0, 0);
	const struct dm_names *names;
	bool is = false;
	uint32_t next;

	if (!task)
		return false;
	names = dm_task_get_names(task);
	if (names && names->dev) {
		do {
			is = is_mirror_of(names->name, uuid, found);
			next = names->next;
			names = (const struct dm_names *)((const char *)names + next);
		} while (next && !is);
	}
	dm_task_destroy(task);
	return is;
}

/* --- jobs --- */

static struct log_legs *open_legs(const struct found *found)
{
	struct log_legs *legs = calloc(1, sizeof(*legs));

	if (!legs)
		return NULL;
	for (unsigned i = 0; i < found->nlegs; i++) {
		int fd = log_device_open_number(found->legs[i][0], found->legs[i][1], O_RDONLY);

		if (fd < 0) {
			log_warning("leg %u:%u cannot be opened for flushing: %s",
				    found->legs[i][0], found->legs[i][1], strerror(-fd));
			log_legs_close(legs);
			return NULL;
		}
		legs->fds[legs->count++] = fd;
	}
	return legs;
}

static void do_legs(struct mirror_job *job)
{
	struct found found;

	if (find_mirror(job->log->uuid, &found))
		job->legs = open_legs(&found);
	else
		log_debug("the mirror of log %s is in no live table", job->log->uuid);
	/* The worker drops the reference. */
	mirror_log_post(job->log, &job->head);
}

static void do_settle(const struct mirror_log *log)
{
	struct found found;
	struct dm_task *task;

	if (atomic_load_explicit(&log->sync_count_asked, memory_order_relaxed))
		return;
	if (dirty_log_sync_count(&log->dirty) != log->args.region_count ||
	    !find_mirror(log->uuid, &found))
		return;
	task = dm_run(DM_DEVICE_STATUS, NULL, found.major, found.minor);
	if (task)
		dm_task_destroy(task);
}

/* A process of its own: if we die between suspend and resume, it still resumes. */
static void spawn_settle(const struct found *found)
{
	char number[32];
	char *argv[] = {"dirtylogd", "--settle-device", number, NULL};
	pid_t pid;

	snprintf(number, sizeof(number), "%u:%u", found->major, found->minor);
	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) == 0)
		waitpid(pid, NULL, 0);
}

static void do_nudge(const struct mirror_log *log)
{
	uint64_t missing = log->args.region_count - dirty_log_sync_count(&log->dirty);
	struct found found;

	if (mirror_log_state(log) != LOG_ACTIVE || missing == 0 ||
	    atomic_load_explicit(&log->resync_asked, memory_order_relaxed))
		return;
	if (!find_mirror(log->uuid, &found))
		return;
	log_info("mirror %u:%u of log %s does not ask to resync %llu regions: suspending and "
		 "resuming it",
		 found.major, found.minor, log->uuid, (unsigned long long)missing);
	spawn_settle(&found);
}

static void do_job(struct mirror_job *job)
{
	struct mirror_log *log = job->log;

	if (job->kind == MIRROR_JOB_LEGS) {
		do_legs(job);
		return;
	}
	if (job->kind == MIRROR_JOB_SETTLE)
		do_settle(log);
	else
		do_nudge(log);
	free(job);
	mirror_log_put(log);
}

int mirrors_settle_device(const char *major_minor)
{
	unsigned major, minor;
	struct dm_task *task;
	struct dm_info info;
	bool ok;

	if (sscanf(major_minor, "%u:%u", &major, &minor) != 2)
		return 2;
	dm_udev_set_sync_support(0);
	task = dm_run(DM_DEVICE_INFO, NULL, major, minor);
	ok = task && dm_task_get_info(task, &info) && info.exists && !info.suspended &&
	     !info.inactive_table;
	if (task)
		dm_task_destroy(task);
	if (!ok) /* somebody else is at it */
		return 1;
	task = dm_run(DM_DEVICE_SUSPEND, NULL, major, minor);
	if (task)
		dm_task_destroy(task);
	task = dm_run(DM_DEVICE_RESUME, NULL, major, minor);
	ok = task != NULL;
	if (task)
		dm_task_destroy(task);
	return ok ? 0 : 1;
}

/* --- the thread --- */

/* Under the lock: take out a job that is due; else *next is the earliest deadline. */
static struct mirror_job *take_due(struct mirrors *mirrors, int64_t now, int64_t *next)
{
	struct mirror_job **at;

	*next = INT64_MAX;
	for (at = &mirrors->jobs; *at; at = &(*at)->next) {
		struct mirror_job *job = *at;

		if (job->due_ns <= now) {
			*at = job->next;
			return job;
		}
		if (job->due_ns < *next)
			*next = job->due_ns;
	}
	return NULL;
}

static void wait_for_more(struct mirrors *mirrors, int64_t next)
{
	struct timespec until = {.tv_sec = next / NSEC_PER_SEC, .tv_nsec = next % NSEC_PER_SEC};

	if (next == INT64_MAX)
		pthread_cond_wait(&mirrors->more, &mirrors->lock);
	else
		pthread_cond_timedwait(&mirrors->more, &mirrors->lock, &until);
}

static void *run(void *argument)
{
	struct mirrors *mirrors = argument;
	struct mirror_job *job;
	int64_t next;

	pthread_setname_np(pthread_self(), "mirrors");
	dm_log_with_errno_init(dm_to_log);
	dm_udev_set_sync_support(0);
	pthread_mutex_lock(&mirrors->lock);
	while (!mirrors->stop) {
		job = take_due(mirrors, clock_now(), &next);
		if (!job) {
			wait_for_more(mirrors, next);
			continue;
		}
		pthread_mutex_unlock(&mirrors->lock);
		do_job(job);
		pthread_mutex_lock(&mirrors->lock);
	}
	pthread_mutex_unlock(&mirrors->lock);
	return NULL;
}

int mirrors_start(struct mirrors **mirrors)
{
	struct mirrors *made = calloc(1, sizeof(*made));
	pthread_condattr_t monotonic;
	int r;

	if (!made)
		return -ENOMEM;
	pthread_mutex_init(&made->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&made->more, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r = pthread_create(&made->thread, NULL, run, made);
	if (r != 0) {
		free(made);
		return -r;
	}
	*mirrors = made;
	return 0;
}

void mirrors_stop(struct mirrors *mirrors)
{
	struct mirror_job *job;

	pthread_mutex_lock(&mirrors->lock);
	mirrors->stop = true;
	pthread_cond_signal(&mirrors->more);
	pthread_mutex_unlock(&mirrors->lock);
	pthread_join(mirrors->thread, NULL);
	while ((job = mirrors->jobs)) {
		mirrors->jobs = job->next;
		mirror_log_put(job->log);
		free(job);
	}
	free(mirrors);
}

int mirrors_ask(struct mirrors *mirrors, struct mirror_log *log, enum mirror_job_kind kind,
		int64_t delay_ns)
{
	struct mirror_job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->head.kind = MAIL_LEGS;
	job->log = log;
	job->kind = kind;
	job->due_ns = clock_now() + delay_ns;
	mirror_log_get(log);
	pthread_mutex_lock(&mirrors->lock);
	job->next = mirrors->jobs;
	mirrors->jobs = job;
	pthread_cond_signal(&mirrors->more);
	pthread_mutex_unlock(&mirrors->lock);
	return 0;
}
