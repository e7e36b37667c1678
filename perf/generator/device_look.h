/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies on a log device, beside what must lie there by now: a mark that was acknowledged and is not on
 * the device shows nowhere else until a host crashes. What is in the device's own cache counts as on it. No
 * state; any thread.
 */
#ifndef PERF_GENERATOR_DEVICE_LOOK_H
#define PERF_GENERATOR_DEVICE_LOOK_H

#include "perf/generator/log_model.h"

/* Past the page cache. All regions that are dirty in the model must be so on the device, and with exact those that are
 * clean, clean. True if that is so; if not, fault says what is wrong. */
bool device_look_at_all(const char *path, const struct log_model *model, bool exact, char *fault,
			size_t fault_bytes);

/* These regions must be dirty on the device. */
bool device_look_at_marks(const char *path, const uint64_t *regions, unsigned count, char *fault,
			  size_t fault_bytes);

#endif
