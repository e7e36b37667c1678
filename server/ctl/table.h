/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of mirrors in text: a header line, columns as wide as what is in them. Any thread. */
#ifndef SERVER_CTL_TABLE_H
#define SERVER_CTL_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define TABLE_CELL_MAX 512u
#define TABLE_COLUMNS_MAX 16u

/* Write a mirror's (view.h) value; TABLE_CELL_MAX bytes. */
typedef void table_cell(const json_t *mirror, char *text);

struct table_column {
	const char *title; /* NULL: the end */
	table_cell *cell;
	bool right; /* aligned */
};

void table_print(FILE *out, const struct table_column *columns, const json_t *mirrors);

table_cell table_name, table_legs, table_log, table_sync, table_rate, table_left, table_dirty,
	table_on_disk, table_waiting, table_oldest, table_last_error;

#endif
