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

/* As device-mapper's names have it, by which dirtylogctl finds the log of a mirror. */
Test(json_text, what_is_utf_8_stays_so)
{
	expect("spiegel-\xc3\xbc", "\"spiegel-\xc3\xbc\"");
	expect("\xe2\x82\xac\xf0\x9f\x98\x80!", "\"\xe2\x82\xac\xf0\x9f\x98\x80!\"");
	/* cut, too long, half of a pair, beyond the last */
	expect("\xc3", "\"\\u00c3\"");
	expect("\xc0\xaf", "\"\\u00c0\\u00af\"");
	expect("\xe0\x80\xaf", "\"\\u00e0\\u0080\\u00af\"");
	expect("\xed\xa0\x80", "\"\\u00ed\\u00a0\\u0080\"");
	expect("\xf4\x90\x80\x80", "\"\\u00f4\\u0090\\u0080\\u0080\"");
}
