/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The abstract name under which dirtylogd's control socket listens, in its network namespace (control_socket.h). */
#ifndef SERVER_BASE_CONTROL_NAME_H
#define SERVER_BASE_CONTROL_NAME_H

#define CONTROL_NAME "dirtylogd" /* behind a NUL: unix(7) */

#endif
