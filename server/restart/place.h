/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The place of the one daemon of a network namespace: a lock on a file that only root can open,
 * /run/dirtylogd/lock. The open file is the supervisor's for life, its servers' and that of the program that
 * it goes on as; the lock is free when the last of them has ended.
 *
 * In another network namespace than the host's the files have its number behind their names. The
 * directory is $DIRTYLOGD_RUN_DIR where that is set, for tests.
 */
#ifndef SERVER_RESTART_PLACE_H
#define SERVER_RESTART_PLACE_H

#include <sys/types.h>

#define PLACE_DIR "/run/dirtylogd"
#define PLACE_PATH_MAX 108 /* as much as a unix socket's address takes */

/* The path of a file of ours. */
void place_path(char path[PLACE_PATH_MAX], const char *name);

/* Take it. Returns an fd, close-on-exec; -EADDRINUSE if another has it, with its pid in *holder (0 if it has
 * not said so); or another -errno: there can be no such file. */
int place_take(pid_t *holder);

/* The turn of the one that relieves the holder (relief.h), until the fd is closed. Returns an fd, close-on-exec, or
 * -errno: it is another's, or there is no such file. */
int place_turn(void);

/* The calling process is the holder. */
void place_sign(int fd);

#endif
