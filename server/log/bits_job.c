/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log is the thread's from its start until the job is in the worker's mail. */
#include "server/log/bits_job.h"

#include "iouring/device_thread.h"

#include <stdlib.h>

static void *do_work(void *argument)
{
	struct bits_job *job = argument;

	job->error = job->work(job->log);
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
	mirror_log_get(log);
	if (device_thread_start(do_work, job) == 0)
		return job;
	mirror_log_put(log);
	free(job);
	return NULL;
}
