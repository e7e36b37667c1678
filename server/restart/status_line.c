/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Made anew at each look, from counts that the server keeps in the estate. */
#include "server/restart/status_line.h"

#include "server/base/clock.h"
#include "server/netlink/transport.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PERIOD_NS (1 * NSEC_PER_SEC)

static uint32_t logs_that_are(const struct estate_fixed *fixed, enum estate_standing standing)
{
	return atomic_load_explicit(&fixed->standings[standing], memory_order_relaxed);
}

struct text {
	char bytes[STATUS_LINE_BYTES];
	size_t length;
};

/* What does not fit is left out. */
__attribute__((format(printf, 2, 3))) static void put_words(struct text *text, const char *format,
							    ...)
{
	size_t room = sizeof(text->bytes) - text->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->bytes + text->length, room, format, args);
	va_end(args);
	text->length += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void add_logs(struct text *text, const struct estate_fixed *fixed)
{
	uint32_t failed = logs_that_are(fixed, ESTATE_FAILED),
		 resyncing = logs_that_are(fixed, ESTATE_RESYNCING);
	uint32_t logs = failed + resyncing + logs_that_are(fixed, ESTATE_SOUND);

	put_words(text, "serves %u log%s", logs, logs == 1 ? "" : "s");
	if (failed > 0)
		put_words(text, ": %u failed", failed);
	if (resyncing > 0)
		put_words(text, "%s%u resyncing", failed > 0 ? ", " : ": ", resyncing);
	put_words(text, "; server %u", atomic_load(&fixed->generation));
}

void status_line_tell(struct status_line *line, const struct notify *notify,
		      const struct estate_fixed *fixed)
{
	int64_t now = clock_now();
	struct text text = {.length = 0};

	if (notify->fd < 0 || atomic_load(&fixed->served) == 0 || now - line->told_ns < PERIOD_NS)
		return;
	line->kernel_seen = line->kernel_seen || transport_kernel_is_there();
	put_words(&text, "STATUS=");
	if (line->hang[0])
		put_words(&text, "%s; ", line->hang);
	if (!line->kernel_seen)
		put_words(&text, "the kernel module dm-log-userspace is not loaded; ");
	if (line->fault)
		put_words(&text, "%s; ", line->fault);
	add_logs(&text, fixed);
	if (strcmp(text.bytes, line->told) == 0 || !notify_send(notify, text.bytes))
		return;
	memcpy(line->told, text.bytes, sizeof(line->told));
	line->told_ns = now;
}
