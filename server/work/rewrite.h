/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a log device's former owner may still write. When a mirror's table is replaced the kernel's `disk` log may not have
 * seen the end of the last writes yet: its thread (kmirrord) then clears their regions, and writes all of its bits,
 * until the old table has been taken apart, which comes behind our RESUME and is waited for by nobody whom we could
 * ask (dm_swap_table, mirror_dtr). What we have marked meanwhile would be clean on the device. So a log that has been
 * read from its device has what is dirty, and the header, written again: each 100 ms for half a second behind the answer to
 * its RESUME, and each 2 s for six. What a suspend or a server's end keeps from being done is done behind it. Not those of
 * more than 16 MiB of bits, and of more than 1 MiB once in the first half second. Whoever knows that the former owner has
 * ended can order it once more, of whatever size. Calls are of the worker that executes the log, but for rewrite_order
 * and rewrite_is_obeyed.
 */
#ifndef SERVER_WORK_REWRITE_H
#define SERVER_WORK_REWRITE_H

#include "server/work/schedule.h"

/* It is resumed, and what the device holds is to be read. A core log is none of its business. */
void rewrite_begin(struct worker *worker, struct mirror_log *log);

/* There was no log on its device: nobody else writes one. */
void rewrite_not(struct mirror_log *log);

/* Go on, if some of it is still to be done, by whatever server. */
void rewrite_watch(struct worker *worker, struct mirror_log *log);

/* Write again what is dirty if it is time to. */
void rewrite_check(struct worker *worker, struct mirror_log *log);

/* The former owner has ended. Any thread, with a reference; obeyed when what is dirty counts as changed, for a successor
 * too. */
void rewrite_order(struct mirror_log *log);
bool rewrite_is_obeyed(const struct mirror_log *log);
void rewrite_ordered(struct worker *worker, struct mirror_log *log);

#endif
