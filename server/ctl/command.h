/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of dirtylogctl. The main thread's. */
#ifndef SERVER_CTL_COMMAND_H
#define SERVER_CTL_COMMAND_H

/* argv: the command's name and what is behind it. Returns dirtylogctl's exit status, after it has said what
 * is wrong on stderr. */
typedef int ctl_command(int argc, char **argv);

/* What the daemon counts, and its logs a line each. */
ctl_command ctl_stats, ctl_logs;

/* Whether the mirrors are well, a picture of one's regions, and all of them live. */
ctl_command ctl_status, ctl_show, ctl_watch;

#endif
