/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Invariants. CHECK holds in every build, for what costs next to nothing: a server that has come into a
 * state that cannot be ends, and its successor goes on from memory that was sound (docs/restart.md).
 * assert(3) is for what costs something, in builds for developers (no NDEBUG).
 *
 * Neither is for what a user, a device or the kernel can bring about: that is answered, not asserted.
 */
#ifndef SERVER_BASE_CHECK_H
#define SERVER_BASE_CHECK_H

#include <assert.h>

#define CHECK(condition) \
	((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__, __func__))

/* Says what was wrong and where, and aborts. Any thread. */
_Noreturn void check_failed(const char *condition, const char *file, int line, const char *function)
	__attribute__((cold));

#endif
