/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/protocol/streams.h"

/* Where the stream would be if the region went on with it; 0: it does not. */
static int step_to(const struct stream *stream, uint64_t region)
{
	if (stream->used == 0)
		return 0;
	if (region == stream->last + 1 && stream->step >= 0)
		return 1;
	if (region + 1 == stream->last && stream->step <= 0)
		return -1;
	return 0;
}

static struct stream *longest_rested(struct streams *streams)
{
	struct stream *found = &streams->all[0];

	for (unsigned i = 1; i < STREAMS; i++)
		if (streams->all[i].used < found->used)
			found = &streams->all[i];
	return found;
}

static unsigned next_ahead(const struct stream *stream, unsigned max)
{
	unsigned ahead = stream->ahead ? 2 * stream->ahead : 1;

	return ahead < max ? ahead : max;
}

unsigned streams_follow(struct streams *streams, uint64_t region, bool written, unsigned max,
			int *step)
{
	streams->clock++;
	for (unsigned i = 0; i < STREAMS; i++) {
		struct stream *stream = &streams->all[i];

		*step = step_to(stream, region);
		if (*step == 0)
			continue;
		stream->last = region;
		stream->used = streams->clock;
		stream->step = (int8_t)*step;
		if (!written)
			return 0;
		stream->ahead = next_ahead(stream, max);
		return stream->ahead;
	}
	*longest_rested(streams) = (struct stream){.last = region, .used = streams->clock};
	return 0;
}
