/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Static probes for tracers (bpftrace, perf, SystemTap), provider dirtylogd: docs/tracing.md has them with their
 * arguments, which are what scripts rely on. One that nobody traces is a nop. Arguments are integers or pointers, and
 * are to cost nothing: they are there whether anybody traces or not. Without <sys/sdt.h> there are none.
 */
#ifndef SERVER_BASE_PROBE_H
#define SERVER_BASE_PROBE_H

#if __has_include(<sys/sdt.h>)
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#define PROBE(name, ...) STAP_PROBEV(dirtylogd, name, __VA_ARGS__)
#else
#define PROBE(name, ...) ((void)0)
#endif

#endif
