/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of dirtylogctl. The main thread's. */
#ifndef SERVER_CTL_COMMAND_H
#define SERVER_CTL_COMMAND_H

/* argv: the command's name and what is behind it. Returns dirtylogctl's exit status, after it has said what
 * is wrong on stderr. */
typedef int ctl_command(int argc, char **argv);

/* What the daemon counts, its logs a line each, and all of that for Prometheus. */
ctl_command ctl_stats, ctl_logs, ctl_metrics;

/* Have it go on as the program that is installed now, with the options that the file has now; back when that
 * serves. 1: it goes on as it was. */
ctl_command ctl_reload;

/* What the running daemon shall do otherwise: options, the resync of mirrors, its supervisor's end. */
ctl_command ctl_stay, ctl_set, ctl_pause, ctl_continue;

/* All regions of mirrors are copied again. */
ctl_command ctl_resync;

/* What happens, as it happens. */
ctl_command ctl_events;

/* Mirrors that run, to dirtylogd and back to the kernel's log. */
ctl_command ctl_adopt, ctl_release;

/* What is wrong with this host, and what to do. */
ctl_command ctl_check;

/* Keep those that are marked on dirtylogd, for ever: a service. */
ctl_command ctl_keep;

/* Log images, without the daemon. */
ctl_command ctl_image;

/* Whether the mirrors are well, a picture of one's regions, and all of them live. */
ctl_command ctl_status, ctl_show, ctl_watch;

#endif
