/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Line by line through libinih, which names no line but the first that is wrong, and takes an indented line for
 * a part of the one before. */
#include "server/config.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

struct config {
	const char *path;
	const struct option_table *table;
	void *options;
	FILE *faults;
	unsigned line;
};

static void start_fault(const struct config *config)
{
	fprintf(config->faults, "%s:%u: ", config->path, config->line);
}

static int take_value(void *context, const char *section, const char *name, const char *value)
{
	const struct config *config = context;
	char *wanted = NULL;
	size_t size;
	FILE *out = open_memstream(&wanted, &size);
	bool taken;

	if (!out)
		abort(); /* some bytes, at the start of a program */
	taken = option_table_set(config->table, config->options, name, value, out);
	fclose(out);
	if (!taken) {
		start_fault(config);
		fprintf(config->faults, "%s = %s: %s\n", name, value, wanted);
	}
	free(wanted);
	return 1;
}

static void take_line(const struct config *config, const char *text)
{
	bool section = text[strspn(text, " \t")] == '[';

	if (!section && ini_parse_string(text, take_value, (void *)config) == 0)
		return;
	start_fault(config);
	if (section)
		fputs("there are no sections\n", config->faults);
	else
		fputs("expected `name = value`\n", config->faults);
}

int config_read_from(FILE *file, const char *name, const struct option_table *table, void *options,
		     FILE *faults)
{
	struct config config = {.path = name, .table = table, .options = options, .faults = faults};
	char *text = NULL;
	size_t room = 0;
	int r;

	errno = 0;
	while (getline(&text, &room, file) >= 0) {
		config.line++;
		take_line(&config, text);
	}
	r = ferror(file) ? -errno : 0;
	free(text);
	return r;
}

int config_read(const char *path, const struct option_table *table, void *options, FILE *faults)
{
	FILE *file = fopen(path, "re");
	int r;

	if (!file)
		return -errno;
	r = config_read_from(file, path, table, options, faults);
	fclose(file);
	return r;
}
