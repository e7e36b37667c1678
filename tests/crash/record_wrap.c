/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linked into a daemon of the tests with --wrap: an engine in front of the real one that records writes, and
 * replies recorded before they are sent. */
#include "iouring/flush_engine.h"
#include "server/netlink/slot.h"
#include "tests/crash/record.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

int __real_flush_engine_create(struct flush_engine **engine, enum flush_engine_kind kind,
			       unsigned depth);
int __wrap_flush_engine_create(struct flush_engine **engine, enum flush_engine_kind kind,
			       unsigned depth);
void __real_outbox_add(struct outbox *outbox, struct slot *slot);
void __wrap_outbox_add(struct outbox *outbox, struct slot *slot);

static int record_fd = -1;
static pthread_once_t opened = PTHREAD_ONCE_INIT;

static void open_record(void)
{
	const char *path = getenv(RECORD_VARIABLE);

	assert(path);
	record_fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert(record_fd >= 0);
}

static void append(struct record_event event, const void *data)
{
	struct iovec parts[] = {{&event, sizeof(event)}, {(void *)(uintptr_t)data, event.bytes}};
	ssize_t n;

	pthread_once(&opened, open_record);
	n = writev(record_fd, parts, 2);
	assert(n == (ssize_t)(sizeof(event) + event.bytes));
	(void)n;
}

/* --- the engine --- */

struct recorded_op {
	struct flush_op *op; /* NULL: free */
	void (*done)(struct flush_op *op, int error);
	uint64_t id;
};

struct recording_engine {
	struct flush_engine base;
	struct flush_engine *real;
	struct recorded_op ops[FLUSH_ENGINE_DEPTH_MAX];
};

static _Atomic uint64_t last_id;
static _Thread_local struct recording_engine *own; /* an engine is one thread's */

static struct recorded_op *find(struct recording_engine *self, const struct flush_op *op)
{
	for (unsigned i = 0; i < FLUSH_ENGINE_DEPTH_MAX; i++)
		if (self->ops[i].op == op)
			return &self->ops[i];
	abort();
}

static void recorded_done(struct flush_op *op, int error)
{
	struct recorded_op *recorded = find(own, op);

	if (op->kind == FLUSH_OP_WRITE)
		append((struct record_event){.kind = RECORD_DONE,
					     .id = recorded->id,
					     .error = error},
		       NULL);
	op->done = recorded->done;
	recorded->op = NULL;
	own->base.pending--;
	op->done(op, error);
}

static void recording_submit(struct flush_engine *engine, struct flush_op *op)
{
	struct recording_engine *self = (struct recording_engine *)engine;
	struct recorded_op *recorded = find(self, NULL);

	own = self;
	*recorded = (struct recorded_op){.op = op, .done = op->done, .id = ++last_id};
	op->done = recorded_done;
	if (op->kind == FLUSH_OP_WRITE)
		append((struct record_event){.kind = RECORD_SUBMIT,
					     .id = recorded->id,
					     .offset = op->offset,
					     .bytes = op->len},
		       op->buf);
	flush_engine_submit(self->real, op);
}

static int recording_run(struct flush_engine *engine, int64_t timeout_ns)
{
	struct recording_engine *self = (struct recording_engine *)engine;

	self->real->watch_fd = engine->watch_fd;
	return flush_engine_run(self->real, timeout_ns);
}

static void recording_destroy(struct flush_engine *engine)
{
	struct recording_engine *self = (struct recording_engine *)engine;

	self->real->ops->destroy(self->real); /* the wake-up descriptor goes with the outer one */
	free(self);
}

int __wrap_flush_engine_create(struct flush_engine **engine, enum flush_engine_kind kind,
			       unsigned depth)
{
	static struct flush_engine_ops ops = {
		.submit = recording_submit, .run = recording_run, .destroy = recording_destroy};
	struct recording_engine *self = calloc(1, sizeof(*self));
	int r = self ? __real_flush_engine_create(&self->real, kind, depth) : -ENOMEM;

	if (r < 0) {
		free(self);
		return r;
	}
	ops.name = self->real->ops->name;
	self->base =
		(struct flush_engine){.ops = &ops, .wake_fd = self->real->wake_fd, .watch_fd = -1};
	*engine = &self->base;
	return 0;
}

/* --- replies --- */

void __wrap_outbox_add(struct outbox *outbox, struct slot *slot)
{
	const struct wire_message *message = &slot->message;

	append((struct record_event){.kind = RECORD_ANSWER,
				     .type = wire_type(message),
				     .error = message->request.error,
				     .bytes = slot->checked ? slot->data_size : 0},
	       message->payload);
	__real_outbox_add(outbox, slot);
}
