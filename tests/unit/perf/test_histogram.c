/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quantiles within 1 % of the exact ones, over the whole range. */
#include "perf/generator/dice.h"
#include "perf/generator/histogram.h"

#include <math.h>
#include <stdlib.h>
#include <criterion/criterion.h>

static struct histogram histogram, other;

static void expect_near(double quantile, uint64_t exact)
{
	double got = (double)histogram_quantile(&histogram, quantile);

	cr_assert(fabs(got - (double)exact) <= 0.01 * (double)exact, "quantile %g: %.0f for %lu",
		  quantile, got, (unsigned long)exact);
}

Test(histogram, empty_is_0)
{
	cr_assert_eq(histogram_quantile(&histogram, 0.5), 0);
	cr_assert_eq(histogram_mean(&histogram), 0);
}

Test(histogram, small_values_are_exact)
{
	for (uint64_t value = 0; value < 256; value++)
		histogram_record(&histogram, value);
	for (unsigned i = 1; i <= 256; i++)
		cr_assert_eq(histogram_quantile(&histogram, i / 256.0), i - 1);
}

Test(histogram, every_size_of_value_is_near)
{
	for (unsigned bits = 0; bits < HISTOGRAM_VALUE_BITS; bits++) {
		for (unsigned i = 0; i < 64; i++) {
			uint64_t value = (UINT64_C(1) << bits) + (UINT64_C(1) << bits) / 64 * i;

			histogram = (struct histogram){0};
			histogram_record(&histogram, value);
			histogram_record(&histogram, UINT64_MAX);
			expect_near(0.5, value);
		}
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

Test(histogram, quantiles_of_a_long_tail_are_near)
{
	static uint64_t values[100000];
	static const double quantiles[] = {0.01, 0.5, 0.9, 0.99, 0.999, 0.9999};
	const size_t n = sizeof(values) / sizeof(values[0]);
	uint64_t dice = 1;

	for (size_t i = 0; i < n; i++) {
		values[i] = (dice_roll(&dice) >> 34) >> dice_below(&dice, 16);
		histogram_record(&histogram, values[i]);
	}
	qsort(values, n, sizeof(values[0]), compare);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		expect_near(quantiles[i], values[(size_t)ceil(quantiles[i] * n) - 1]);
	cr_assert_eq(histogram_quantile(&histogram, 1), values[n - 1]);
}

Test(histogram, the_largest_is_exact)
{
	histogram_record(&histogram, 5);
	histogram_record(&histogram, 123456789);
	cr_assert_eq(histogram_quantile(&histogram, 1), 123456789);
	cr_assert_eq(histogram.max, 123456789);
}

Test(histogram, longer_than_its_range_counts_as_its_end)
{
	histogram_record(&histogram, UINT64_MAX);
	cr_assert_eq(histogram.count, 1);
	cr_assert_eq(histogram.max, (UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1);
	cr_assert_eq(histogram_quantile(&histogram, 0.5), histogram.max);
}

Test(histogram, a_sum_of_two_has_the_values_of_both)
{
	for (uint64_t value = 1; value <= 100; value++)
		histogram_record(value % 2 ? &histogram : &other, value);
	histogram_add(&histogram, &other);
	cr_assert_eq(histogram.count, 100);
	cr_assert_eq(histogram.max, 100);
	cr_assert_eq(histogram_quantile(&histogram, 0.5), 50);
	cr_assert_float_eq(histogram_mean(&histogram), 50.5, 1e-9);
}
