/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Children that hang are left behind. */
#include "server/ctl/children.h"

#include "server/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <criterion/criterion.h>

TestSuite(children, .timeout = 60);

static bool done;

static void say_number(unsigned number, FILE *out, void *context)
{
	fprintf(out, "%s %u\n", (const char *)context, number);
}

static void hang_if_first(unsigned number, FILE *out, void *context)
{
	say_number(number, out, context);
	while (number == 0)
		pause();
}

static unsigned count_lines(const char *text)
{
	unsigned lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

Test(children, each_says_its_lines)
{
	char *text = children_run(4, say_number, "child", &done);

	cr_assert(done);
	cr_assert_eq(count_lines(text), 4, "%s", text);
	cr_assert(strstr(text, "child 3\n"));
	free(text);
}

Test(children, one_that_hangs_takes_two_seconds_and_no_line_of_the_others)
{
	int64_t start_ns = clock_now();
	char *text = children_run(4, hang_if_first, "child", &done);

	cr_assert_not(done);
	cr_assert_lt(clock_now() - start_ns, 5 * NSEC_PER_SEC);
	cr_assert_geq(clock_now() - start_ns, 2 * NSEC_PER_SEC);
	cr_assert_eq(count_lines(text), 4, "%s", text);
	free(text);
}

static void say_half(unsigned number, FILE *out, void *context)
{
	fputs("whole\nha", out);
	fflush(out);
	pause();
}

Test(children, half_a_line_is_no_line)
{
	char *text = children_run(1, say_half, NULL, &done);

	cr_assert_str_eq(text, "whole\n");
	free(text);
}

static void die_between_lines(unsigned number, FILE *out, void *context)
{
	say_number(number, out, context);
	if (number == 0)
		_exit(1);
	say_number(number, out, context);
}

/* It has ended: that it is not through, its lines show. */
Test(children, one_that_dies_leaves_its_lines)
{
	char *text = children_run(2, die_between_lines, "child", &done);

	cr_assert(done);
	cr_assert_eq(count_lines(text), 3, "%s", text);
	free(text);
}

/* Line after line, for ever. */
static void chatter(unsigned number, FILE *out, void *context)
{
	for (;;) {
		fputs("x\n", out);
		usleep(100000);
	}
}

Test(children, one_that_never_ends_takes_ten_seconds)
{
	int64_t start_ns = clock_now();
	char *text = children_run(1, chatter, NULL, &done);

	cr_assert_not(done);
	cr_assert_lt(clock_now() - start_ns, 15 * NSEC_PER_SEC);
	free(text);
}
