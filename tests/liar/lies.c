/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table that the test reads: options of dirtylog-load with which a lie can show, what is reported then (a regular
 * expression), and what harm such a server would do.
 */
#include "tests/liar/lies.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
#define PLAIN ""
#define INTEGRATED "--integrated-flush"
#define RESYNC "--resync"
#define DISK "--type disk"
#define TWO_DISKS "--type disk --logs 2"
#define TWO_RESYNCS "--resync --logs 2"
#define SLOW "--workload in_sync --slow-device 100 --count 1G --seconds 1"
#define KILLS "--kill 2 --count 1G"

enum lie told;

static const struct {
	const char *name, *options, *report, *why;
} table[LIES] = {
	[NO_LIE] = {"none", PLAIN, "", "a server that is right about everything"},

	[LIE_MARK_LOST] = {"mark-lost", PLAIN, "is_clean .*: 1, 0 expected", "a crash in the write would leave legs that differ"},
	[LIE_LAST_MARK_LOST] = {"last-mark-lost", "--writers 8", "is_clean .*: 1, 0 expected", "the same, of one write among many"},
	[LIE_FLUSH_PAYLOAD_IGNORED] = {"flush-payload-ignored", INTEGRATED, "is_clean .*: 1, 0 expected", "the kernel sends no other mark"},
	[LIE_MARKS_ALL] = {"marks-all", PLAIN, "is_clean .*: 0, 1 expected", "a crash would resync everything"},
	[LIE_CLEAR_FORGOTTEN] = {"clear-forgotten", PLAIN, "is_clean .*: 0, 1 expected", "what was ever written would be resynced"},
	[LIE_CLEARS_ALL] = {"clears-all", PLAIN, "is_clean .*: 1, 0 expected", "writes on their way are not to be resynced any more"},
	[LIE_CLEARS_NEIGHBOUR] = {"clears-neighbour", PLAIN, "is_clean .*: 1, 0 expected", "the same, of one region"},
	[LIE_CLEAR_RECOVERS] = {"clear-recovers", PLAIN, "in_sync .*: 1, 0 expected", "a region that failed would never be recovered"},
	[LIE_IN_SYNC_OF_ANOTHER] = {"in-sync-of-another", RESYNC, "to in_sync .*: 0, 1 expected", "a read from a leg that has not the data"},
	[LIE_ALWAYS_IN_SYNC] = {"always-in-sync", RESYNC, "to in_sync .*: 1, 0 expected", "the same, of any region"},
	[LIE_NEVER_IN_SYNC] = {"never-in-sync", PLAIN, "to in_sync .*: 0, 1 expected", "writes would go to one leg alone"},
	[LIE_ALWAYS_CLEAN] = {"always-clean", PLAIN, "is_clean .*: 1, 0 expected", "a log that keeps no marks"},
	[LIE_NEVER_CLEAN] = {"never-clean", PLAIN, "is_clean .*: 0, 1 expected", "a log that keeps no clears"},
	[LIE_CLEAN_OF_ANOTHER] = {"clean-of-another", PLAIN, "is_clean .*: 1, 0 expected", "the bit beside the one that was asked for"},
	[LIE_SYNC_FORGOTTEN] = {"sync-forgotten", RESYNC, "get_sync_count .*: 0, 1 expected", "a resync without end"},
	[LIE_NOSYNC_FORGOTTEN] = {"nosync-forgotten", PLAIN, "to in_sync .*: 1, 0 expected", "a leg that failed would be read"},
	[LIE_RESUME_FORGETS] = {"resume-forgets", PLAIN, "is_clean .*: 1, 0 expected", "bits are lost with each suspend"},

	[LIE_COUNT_STALE] = {"count-stale", RESYNC, "get_sync_count .*: 0, 1 expected", "the kernel would go on asking, or stop too early"},
	[LIE_COUNT_FULL_BEFORE_RESUME] = {"count-full-before-resume", PLAIN, "64 before RESUME", "work would be asked for on each read"},
	[LIE_WORK_TWICE] = {"work-twice", RESYNC, "get_resync_work .*[{]1, 63[}] with 1 of", "a region is recovered again, without end"},
	[LIE_WORK_NEVER] = {"work-never", RESYNC, "get_resync_work .*[{]0, 0[}] with", "a region is never recovered"},
	[LIE_WORK_IN_SYNC] = {"work-in-sync", PLAIN, "get_resync_work .*[{]1, 0[}] with 64 of 64", "recovery of what needs none"},
	[LIE_WORK_BEHIND_END] = {"work-behind-end", RESYNC, "get_resync_work .*[{]1, 64[}]", "the kernel copies over other data"},
	[LIE_WORK_BEFORE_SETTLED] = {"work-before-settled", "--workload get_resync_work", "get_resync_work .* and region [0-9]+ handed out", "a region is left half recovered"},
	[LIE_HINT_FULL] = {"hint-full", RESYNC, "is_remote_recovering .*: [{]0, 64[}]", "the kernel would end the resync for good"},
	[LIE_REMOTE_RECOVERING] = {"remote-recovering", RESYNC, "is_remote_recovering .*: [{]1, ", "writes wait for another host that is not there"},

	[LIE_FLUSH_EARLY] = {"flush-early", DISK, "flush .* on the log device", "a FLUSH is answered before its marks are on the device"},
	[LIE_FLUSH_A_MOMENT_EARLY] = {"flush-a-moment-early", SLOW, "flush .* clean on the log device", "the same, of a write that is on its way"},
	[LIE_MARKS_NOT_WRITTEN] = {"marks-not-written", DISK, "flush .* clean on the log device", "marks are in memory alone"},
	[LIE_NOSYNC_NOT_WRITTEN] = {"nosync-not-written", DISK, "set_region_sync .* clean on the log device", "after a crash a leg that failed is taken for good"},
	[LIE_CLEARS_NOT_WRITTEN] = {"clears-not-written", DISK, "postsuspend .* dirty on the log device", "a clean shutdown needs a resync"},
	[LIE_NO_HEADER] = {"no-header", DISK, "no image on the log device", "the image is none, and everything is resynced"},

	[LIE_ANOTHER_LOG] = {"another-log", TWO_RESYNCS, "to in_sync .* expected", "the bits are another mirror's"},
	[LIE_GONE_ANSWERS] = {"gone-answers", PLAIN, "error 0 .*, -3 expected", "bits of a mirror that is no more"},
	[LIE_GONE_WRONG_ERROR] = {"gone-wrong-error", PLAIN, "error -22 .*, -3 expected", "the kernel makes the log again for -ESRCH alone"},
	[LIE_GONE_WRONG_SIZE] = {"gone-wrong-size", PLAIN, "0 bytes, 8 expected", "the good answer that follows would be refused"},
	[LIE_STATUS_OF_ANOTHER] = {"status-of-another", TWO_DISKS, "wrong answer to status_info", "dmeventd would act on the wrong device"},
	[LIE_STATUS_DEAD] = {"status-dead", DISK, "status_info .* D\", ", "dmeventd would take the log away"},
	[LIE_TABLE_OF_ANOTHER] = {"table-of-another", TWO_DISKS, "status_table .* expected", "a table that is loaded again has another's log"},
	[LIE_DEVICE_OF_ANOTHER] = {"device-of-another", TWO_DISKS, "to ctr .* expected", "the wrong device is kept open"},
	[LIE_REGION_SIZE] = {"region-size", PLAIN, "get_region_size .*: 16, 8", "each region is another part of the mirror"},

	[LIE_ERROR] = {"error", PLAIN, "to in_sync .*: error -22", "an IN_SYNC that fails corrupts (docs/protocol.md, trap 1)"},
	[LIE_POSITIVE_ERROR] = {"positive-error", PLAIN, "to in_sync .*: error 5", "counts as success with the kernel"},
	[LIE_SHORT] = {"short", PLAIN, ": 4 bytes, 8 expected", "less payload than the kernel copies"},
	[LIE_LONG] = {"long", PLAIN, ": 16 bytes, 8 expected", "more payload than there is room for"},
	[LIE_SEQ] = {"seq", PLAIN, "nobody waits for", "the answer to another request"},
	[LIE_CN_SEQ] = {"cn-seq", PLAIN, "another seq", "two headers that do not agree"},
	[LIE_LUID] = {"luid", PLAIN, "another log's luid", "an answer made for another log"},
	[LIE_UUID] = {"uuid", PLAIN, "another log's uuid", "the same"},
	[LIE_TYPE] = {"type", PLAIN, "to another type", "an answer made for another request"},
	[LIE_REPLY_TWICE] = {"reply-twice", PLAIN, "answer to in_sync with seq .* nobody waits", "may meet a request of the same seq"},
	[LIE_REPLY_TWICE_LATE] = {"reply-twice-late", PLAIN, "nobody waits", "the same, later"},
	[LIE_LAST_REPLY_TWICE] = {"last-reply-twice", PLAIN, "answer to dtr with seq .* nobody waits", "the same, when nothing else is asked"},
	[LIE_REPLY_LOST] = {"reply-lost", PLAIN, "no answer to in_sync", "I/O waits for 15 s"},

	[LIE_EMPTY_AFTER_KILL] = {"empty-after-kill", RESYNC " " KILLS, "wrong answer to", "a successor that knows nothing, and says it does"},
};
/* clang-format on */

bool lies_tell(const char *name)
{
	for (enum lie lie = NO_LIE; lie < LIES; lie++) {
		if (strcmp(table[lie].name, name) != 0)
			continue;
		told = lie;
		return true;
	}
	return false;
}

void lies_list(void)
{
	for (enum lie lie = NO_LIE; lie < LIES; lie++)
		printf("%s|%s|%s|%s\n", table[lie].name, table[lie].options, table[lie].report,
		       table[lie].why);
}
