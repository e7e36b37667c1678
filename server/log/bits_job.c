/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/log/bits_job.h"

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
	pthread_t thread;

	if (!job)
		return NULL;
	job->head.kind = MAIL_BITS_MADE;
	job->log = log;
	mirror_log_get(log);
	if (pthread_create(&thread, NULL, make_bits, job) == 0) {
		pthread_detach(thread);
		return job;
	}
	mirror_log_put(log);
	free(job);
	return NULL;
}
