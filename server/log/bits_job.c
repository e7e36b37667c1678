/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log is the thread's from its start until the job is in the worker's mail. */
#include "server/log/bits_job.h"

#include "iouring/device_thread.h"

#include <stdlib.h>

static void *make_bits(void *argument)
{
	struct bits_job *job = argument;

	job->error = mirror_log_make_bits(job->log);
	run_queue_found(job->log->run_queue, &job->head.mail);
	return NULL;
}

struct bits_job *bits_job_start(struct mirror_log *log)
{
	struct bits_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->head.kind = MAIL_BITS_MADE;
	job->log = log;
	mirror_log_get(log);
	if (device_thread_start(make_bits, job) == 0)
		return job;
	mirror_log_put(log);
	free(job);
	return NULL;
}
