/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dirtylogd answers in lines of words (server/control.h), read. Pure; any thread. A text that is not const is cut
 * into its words.
 */
#ifndef SERVER_CTL_ANSWERS_H
#define SERVER_CTL_ANSWERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define ANSWER_DEVICE_MAX 32u /* bytes of major:minor */

/* Whether the answer of *size bytes, behind which is a '\0', has come whole. If so it is without CONTROL_END then. */
bool answer_take_end(char *text, size_t *size);

/* To `logs`: an array with an object for each line. The first word, the uuid, may have spaces. */
json_t *answer_logs(char *text);

/* To `logs`: an object with the uuid of each log, as it stands there, for a key. NULL: no memory. */
json_t *answer_log_uuids(const char *logs);

/* Into device: where `logs` says that the log of the uuid is. False: it has no device, or it is not known on which one, as of
 * logs of one uuid on several. */
bool answer_log_device(const char *logs, const char *uuid, char device[ANSWER_DEVICE_MAX]);

/* To `stats`: an object, with a number for each line. */
json_t *answer_counters(char *text);

/* One of them; 0: there is no such line. */
long answer_counter(const char *stats, const char *name);

/* To `set`: an object of numbers and words. */
json_t *answer_settings(char *text);

#endif
