/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Line by line through libinih, which names no line but the first that is wrong, takes an indented line for
 * a part of the one before, and what follows the 199th character of a line for another line. */
#include "server/config.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LINE_CHARS_MAX (INI_MAX_LINE - 1) /* without its comment and its end */

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

/* What libinih takes for one. */
static void cut_comment(char *text)
{
	char *first = text + strspn(text, " \t");

	if (*first == '#')
		*first = '\0';
	for (char *c = first; (c = strchr(c, ';')); c++)
		if (c == first || c[-1] == ' ' || c[-1] == '\t') {
			*c = '\0';
			return;
		}
}

/* Whatever its option says; NULL: nothing that is seen from here. */
static const char *fault_of_line(const char *text)
{
	if (text[strspn(text, " \t")] == '[')
		return "there are no sections";
	return strcspn(text, "\r\n") > LINE_CHARS_MAX ? "it is too long" : NULL;
}

static void take_line(const struct config *config, char *text, size_t length)
{
	const char *fault = NULL;

	if (strlen(text) < length)
		fault = "there is a character 0";
	cut_comment(text);
	if (!fault)
		fault = fault_of_line(text);
	if (!fault && ini_parse_string(text, take_value, (void *)config) != 0)
		fault = "expected `name = value`";
	if (!fault)
		return;
	start_fault(config);
	fprintf(config->faults, "%s\n", fault);
}

int config_read_from(FILE *file, const char *name, const struct option_table *table, void *options,
		     FILE *faults)
{
	struct config config = {.path = name, .table = table, .options = options, .faults = faults};
	char *text = NULL;
	size_t room = 0;
	ssize_t length;
	int r;

	errno = 0;
	while ((length = getline(&text, &room, file)) >= 0) {
		config.line++;
		take_line(&config, text, (size_t)length);
	}
	r = feof(file) ? 0 : -errno; /* ferror() knows of no lack of memory */
	free(text);
	return r;
}

/* A pipe or a terminal would be waited for, some devices end nowhere: a start waits for nobody. */
static int expect_plain_file(int fd)
{
	struct stat stat;

	if (fstat(fd, &stat) != 0)
		return -errno;
	if (S_ISREG(stat.st_mode) || (S_ISCHR(stat.st_mode) && stat.st_rdev == makedev(1, 3)))
		return 0; /* 1:3 is /dev/null */
	return S_ISDIR(stat.st_mode) ? -EISDIR : -EINVAL;
}

static int open_config(const char *path, FILE **file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return -errno;
	r = expect_plain_file(fd);
	if (r == 0 && !(*file = fdopen(fd, "r")))
		r = -errno;
	if (r < 0)
		close(fd);
	return r;
}

int config_read(const char *path, const struct option_table *table, void *options, FILE *faults)
{
	FILE *file;
	int r = open_config(path, &file);

	if (r < 0)
		return r;
	r = config_read_from(file, path, table, options, faults);
	fclose(file);
	return r;
}
