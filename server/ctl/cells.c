/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of equal cells become letters. */
#include "server/ctl/cells.h"

#include "server/status.h"

#include <stdlib.h>
#include <string.h>

uint64_t cells_fitting(uint64_t regions, unsigned columns, unsigned lines, uint64_t max)
{
	uint64_t cells = (uint64_t)columns * lines;

	if (cells > max)
		cells = max;
	if (cells == 0)
		cells = 1;
	return cells < regions ? cells : regions;
}

static char letter_of(uint64_t size, uint64_t out_of_sync, uint64_t dirty)
{
	if (out_of_sync > 0)
		return out_of_sync >= size ? CELL_ALL_OUT : CELL_SOME_OUT;
	if (dirty > 0)
		return dirty >= size ? CELL_ALL_DIRTY : CELL_SOME_DIRTY;
	return CELL_CLEAN;
}

static uint64_t size_of(uint64_t cell, uint64_t cells, uint64_t regions)
{
	return status_first_of_cell(cell + 1, cells, regions) -
	       status_first_of_cell(cell, cells, regions);
}

/* Whose first region is the last that does not lie behind it. */
static uint64_t cell_of(uint64_t region, uint64_t cells, uint64_t regions)
{
	uint64_t low = 0, high = cells;

	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (status_first_of_cell(middle, cells, regions) <= region)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static uint64_t run_number(const json_t *run, size_t i)
{
	json_int_t value = json_integer_value(json_array_get(run, i));

	return value > 0 ? (uint64_t)value : 0;
}

/* False: the runs are not as many cells as were told. */
static bool draw_runs(char *letters, const json_t *runs, uint64_t cells, uint64_t regions)
{
	uint64_t cell = 0;
	json_t *run;
	size_t i;

	for (i = 0; (run = json_array_get(runs, i)); i++)
		for (uint64_t left = run_number(run, 0); left > 0; left--, cell++) {
			if (cell == cells)
				return false;
			letters[cell] = letter_of(size_of(cell, cells, regions), run_number(run, 1),
						  run_number(run, 2));
		}
	return cell == cells;
}

char *cells_draw(const json_t *answer)
{
	json_int_t regions = json_integer_value(json_object_get(answer, "regions"));
	json_int_t cells = json_integer_value(json_object_get(answer, "cells"));
	json_t *recovering = json_object_get(answer, "recovering");
	char *letters;

	if (cells < 1 || cells > STATUS_CELLS_MAX || regions < cells)
		return NULL;
	letters = calloc((size_t)cells + 1, 1);
	if (!letters)
		return NULL;
	if (!draw_runs(letters, json_object_get(answer, "runs"), (uint64_t)cells,
		       (uint64_t)regions)) {
		free(letters);
		return NULL;
	}
	if (recovering && json_integer_value(recovering) < regions)
		letters[cell_of((uint64_t)json_integer_value(recovering), (uint64_t)cells,
				(uint64_t)regions)] = CELL_RECOVERING;
	return letters;
}
