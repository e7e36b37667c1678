/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Work that may hang in the kernel, done by children: what waits there cannot be ended, not even by SIGKILL, but
 * it can be left behind. The main thread's, of a process that has no other.
 */
#ifndef SERVER_CTL_CHILDREN_H
#define SERVER_CTL_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CHILDREN_SILENCE_MSEC 2000 /* so long they are waited for when nothing comes */
#define CHILDREN_LIMIT_MSEC 10000 /* and in all */

/* What one of them does: number is its own. Each line goes out in one write, so that lines do not mix: they must
 * not be longer than PIPE_BUF. */
typedef void children_work(unsigned number, FILE *out, void *context);

/* Run count children and return the whole lines that came; *done: all have ended, and none was left behind;
 * whether one came to the end of its work only its lines can tell. NULL: no memory. The caller frees it. */
char *children_run(unsigned count, children_work *work, void *context, bool *done);

#endif
