/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told of logs in JSON over the control socket: all of them (`status`), and the regions of one
 * (`regions`). The control thread's. No lock that a request needs is held for longer than a few pointers take to
 * be copied; all else is read as it stands, each value a moment old.
 */
#ifndef SERVER_STATUS_H
#define SERVER_STATUS_H

#include "server/log/registry.h"

#include <stdio.h>

#define STATUS_LOGS_MAX 65536u /* of an answer; more are counted as left out */
#define STATUS_CELLS_MAX 8192u

/* {"logs": [...], "left_out": N}. A value that is not known, or does not exist, is left out. */
void status_print(FILE *out, struct registry *registry, const struct slots *slots);

/* arguments: UUID LUID CELLS. The log's regions in CELLS groups or, if there are no more, one each: cell i begins
 * with region i * regions / cells, rounded down. {"regions", "cells", "recovering": a region, if one is, "runs":
 * [[how many cells, out of sync in each, dirty in each], ...]}. False, with what is wrong in *why: there is no
 * such log, or it has no regions yet. */
bool status_print_regions(FILE *out, struct registry *registry, char *arguments, const char **why);

/* uuid_luid: UUID LUID, which is cut in two. The log with a reference, or NULL. */
struct mirror_log *status_find_log(struct registry *registry, char *uuid_luid);

/* The first region of cell (at most cells) of so many. */
uint64_t status_first_of_cell(uint64_t cell, uint64_t cells, uint64_t regions);

/* As enum log_state has them. */
extern const char *const log_state_names[];

#endif
