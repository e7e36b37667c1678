/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bits of a log so large that to make them would hold up all others of a worker: each such log has a thread
 * of its own for that, which ends behind it.
 */
#ifndef SERVER_LOG_BITS_JOB_H
#define SERVER_LOG_BITS_JOB_H

#include "server/log/log.h"

struct bits_job {
	struct log_mail head; /* MAIL_BITS_MADE */
	struct mirror_log *log; /* a reference */
	int error; /* as mirror_log_make_bits returned it */
};

/* mirror_log_make_bits by a thread; then the job comes through run_queue.found, and is the worker's to free,
 * with its reference. Nobody else touches the log meanwhile. NULL: no thread or no memory for it. */
struct bits_job *bits_job_start(struct mirror_log *log);

#endif
