/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bits of a log so large that to make or to fill them would hold up all others of a worker: each such log has
 * a thread of its own for that, which ends behind it.
 */
#ifndef SERVER_LOG_BITS_JOB_H
#define SERVER_LOG_BITS_JOB_H

#include "server/log/log.h"

/* 0 or -errno. */
typedef int bits_job_work(struct mirror_log *log);

struct bits_job {
	struct log_mail head; /* MAIL_BITS_MADE */
	struct mirror_log *log; /* a reference */
	bits_job_work *work;
	struct estate_duty *duty; /* in the estate, until work has returned; NULL: all are taken */
	int error; /* as work returned it */
};

/* work by a thread, if the log is that large; then the job comes through run_queue.found, and is the worker's to
 * free, with its reference. Nobody else touches the log meanwhile. NULL: it is not, or there is no thread or no
 * memory for it. */
struct bits_job *bits_job_start(struct mirror_log *log, bits_job_work *work);

#endif
