/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log is the thread's from its start until the job is in the worker's mail. */
#include "server/log/bits_job.h"

#include "iouring/device_thread.h"
#include "server/base/crash.h"

#include <stdlib.h>

/* For whom it works, for who has to say whose fault a crash was. Without, nobody is known to have crashed. */
static struct estate_duty *take_duty(const struct mirror_log *log)
{
	struct estate_duty *all = log->estate->fixed->jobs;

	for (unsigned i = 0; i < ESTATE_JOBS; i++) {
		uint32_t free = 0;

		if (!atomic_compare_exchange_strong(&all[i].taken, &free, 1))
			continue;
		atomic_store(&all[i].executing, log->life.asks ? slot_arrival(log->life.asks) : 0);
		atomic_store(&all[i].taking_over, log->life.asks ? 0 : log->record->number + 1);
		return &all[i];
	}
	return NULL;
}

static void end_duty(struct estate_duty *duty)
{
	if (!duty)
		return;
	atomic_store(&duty->executing, 0);
	atomic_store(&duty->taking_over, 0);
	atomic_store(&duty->taken, 0);
}

static void *do_work(void *argument)
{
	struct bits_job *job = argument;

	if (job->duty)
		crash_mark(&job->duty->crashed);
	job->error = job->work(job->log);
	crash_mark(NULL);
	end_duty(job->duty);
	run_queue_found(job->log->run_queue, &job->head.mail);
	return NULL;
}

struct bits_job *bits_job_start(struct mirror_log *log, bits_job_work *work)
{
	struct bits_job *job;

	if (mirror_log_bits_bytes(log) < MIRROR_LOG_LARGE_BYTES)
		return NULL;
	job = calloc(1, sizeof(*job));
	if (!job)
		return NULL;
	job->work = work;
	job->head.kind = MAIL_BITS_MADE;
	job->log = log;
	job->duty = take_duty(log);
	mirror_log_get(log);
	if (device_thread_start(do_work, job) == 0)
		return job;
	end_duty(job->duty);
	mirror_log_put(log);
	free(job);
	return NULL;
}
