/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text formats of Prometheus, byte for byte. */
#include "server/base/metric_text.h"

#include <stdlib.h>
#include <criterion/criterion.h>

static char *said;
static size_t size;
static struct metric_text text;

static void begin(bool open)
{
	free(said);
	text = (struct metric_text){.out = open_memstream(&said, &size), .open = open};
}

static void expect_text(const char *expected)
{
	metric_end(&text);
	fclose(text.out);
	cr_assert_str_eq(said, expected);
}

Test(metric_text, a_counter_has_its_suffix_and_tells_since_when)
{
	begin(true);
	text.created = 12.5;
	metric_family(&text, "a", METRIC_COUNTER, "All of it.");
	metric_count(&text, NULL, 7);
	expect_text("# HELP a All of it.\n# TYPE a counter\na_total 7\na_created 12.500\n# EOF\n");
}

Test(metric_text, the_old_format_knows_a_counter_by_the_name_of_its_sample)
{
	begin(false);
	text.created = 12.5;
	metric_family(&text, "a", METRIC_COUNTER, "All of it.");
	metric_count(&text, NULL, 7);
	expect_text("# HELP a_total All of it.\n# TYPE a_total counter\na_total 7\n");
}

Test(metric_text, a_gauge_has_a_name_and_a_value)
{
	begin(true);
	text.created = 12.5;
	metric_family(&text, "b", METRIC_GAUGE, "Now.");
	metric_real(&text, NULL, 0.25);
	expect_text("# HELP b Now.\n# TYPE b gauge\nb 0.25\n# EOF\n");
}

Test(metric_text, labels_are_escaped)
{
	static const struct metric_label labels[] = {{"x", "a\"b\\c\nd"}, {"y", "\xe9"}, {0}};

	begin(false);
	metric_family(&text, "b", METRIC_GAUGE, "Now.");
	metric_count(&text, labels, 1);
	expect_text("# HELP b Now.\n# TYPE b gauge\n"
		    "b{x=\"a\\\"b\\\\c\\nd\",y=\"\xc3\xa9\"} 1\n");
}

/* As in JSON: a log has one name. */
Test(metric_text, a_label_in_utf8_stays_so)
{
	static const struct metric_label labels[] = {
		{"x", "\xc3\xbc\xe2\x82\xac"}, {"y", "\xc3"}, {0}};

	begin(false);
	metric_family(&text, "b", METRIC_GAUGE, "Now.");
	metric_count(&text, labels, 1);
	expect_text("# HELP b Now.\n# TYPE b gauge\n"
		    "b{x=\"\xc3\xbc\xe2\x82\xac\",y=\"\xc3\x83\"} 1\n");
}

Test(metric_text, a_bucket_counts_what_is_below_its_limit_and_at_it)
{
	static const struct bucket_scale scale = {.count = 2, .unit = 1e-3, .limits = {500, 1000}};
	static const struct metric_label labels[] = {{"x", "y"}, {0}};
	static struct buckets buckets;

	buckets_add(&buckets, &scale, 500);
	buckets_add(&buckets, &scale, 501);
	buckets_add(&buckets, &scale, 1000);
	buckets_add(&buckets, &scale, 4000);
	begin(false);
	metric_family(&text, "c", METRIC_HISTOGRAM, "Times.");
	metric_buckets(&text, labels, &buckets, &scale);
	expect_text("# HELP c Times.\n# TYPE c histogram\n"
		    "c_bucket{x=\"y\",le=\"0.5\"} 1\nc_bucket{x=\"y\",le=\"1.0\"} 3\n"
		    "c_bucket{x=\"y\",le=\"+Inf\"} 4\nc_count{x=\"y\"} 4\nc_sum{x=\"y\"} 6.001\n");
}

Test(metric_text, histograms_of_several_threads_are_added)
{
	static const struct bucket_scale scale = {.count = 1, .unit = 1, .limits = {1}};
	static struct buckets one, other, sum;

	buckets_add(&one, &scale, 1);
	buckets_add(&other, &scale, 5);
	buckets_merge(&sum, &one);
	buckets_merge(&sum, &other);
	begin(false);
	metric_family(&text, "c", METRIC_HISTOGRAM, "Requests.");
	metric_buckets(&text, NULL, &sum, &scale);
	expect_text("# HELP c Requests.\n# TYPE c histogram\n"
		    "c_bucket{le=\"1.0\"} 1\nc_bucket{le=\"+Inf\"} 2\nc_count 2\nc_sum 6\n");
}
