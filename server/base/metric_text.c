/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources: https://github.com/OpenObservability/OpenMetrics (1.0), and the text format 0.0.4 of Prometheus. */
#include "server/base/metric_text.h"

#include "server/base/utf8.h"

#include <inttypes.h>

static const char *const kind_names[] = {"gauge", "counter", "histogram"};

void metric_family(struct metric_text *text, const char *name, enum metric_kind kind,
		   const char *help)
{
	const char *suffix = kind == METRIC_COUNTER && !text->open ? "_total" : "";

	text->name = name;
	text->kind = kind;
	fprintf(text->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix,
		kind_names[kind]);
}

/* One that is not ASCII is taken for Latin-1, since nobody says in which encoding it is. */
static void put_label_byte(FILE *out, unsigned char byte)
{
	if (byte == '\n')
		fputs("\\n", out);
	else if (byte == '"' || byte == '\\')
		fprintf(out, "\\%c", byte);
	else if (byte < 0x80)
		putc(byte, out);
	else
		fprintf(out, "%c%c", 0xc0 | byte >> 6, 0x80 | (byte & 0x3f));
}

static void put_label(FILE *out, char before, const char *name, const char *value)
{
	fprintf(out, "%c%s=\"", before, name);
	while (*value) {
		size_t length = utf8_length(value);

		if (length > 0)
			fwrite(value, 1, length, out);
		else
			put_label_byte(out, (unsigned char)*value);
		value += length ? length : 1;
	}
	putc('"', out);
}

/* The name and the labels of a sample, with limit as one more if it is not NULL. */
static void put_name(const struct metric_text *text, const char *suffix,
		     const struct metric_label *labels, const char *limit)
{
	char before = '{';

	fprintf(text->out, "%s%s", text->name, suffix);
	for (; labels && labels->name; labels++, before = ',')
		put_label(text->out, before, labels->name, labels->value);
	if (limit) {
		put_label(text->out, before, "le", limit);
		before = ',';
	}
	fputs(before == ',' ? "} " : " ", text->out);
}

static void put_created(const struct metric_text *text, const struct metric_label *labels)
{
	if (!text->open || text->created == 0 || text->kind == METRIC_GAUGE)
		return;
	put_name(text, "_created", labels, NULL);
	fprintf(text->out, "%.3f\n", text->created);
}

static const char *sample_suffix(const struct metric_text *text)
{
	return text->kind == METRIC_COUNTER ? "_total" : "";
}

void metric_count(const struct metric_text *text, const struct metric_label *labels, uint64_t value)
{
	put_name(text, sample_suffix(text), labels, NULL);
	fprintf(text->out, "%" PRIu64 "\n", value);
	put_created(text, labels);
}

void metric_real(const struct metric_text *text, const struct metric_label *labels, double value)
{
	put_name(text, sample_suffix(text), labels, NULL);
	fprintf(text->out, "%.9g\n", value);
	put_created(text, labels);
}

/* A whole number is written as 1.0: a limit is part of a series' name. */
static void name_limit(char *text, size_t room, double limit)
{
	bool whole = limit == (double)(uint64_t)limit;

	snprintf(text, room, whole ? "%.1f" : "%g", limit);
}

static void put_bucket(const struct metric_text *text, const struct metric_label *labels,
		       const char *limit, uint64_t count)
{
	put_name(text, "_bucket", labels, limit);
	fprintf(text->out, "%" PRIu64 "\n", count);
}

/* The count is that of the buckets, whatever is added meanwhile. */
void metric_buckets(const struct metric_text *text, const struct metric_label *labels,
		    const struct buckets *buckets, const struct bucket_scale *scale)
{
	uint64_t count = 0;

	for (unsigned i = 0; i <= scale->count; i++) {
		char limit[32] = "+Inf";

		if (i < scale->count)
			name_limit(limit, sizeof(limit), (double)scale->limits[i] * scale->unit);
		count += atomic_load_explicit(&buckets->counts[i], memory_order_relaxed);
		put_bucket(text, labels, limit, count);
	}
	put_name(text, "_count", labels, NULL);
	fprintf(text->out, "%" PRIu64 "\n", count);
	put_name(text, "_sum", labels, NULL);
	fprintf(text->out, "%.9g\n",
		(double)atomic_load_explicit(&buckets->sum, memory_order_relaxed) * scale->unit);
	put_created(text, labels);
}

void metric_end(const struct metric_text *text)
{
	if (text->open)
		fputs("# EOF\n", text->out);
}
