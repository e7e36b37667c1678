/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes become a JSON string. */
#include "server/base/json_text.h"

#include <stdlib.h>
#include <criterion/criterion.h>

static void expect(const char *text, const char *wanted)
{
	size_t bytes;
	char *got;
	FILE *out = open_memstream(&got, &bytes);

	json_text_write(out, text);
	fclose(out);
	cr_assert_str_eq(got, wanted, "%s", got);
	free(got);
}

Test(json_text, plain_text_is_quoted)
{
	expect("", "\"\"");
	expect("LVM-abc 1/2", "\"LVM-abc 1/2\"");
}

Test(json_text, what_json_means_something_by_is_escaped)
{
	expect("a\"b\\c", "\"a\\\"b\\\\c\"");
}

Test(json_text, what_is_not_printable_ascii_is_a_number)
{
	expect("\n\x01\x1f\x7f", "\"\\u000a\\u0001\\u001f\\u007f\"");
	expect("\xe9\xff", "\"\\u00e9\\u00ff\"");
}
