/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A question to the running dirtylogd, over its control socket. The main thread's. */
#ifndef SERVER_CTL_ASK_H
#define SERVER_CTL_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The exit statuses of dirtylogctl that are not a command's own. */
#define CTL_NO_ANSWER 3 /* no daemon, or one that refuses or does not answer within 2 s */
#define CTL_WRONG_COMMAND_LINE 2

/* All that the daemon answers to the line, which has no line end. NULL: it has not, and stderr says why. The
 * caller frees it. size may be NULL. */
char *ctl_ask(const char *line, size_t *size);

/* What dirtylogd is told to do: its answer goes to out (NULL: to nobody). Returns the exit status: 0; 1 if it refuses,
 * with its reason on stderr; CTL_NO_ANSWER. */
int ctl_order(const char *line, FILE *out);

/* As ctl_ask, and nobody is told why there is no answer. */
char *ctl_try(const char *line);

/* Whether a dirtylogd answers; nobody is told why not. */
bool ctl_answers(void);

#endif
