/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a server can be wrong about, one thing at a time. */
#ifndef TESTS_LIAR_LIES_H
#define TESTS_LIAR_LIES_H

#include <stdbool.h>

enum lie {
	NO_LIE,
	/* Bits. */
	LIE_MARK_LOST,
	LIE_LAST_MARK_LOST,
	LIE_FLUSH_PAYLOAD_IGNORED,
	LIE_MARKS_ALL,
	LIE_CLEAR_FORGOTTEN,
	LIE_CLEARS_ALL,
	LIE_CLEARS_NEIGHBOUR,
	LIE_CLEAR_RECOVERS,
	LIE_IN_SYNC_OF_ANOTHER,
	LIE_ALWAYS_IN_SYNC,
	LIE_NEVER_IN_SYNC,
	LIE_ALWAYS_CLEAN,
	LIE_NEVER_CLEAN,
	LIE_CLEAN_OF_ANOTHER,
	LIE_SYNC_FORGOTTEN,
	LIE_NOSYNC_FORGOTTEN,
	LIE_RESUME_FORGETS,
	/* Recovery. */
	LIE_COUNT_STALE,
	LIE_COUNT_FULL_BEFORE_RESUME,
	LIE_WORK_TWICE,
	LIE_WORK_NEVER,
	LIE_WORK_IN_SYNC,
	LIE_WORK_BEHIND_END,
	LIE_WORK_BEFORE_SETTLED,
	LIE_HINT_FULL,
	LIE_REMOTE_RECOVERING,
	/* The log device. */
	LIE_FLUSH_EARLY,
	LIE_FLUSH_A_MOMENT_EARLY,
	LIE_MARKS_NOT_WRITTEN,
	LIE_NOSYNC_NOT_WRITTEN,
	LIE_CLEARS_NOT_WRITTEN,
	LIE_NO_HEADER,
	/* Which log. */
	LIE_ANOTHER_LOG,
	LIE_GONE_ANSWERS,
	LIE_GONE_WRONG_ERROR,
	LIE_GONE_WRONG_SIZE,
	LIE_STATUS_OF_ANOTHER,
	LIE_STATUS_DEAD,
	LIE_TABLE_OF_ANOTHER,
	LIE_DEVICE_OF_ANOTHER,
	LIE_REGION_SIZE,
	/* The message. */
	LIE_ERROR,
	LIE_POSITIVE_ERROR,
	LIE_SHORT,
	LIE_LONG,
	LIE_SEQ,
	LIE_CN_SEQ,
	LIE_LUID,
	LIE_UUID,
	LIE_TYPE,
	LIE_REPLY_TWICE,
	LIE_REPLY_TWICE_LATE,
	LIE_LAST_REPLY_TWICE,
	LIE_REPLY_LOST,
	/* Over a kill. */
	LIE_EMPTY_AFTER_KILL,
	LIES,
};

extern enum lie told;

/* Whether this is the lie that is told. */
static inline bool lies(enum lie lie)
{
	return told == lie;
}

/* Take the lie of this name. False: there is none. "none" is NO_LIE. */
bool lies_tell(const char *name);

/* A line for each, with bars between its name, options, what is reported, and the harm. */
void lies_list(void);

#endif
