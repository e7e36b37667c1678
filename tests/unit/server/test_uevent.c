/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of the kernel's messages are of a device-mapper device that has changed. */
#include "server/ctl/uevent.h"

#include <criterion/criterion.h>

#define EXPECT(text, is_one)                                                               \
	do {                                                                               \
		uint32_t number[2];                                                        \
                                                                                           \
		cr_assert_eq(uevent_of_change(text, sizeof(text), &number[0], &number[1]), \
			     is_one);                                                      \
		if (is_one)                                                                \
			cr_assert(number[0] == 253 && number[1] == 3);                     \
	} while (0)

#define CHANGE "change@/devices/virtual/block/dm-3\0"

Test(uevent, a_device_that_has_changed_has_a_number)
{
	EXPECT(CHANGE "ACTION=change\0MAJOR=253\0MINOR=3", true);
	EXPECT(CHANGE "MINOR=3\0MAJOR=253", true);
}

Test(uevent, other_messages_are_none)
{
	EXPECT("add@/devices/virtual/block/dm-3\0MAJOR=253\0MINOR=3", false);
	EXPECT("change@/devices/virtual/block/loop0\0MAJOR=7\0MINOR=0", false);
	EXPECT("", false);
}

Test(uevent, a_number_that_is_none_is_not_taken)
{
	EXPECT(CHANGE "MAJOR=253", false);
	EXPECT(CHANGE "MAJOR=-1\0MINOR=3", false);
	EXPECT(CHANGE "MAJOR=4294967549\0MINOR=3", false);
}
