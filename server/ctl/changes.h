/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has happened to the mirrors between two looks at them. Pure; any thread. */
#ifndef SERVER_CTL_CHANGES_H
#define SERVER_CTL_CHANGES_H

#include <jansson.h>

/* event: a word; text: what is to be said of it. All strings are the callee's for the call. */
typedef void changes_tell(void *context, const char *event, const char *mirror, const char *text);

/* Tell what is different in a view (view.h) from the one before, NULL: none; both have in "kernels" the device-mapper
 * names of the mirrors on the kernel's own logs. after gets notes for the next comparison.
 *
 * | event             | when                                                              |
 * |-------------------|-------------------------------------------------------------------|
 * | adopted, released | a mirror has got dirtylogd's log, or the kernel's                 |
 * | made, gone        | it is new, or there no more                                       |
 * | well, degraded, failed | what view_judge says is new, or seen first                   |
 * | resyncing, in-sync | regions are out of sync, or none any more                        |
 * | paused, continued | its resync                                                        |
 * | error             | of its log device or a leg's flush                                |
 * | waiting, answered | a request has waited for long, or none does any more              |
 */
void changes_compare(const json_t *before, json_t *after, changes_tell *tell, void *context);

#endif
