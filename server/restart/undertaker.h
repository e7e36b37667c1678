/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process whose memory is the server's, and which does nothing but outlive it by a moment. The kernel tells a
 * parent of a child's death only when the child's memory has been taken apart, if nobody else has it: of thousands of
 * logs that takes as long as all the rest of a take-over. So this one has it too, and takes it apart while the
 * successor answers already. It has no files but the pipe that tells it of the death.
 */
#ifndef SERVER_RESTART_UNDERTAKER_H
#define SERVER_RESTART_UNDERTAKER_H

/* For the calling process, a child of the supervisor, whose child it becomes as well, to be reaped there. Before there
 * are threads. 0 or -errno: then the supervisor hears later. */
int undertaker_start(void);

#endif
