/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A picture of a mirror's regions: a letter for each cell. Pure; any thread. */
#ifndef SERVER_CTL_CELLS_H
#define SERVER_CTL_CELLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From the best to the worst: a cell shows the worst of its regions. */
#define CELL_CLEAN '.'
#define CELL_SOME_DIRTY 'd'
#define CELL_ALL_DIRTY 'D'
#define CELL_SOME_OUT 'o'
#define CELL_ALL_OUT 'O'
#define CELL_RECOVERING '>'

/* How many cells fit in lines of columns, of a log of regions. At most max. */
uint64_t cells_fitting(uint64_t regions, unsigned columns, unsigned lines, uint64_t max);

/* The letters of the daemon's answer to `regions` (server/status.h), NUL-terminated; the caller frees them. NULL:
 * it is not such an answer, or there is no memory. */
char *cells_draw(const json_t *answer);

#endif
