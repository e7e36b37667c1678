/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd's fd store (FileDescriptorStoreMax= in systemd.service(5)): it holds the netlink socket and
 * the estate while the service is restarted, and gives them to the next start.
 */
#ifndef SERVER_RESTART_FD_STORE_H
#define SERVER_RESTART_FD_STORE_H

#include <stdbool.h>

/* Give both to systemd. False: it does not run us. */
bool fd_store_put(int netlink_fd, int estate_fd);

/* What the last run has left: true if both are there. They are ours now, close-on-exec; any other fd
 * that came along is closed. Takes the variables out of the environment. */
bool fd_store_take(int *netlink_fd, int *estate_fd);

/* Forget what is stored. */
void fd_store_clear(void);

#endif
