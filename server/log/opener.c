/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A job goes from queued to running, and by mail to the worker. Its descriptor goes through a socket, since
 * the thread's table is not the process's: whichever worker reads the socket gets it into the same table, and
 * notes it in the job that the message names. It is sent before the mail is, so nobody waits for it. */
#include "server/log/opener.h"

#include "iouring/device_thread.h"
#include "server/base/container_of.h"
#include "server/base/diag.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SERVING 2u /* while devices answer */
#define THREADS_MAX 1024u /* a storage array that dies has very many log devices */
#define STUCK_NS (2 * NSEC_PER_MSEC)

static struct {
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work; /* something is queued, or stopping */
	struct list queued, running;
	unsigned nqueued;
	uint64_t begun; /* jobs, ever */
	unsigned waiting, serving; /* threads; also those that start */
	bool stopping;
	bool own_files; /* threads have file tables of their own */
	pthread_mutex_t receiving;
	int sends, receives; /* the socket's ends */
} opener = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.receiving = PTHREAD_MUTEX_INITIALIZER,
	.sends = -1,
	.receives = -1,
};

/* --- a descriptor's way --- */

union fd_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int send_fd(int socket, struct open_job *job, int fd)
{
	union fd_control control = {0};
	struct iovec iov = {.iov_base = &job, .iov_len = sizeof(job)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	ssize_t sent;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* Returns the job that it is of, with its descriptor, or -1 if there was no room for one; NULL: none has come. */
static struct open_job *receive_fd(int socket)
{
	union fd_control control = {0};
	struct open_job *job = NULL;
	struct iovec iov = {.iov_base = &job, .iov_len = sizeof(job)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header;
	ssize_t got;

	do
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got != sizeof(job) || !job)
		return NULL;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&job->fresh->fd, CMSG_DATA(header), sizeof(int));
	job->received = true;
	return job;
}

static void fail(struct open_job *job, int error)
{
	log_device_discard(job->fresh);
	job->fresh = NULL;
	job->error = error;
	snprintf(job->why, sizeof(job->why), "%s", strerror(-error));
}

/* From a table of the thread's own. */
static void hand_over(struct open_job *job)
{
	int own = job->fresh->fd;
	int socket = device_thread_borrow(opener.sends);
	int r;

	/* Before it is sent: the same number means another file in the process's table. */
	job->fresh->fd = -1;
	r = socket < 0 ? socket : send_fd(socket, job, own);
	close(own); /* the message has another */
	if (r < 0)
		fail(job, r);
	if (socket >= 0)
		device_thread_give_back(socket);
}

/* --- threads --- */

static void open_now(struct open_job *job)
{
	device_thread_enters();
	job->error = log_device_open(job->name, job->region_count, &job->fresh, job->why,
				     sizeof(job->why));
	device_thread_leaves();
}

/* Under the lock, which is let go of meanwhile. */
static void serve(struct open_job *job, bool own_files)
{
	list_remove(&job->node);
	opener.nqueued--;
	list_append(&opener.running, &job->node);
	opener.begun++;
	job->began_ns = clock_coarse();
	pthread_mutex_unlock(&opener.lock);
	open_now(job);
	if (job->fresh && own_files)
		hand_over(job);
	else
		job->received = true;
	pthread_mutex_lock(&opener.lock);
	list_remove(&job->node);
	if (!opener.stopping) /* else the worker may be gone */
		run_queue_found(job->queue, &job->head.mail);
}

static void wait_if_stuck(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += STUCK_NS;
	if (until.tv_nsec >= NSEC_PER_SEC) {
		until.tv_nsec -= NSEC_PER_SEC;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&opener.work, &opener.lock, &until);
}

/* Under the lock, until this thread is needed, or stopping. */
static void stand_by(void)
{
	while (!opener.stopping) {
		uint64_t begun = opener.begun;

		if (!opener.queued.first) {
			pthread_cond_wait(&opener.work, &opener.lock);
			continue;
		}
		if (opener.serving < SERVING)
			return;
		wait_if_stuck();
		if (opener.queued.first && opener.begun == begun)
			return;
	}
}

static void *opener_thread(void *unused);

/* Under the lock. */
static int add_opener(void)
{
	int r = device_thread_start(opener_thread, NULL);

	if (r == 0)
		opener.waiting++;
	return r;
}

/* Under the lock: somebody has to notice when all others are stuck. */
static void see_that_one_stands_by(void)
{
	if (opener.waiting == 0 && opener.serving < THREADS_MAX && add_opener() < 0)
		diag_limited(DIAG_ERROR, "no thread more to open log devices");
}

static void serve_all(void)
{
	/* Not before: now all whom it will wake are there. */
	bool own_files = opener.own_files && device_thread_begin();

	opener.waiting--;
	opener.serving++;
	see_that_one_stands_by();
	while (opener.queued.first && !opener.stopping)
		serve(container_of(opener.queued.first, struct open_job, node), own_files);
	opener.serving--;
	opener.waiting++;
}

static void *opener_thread(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "device-open");
	pthread_mutex_lock(&opener.lock);
	while (!opener.stopping && opener.waiting <= SERVING) {
		stand_by();
		serve_all();
	}
	opener.waiting--;
	pthread_mutex_unlock(&opener.lock);
	return NULL;
}

/* --- calls --- */

static void wait_by_monotonic_clock(void)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&opener.work, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

int opener_begin(void)
{
	int ends[2], r;

	wait_by_monotonic_clock();
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	pthread_mutex_lock(&opener.lock);
	opener.sends = ends[0];
	opener.receives = ends[1];
	opener.own_files = device_thread_can_borrow(opener.sends);
	r = add_opener();
	pthread_mutex_unlock(&opener.lock);
	return r;
}

void opener_end(void)
{
	pthread_mutex_lock(&opener.lock);
	opener.stopping = true;
	pthread_cond_broadcast(&opener.work);
	pthread_mutex_unlock(&opener.lock);
}

/* Under the lock. */
static bool is_stuck(const char *name)
{
	for (struct list_node *node = opener.running.first; node; node = node->next) {
		struct open_job *job = container_of(node, struct open_job, node);

		if (!job->log && strcmp(job->name, name) == 0)
			return true;
	}
	return false;
}

int opener_open(struct mirror_log *log, const char *name, struct open_job **made)
{
	struct open_job *job = calloc(1, sizeof(*job));
	int r = 0;

	if (!job)
		return -ENOMEM;
	job->head.kind = MAIL_OPENED;
	job->log = log;
	job->queue = log->run_queue;
	job->region_count = log->args.region_count;
	strncpy(job->name, name, sizeof(job->name) - 1);
	pthread_mutex_lock(&opener.lock);
	if (is_stuck(name)) {
		r = -EBUSY;
	} else {
		mirror_log_get(log);
		list_append(&opener.queued, &job->node);
		opener.nqueued++;
		see_that_one_stands_by();
		pthread_cond_broadcast(&opener.work);
		*made = job;
	}
	pthread_mutex_unlock(&opener.lock);
	if (r < 0)
		free(job);
	return r;
}

unsigned opener_queued(void)
{
	unsigned queued;

	pthread_mutex_lock(&opener.lock);
	queued = opener.nqueued;
	pthread_mutex_unlock(&opener.lock);
	return queued;
}

int64_t opener_began(struct open_job *job)
{
	int64_t began_ns;

	pthread_mutex_lock(&opener.lock);
	began_ns = job->began_ns;
	pthread_mutex_unlock(&opener.lock);
	return began_ns;
}

void opener_abandon(struct open_job *job)
{
	struct mirror_log *log = job->log;

	pthread_mutex_lock(&opener.lock);
	job->log = NULL;
	pthread_mutex_unlock(&opener.lock);
	mirror_log_put(log);
}

static void receive_until(const struct open_job *job)
{
	pthread_mutex_lock(&opener.receiving);
	while (!job->received && receive_fd(opener.receives))
		;
	pthread_mutex_unlock(&opener.receiving);
}

struct log_device *opener_take(struct open_job *job)
{
	struct log_device *fresh = job->fresh;

	if (!fresh)
		return NULL;
	receive_until(job);
	if (fresh->fd < 0) {
		fail(job, -EMFILE);
		return NULL;
	}
	job->fresh = NULL;
	return fresh;
}

void opener_free(struct open_job *job)
{
	struct log_device *left = opener_take(job);

	if (left)
		log_device_discard(left);
	if (job->log)
		mirror_log_put(job->log);
	free(job);
}
