/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file of options: a line each, `name = value`, and comments behind `#` or `;`. Its names are those of the
 * long options. The main thread's.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "server/base/option_table.h"

/* Set what the file says. A line that is wrong is told to faults, by its number, and passed over: what was set
 * before stands. Returns 0 or -errno, if the file cannot be read: what it said until then is set. */
int config_read(const char *path, const struct option_table *table, void *options, FILE *faults);

/* The same from an open file; name is what faults call it. */
int config_read_from(FILE *file, const char *name, const struct option_table *table, void *options,
		     FILE *faults);

#endif
