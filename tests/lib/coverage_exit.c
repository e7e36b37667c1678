/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of the coverage build alone: gcov writes its counts when a process ends by exit(3). So do children that end by
 * _exit(2), in place of which the linker puts this (-Wl,--wrap), and programs that run until SIGTERM. */
#include <gcov.h>
#include <signal.h>

void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));

void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}

static void write_and_end(int number)
{
	__gcov_dump();
	signal(number, SIG_DFL);
	raise(number);
}

__attribute__((constructor)) static void write_when_ended(void)
{
	if (signal(SIGTERM, write_and_end) == SIG_IGN)
		signal(SIGTERM, SIG_IGN);
}
