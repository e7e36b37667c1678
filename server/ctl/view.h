/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirrors of this host as `status --json` prints them: what device-mapper says and what dirtylogd says of its
 * logs, put together by the logs' uuids. The main thread's.
 *
 * {"mirrors": [{"name", "uuid", "dm", "dm_uuid", "device", "target", "front", "legs": [{"device", "health"}],
 *               "log": {as server/status.h has it}}], "left_out": logs, "incomplete"}
 *
 * Without "dm": dirtylogd has a log of which device-mapper knows no mirror (it is not loaded yet, or asked for by a
 * load generator). Without "log": dirtylogd does not know the mirror's log. A leg without "health": the mirror does
 * not answer. "incomplete": true, if device-mapper did not answer.
 */
#ifndef SERVER_CTL_VIEW_H
#define SERVER_CTL_VIEW_H

#include <jansson.h>
#include <stdbool.h>

#define VIEW_LONG_WAIT_MSEC 5000

/* What is to be said of a mirror, and the exit status of `dirtylogctl status`. */
enum view_verdict {
	VIEW_GOOD, /* also while it resyncs */
	/* A leg is not alive, or not known to be; the log is not written; or a request has waited for long. */
	VIEW_DEGRADED,
	VIEW_FAILED, /* it cannot serve writes: no log, one that has failed, or no leg that is alive */
};

/* from: a file with a recorded view, or NULL to ask; health: of the legs too. NULL: stderr says why; the exit status is CTL_NO_ANSWER, or
 * CTL_WRONG_COMMAND_LINE for a file that cannot be read. The caller drops the reference. */
json_t *view_get(const char *from, bool health);

/* What dirtylogd says now, with mirrors (dm_mirrors.h) that were found before; and their health, if that is asked
 * for and dirtylogd has answered. NULL: stderr says why. */
json_t *view_ask(json_t *found, bool health);

/* What device-mapper says and what dirtylogd answers to `status`. */
json_t *view_join(json_t *found, json_t *answer);

/* A mirror is without a log, as one is that was removed or released between the two questions. */
bool view_lacks_log(const json_t *view);

enum view_verdict view_judge(const json_t *mirror);

/* The log's oldest request has waited for VIEW_LONG_WAIT_MSEC: a device does not answer. */
bool view_waits_long(const json_t *log);

/* The mirrors that are meant by a name (dm name, VG/LV, path, or log uuid), in an array; an empty one if there is
 * none, after stderr has said what there is. command: who asks. */
json_t *view_select(const json_t *view, const char *command, const char *name);

/* A number, or 0; a text, or "". */
json_int_t view_number(const json_t *object, const char *key);
const char *view_text(const json_t *object, const char *key);

#endif
