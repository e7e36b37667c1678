/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any command line of dirtylogd, and any text as its file of options: what is taken is within its bounds. Input: the words
 * of the command line, each on a line, up to an empty one; then the file.
 */
#include "server/options.h"

#include <sanitizer/lsan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS_MAX 30

static char path[64];
static int fd;

/* What is said to a wrong option is of no interest; the fuzzer's own words have the descriptor. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	stdout = stderr = fopen("/dev/null", "w");
	fd = memfd_create("options", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return stdout && fd >= 0 ? 0 : -1;
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_taken(const struct options *options)
{
	check(options->workers >= 1 && options->workers <= ESTATE_WORKERS_MAX);
	check(options->log_level >= DIAG_ERROR && options->log_level <= DIAG_DEBUG);
	check(options->clear_delay_ns >= 0 && options->log.retry_limit_ns >= 0);
	check(options->log.probe_ns >= 0 && options->busy_poll_ns >= 0);
	check(options->watchdog_ns > 0 && options->mark_ahead <= 64);
	check(options->rcvbuf > 0);
	check(options->io_engine <= FLUSH_ENGINE_SYNC);
	check(options->metrics_listen.length <= sizeof(struct sockaddr_in6));
}

/* No other file is opened: it could be anything. */
static bool names_a_file(const char *word)
{
	return strncmp(word, "--co", 4) == 0 ||
	       (word[0] == '-' && word[1] != '-' && strchr(word, 'C'));
}

static void write_file(const char *text)
{
	size_t length = strlen(text);

	check(ftruncate(fd, 0) == 0);
	check(pwrite(fd, text, length, 0) == (ssize_t)length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char config[] = "--config", program[] = "dirtylogd";
	char *text = malloc(size + 1);
	char *argv[WORDS_MAX + 4] = {program, config, path};
	char *at = text, *end;
	struct options options;
	int argc = 3;

	memcpy(text, data, size);
	text[size] = '\0';
	while (argc < WORDS_MAX && (end = strchr(at, '\n')) && end != at) {
		*end = '\0';
		if (!names_a_file(at))
			argv[argc++] = at;
		at = end + 1;
	}
	write_file(at);
	__lsan_disable(); /* texts of the file are for ever */
	if (options_parse(&options, argc, argv) < 0)
		check_taken(&options);
	__lsan_enable();
	free(options.config_faults);
	free(text);
	return 0;
}
