/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program has printed has arrived only when the last of it is written. The last thing that a main does. */
#ifndef SERVER_BASE_OUTPUT_H
#define SERVER_BASE_OUTPUT_H

/* Write what is left of stdout. Returns the exit status: `status`; or, if something that was printed is lost, 1 instead of
 * 0, and stderr says so, unless whoever read it has gone, who knows. */
int output_end(const char *program, int status);

#endif
