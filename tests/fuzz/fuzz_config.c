/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a file of options. */
#include "server/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct values {
	bool flag, truth;
	unsigned choice, number;
	double real;
};

static const struct option_entry entries[] = {
	{"flag", .help = "f", OPTION_FLAG(struct values, flag)},
	{"truth", .argument = "yes|no", .help = "t", OPTION_BOOL(struct values, truth, "yes")},
	{"choice", .argument = "a|b", .help = "c", OPTION_CHOICE(struct values, choice)},
	{"number", .argument = "N", .help = "n", .wanted = "a number",
	 OPTION_UNSIGNED(struct values, number, 1, 64)},
	{"real", .argument = "R", .help = "r", OPTION_REAL(struct values, real, 0, 1)},
	{0},
};

static const struct option_table table = {.program = "fuzz", .entries = entries};

static void expect_valid(const struct values *values)
{
	if (values->choice > 1 || values->number < 1 || values->number > 64 ||
	    !(values->real >= 0 && values->real <= 1))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct values values = {.number = 1};
	FILE *file, *faults;
	char *said = NULL;
	size_t said_size;

	if (size == 0)
		return 0;
	file = fmemopen((void *)data, size, "r");
	faults = open_memstream(&said, &said_size);
	if (config_read_from(file, "name", &table, &values, faults) != 0)
		abort();
	fclose(file);
	fclose(faults);
	free(said);
	expect_valid(&values);
	return 0;
}
