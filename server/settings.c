/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/settings.h"

#include "server/base/clock.h"

#include <inttypes.h>
#include <string.h>

static const char *const changeable[] = {"clear-delay", "max-lazy", "mark-ahead", "resync-rate",
					 "log-level"};

#define CHANGEABLE (sizeof(changeable) / sizeof(changeable[0]))

static void put_values(struct estate_settings *settings, const struct options *options)
{
	atomic_store(&settings->clear_delay_ns, options->clear_delay_ns);
	atomic_store(&settings->max_lazy, options->max_lazy);
	atomic_store(&settings->mark_ahead, options->mark_ahead);
	atomic_store(&settings->resync_rate, options->resync_rate);
	atomic_store(&settings->log_level, (int)options->log_level);
	atomic_fetch_add(&settings->changes, 1);
}

static void get_values(const struct estate_settings *settings, struct options *options)
{
	options->clear_delay_ns = atomic_load(&settings->clear_delay_ns);
	options->max_lazy = atomic_load(&settings->max_lazy);
	options->mark_ahead = atomic_load(&settings->mark_ahead);
	options->resync_rate = atomic_load(&settings->resync_rate);
	options->log_level = (enum diag_level)atomic_load(&settings->log_level);
}

void settings_begin(struct estate_settings *settings, const struct options *options)
{
	put_values(settings, options);
}

void settings_enter(const struct estate_settings *settings)
{
	diag_set_level((enum diag_level)atomic_load(&settings->log_level));
}

static bool is_changeable(const char *name)
{
	for (unsigned i = 0; i < CHANGEABLE; i++)
		if (strcmp(name, changeable[i]) == 0)
			return true;
	return false;
}

static void print_changeable(FILE *wanted)
{
	fputs("what can be set is", wanted);
	for (unsigned i = 0; i < CHANGEABLE; i++)
		fprintf(wanted, "%s %s", i ? "," : "", changeable[i]);
}

bool settings_set(struct estate_settings *settings, const char *name, const char *value,
		  FILE *wanted)
{
	struct options options = {0};

	if (!is_changeable(name)) {
		print_changeable(wanted);
		return false;
	}
	get_values(settings, &options);
	if (!options_set(&options, name, value, wanted))
		return false;
	put_values(settings, &options);
	settings_enter(settings);
	return true;
}

void settings_print(FILE *out, const struct estate_settings *settings)
{
	struct options options = {0};

	get_values(settings, &options);
	fprintf(out, "clear-delay %g\n", (double)options.clear_delay_ns / (double)NSEC_PER_SEC);
	fprintf(out, "max-lazy %" PRIu64 "\n", options.max_lazy);
	fprintf(out, "mark-ahead %u\n", options.mark_ahead);
	fprintf(out, "resync-rate %" PRIu64 "\n", options.resync_rate);
	fprintf(out, "log-level %s\n", diag_level_name(options.log_level));
}
