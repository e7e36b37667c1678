/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a table for the kernel module, in a program (tests/front): any words make a log within its bounds or none, and
 * leave nothing; the table line of one that was made makes the same again, and is whole or fills its room; and any text
 * that the log behind says of itself harms nothing.
 *
 * Input: u8 room for the line; the words behind `cached N`, up to a line break; then what the log behind says.
 */
#include "kernel/dm-log-cached.c"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS_MAX 64u
#define LINE_MAX_BYTES 4096u

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return cached_init();
}

/* --- the log behind: it remembers its words --- */

struct behind {
	struct dm_dirty_log log;
	char line[LINE_MAX_BYTES]; /* of its table, as a log of the kernel's says it */
};

static const char *other_line; /* what it says instead */

static uint32_t behind_region_size(struct dm_dirty_log *log)
{
	return 8;
}

static int behind_status(struct dm_dirty_log *log, status_type_t type, char *result,
			 unsigned maxlen)
{
	const struct behind *behind = container_of(log, struct behind, log);
	unsigned sz = 0;

	DMEMIT("%s", other_line ? other_line : behind->line);
	return (int)sz;
}

static struct dm_dirty_log_type behind_type = {
	.name = "behind",
	.get_region_size = behind_region_size,
	.status = behind_status,
};

struct dm_dirty_log *dm_dirty_log_create(const char *type, struct dm_target *ti,
					 int (*flush_callback)(struct dm_target *), unsigned argc,
					 char **argv)
{
	struct behind *behind = calloc(1, sizeof(*behind));
	char *result = behind->line;
	unsigned sz = 0, maxlen = sizeof(behind->line);

	behind->log.type = &behind_type;
	DMEMIT("%s %u ", type, argc);
	for (unsigned i = 0; i < argc; i++)
		DMEMIT("%s ", argv[i]);
	return &behind->log;
}

void dm_dirty_log_destroy(struct dm_dirty_log *log)
{
	free(container_of(log, struct behind, log));
}

/* --- words --- */

/* Into words, which point into the line. */
static unsigned split(char *line, char *words[WORDS_MAX])
{
	unsigned count = 0;
	char *word;

	while (count < WORDS_MAX && (word = strsep(&line, " ")))
		if (*word)
			words[count++] = word;
	return count;
}

static void check_made(const struct cached_log *cl)
{
	const char *line = container_of(cl->behind, struct behind, log)->line;

	check(cl->clear_delay <= CLEAR_DELAY_MAX && cl->max_lazy <= MAX_LAZY_MAX);
	check(cl->regions == 13 && cl->behind && cl->hash && cl->in_sync);
	check(strncmp(line, "clustered", 9) != 0 && strncmp(line, "cached ", 7) != 0);
}

/* The log of these words, or NULL; ti says why, then. */
static bool make(struct dm_dirty_log *log, unsigned count, char **words)
{
	struct dm_target ti = {.len = 100};
	int r;

	*log = (struct dm_dirty_log){.type = &cached_type};
	r = cached_ctr(log, &ti, count, words);
	check(r == 0 ? ti.error == NULL : ti.error != NULL);
	if (r == 0)
		check_made(log->context);
	return r == 0;
}

/* --- the table line --- */

/* Its length; it is whole, or as long as there is room, by which device-mapper asks again with more. line: maxlen bytes. */
static unsigned tell(struct dm_dirty_log *log, char *line, unsigned maxlen)
{
	memset(line, 0, maxlen);
	cached_status(log, STATUSTYPE_TABLE, line, maxlen);
	check(memchr(line, '\0', maxlen));
	return (unsigned)strlen(line);
}

static void check_room(struct dm_dirty_log *log, const char *whole, unsigned room)
{
	char *line = malloc(room); /* exactly as long */
	unsigned length = tell(log, line, room);

	if (length > 0 && length + 1 < room)
		check(strcmp(line, whole) == 0);
	else
		check(strncmp(line, whole, length) == 0);
	free(line);
}

/* "cached N WORDS... ": N of them, which make the same log. */
static void check_again(struct dm_dirty_log *log, const char *told)
{
	const struct cached_log *cl = log->context, *again;
	char *line = strdup(told), *words[WORDS_MAX];
	unsigned count = split(line, words), argc;
	struct dm_dirty_log copy;

	check(count > 2 && strcmp(words[0], "cached") == 0);
	check(kstrtouint(words[1], 10, &argc) == 0 && argc == count - 2);
	check(make(&copy, argc, words + 2));
	again = copy.context;
	check(again->clear_delay == cl->clear_delay && again->max_lazy == cl->max_lazy);
	check(strcmp(container_of(again->behind, struct behind, log)->line,
		     container_of(cl->behind, struct behind, log)->line) == 0);
	cached_dtr(&copy);
	free(line);
}

/* It may say nothing, and not more than there is room for. */
static void check_other(struct dm_dirty_log *log, const char *text, unsigned room)
{
	char *line = malloc(room);

	other_line = text;
	tell(log, line, room);
	other_line = NULL;
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char told[2 * LINE_MAX_BYTES];
	char *text, *rest, *line, *words[WORDS_MAX];
	struct dm_dirty_log log;
	unsigned count;

	if (size < 2 || size > LINE_MAX_BYTES / 2)
		return 0;
	rest = text = strndup((const char *)data + 1, size - 1);
	line = strsep(&rest, "\n");
	count = split(line, words);
	if (count < WORDS_MAX - 2 && make(&log, count, words)) {
		tell(&log, told, sizeof(told));
		check_again(&log, told);
		check_room(&log, told, 1u + data[0]);
		check_other(&log, rest ? rest : "", 1u + data[0]);
		cached_dtr(&log);
	}
	check(fake_allocated == 0);
	free(text);
	return 0;
}
