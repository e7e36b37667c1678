/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of the coverage build alone: gcov writes its counts when a process ends by exit(3). So do children that end by
 * _exit(2), in place of which the linker puts this (-Wl,--wrap). */
#include <gcov.h>

void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));

void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}
