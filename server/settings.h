/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an administrator may change while dirtylogd runs (`dirtylogctl set`): some of the options, by their names. A
 * value holds until another is set, or dirtylogd is reloaded or started: then the options hold again.
 */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include "server/options.h"
#include "server/restart/estate.h"

/* The options hold. Of a program that begins, before its first server. */
void settings_begin(struct estate_settings *settings, const struct options *options);

/* What of them is each process's own. Of a server that begins. */
void settings_enter(const struct estate_settings *settings);

/* Change one. False: wanted says why not, and all is as it was. Whoever works by them has to be told. One thread at
 * a time. */
bool settings_set(struct estate_settings *settings, const char *name, const char *value,
		  FILE *wanted);

/* A line each: its name and its value. Any thread. */
void settings_print(FILE *out, const struct estate_settings *settings);

#endif
