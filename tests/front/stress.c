// SPDX-License-Identifier: GPL-2.0-or-later
/* kernel/dm-log-cached.c between threads that do as dm-raid1 and dm do, and a log behind it that minds, as the kernel's
 * disk log does, being spoken to by two at a time. At each change: what is being written, or differs between the legs, is
 * dirty on the log device.
 *
 *	stress SECONDS
 */
#ifndef MODULE
#define MODULE "../../kernel/dm-log-cached.c"
#endif
#include MODULE

#include <stdatomic.h>

#define REGIONS 128u
#define BATCH 8u /* writes in a pass */
#define FLIGHT 64u /* writes on their way */

#define must(what) ((what) ? (void)0 : broken(__LINE__, #what))

static void broken(int line, const char *what)
{
	fprintf(stderr, "line %d: not so: %s\n", line, what);
	_exit(1);
}

static __thread unsigned seed;
static unsigned roll(unsigned below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* --- the world */

static atomic_int writing[REGIONS];
static atomic_bool differ[REGIONS];
static atomic_bool told_nosync[REGIONS];
static atomic_uint told_times[REGIONS]; /* so often has that changed */
static atomic_bool ends;
static atomic_bool calm; /* nothing fails any more */
static unsigned long writes, failures, suspends, flush_errors, marks, clears;

/* --- the log behind: bits in memory, of which a flush writes all, if any was touched */

static struct {
	atomic_bool busy;
	bool dirty[REGIONS];
	bool touched;
	atomic_bool in_sync[REGIONS];
	atomic_bool on_disk[REGIONS];
	atomic_bool fails;
	atomic_bool quiet; /* the device is another table's: only kmirrord's last pass may come */
	pthread_t kmirrord, suspender;
} behind;

static void behind_enter(void)
{
	pthread_t self = pthread_self();

	must(!atomic_exchange(&behind.busy, true));
	must(!behind.quiet || pthread_equal(self, behind.kmirrord) ||
	     pthread_equal(self, behind.suspender));
}

static void behind_exit(void)
{
	atomic_store(&behind.busy, false);
}

static void behind_mark(struct dm_dirty_log *log, region_t nr)
{
	behind_enter();
	behind.dirty[nr] = true;
	behind.touched = true;
	marks++;
	behind_exit();
}

static void behind_clear(struct dm_dirty_log *log, region_t nr)
{
	behind_enter();
	behind.dirty[nr] = false;
	behind.touched = true;
	clears++;
	behind_exit();
}

static void write_bit(unsigned nr)
{
	atomic_store(&behind.on_disk[nr], behind.dirty[nr]);
	if (!behind.dirty[nr])
		must(!writing[nr] && !differ[nr]);
}

static int behind_flush(struct dm_dirty_log *log)
{
	int r = 0;

	behind_enter();
	if (behind.touched && atomic_exchange(&behind.fails, false)) {
		r = -EIO;
		flush_errors++;
	} else if (behind.touched) {
		for (unsigned nr = 0; nr < REGIONS; nr++)
			write_bit(nr);
		if (roll(4) == 0)
			usleep(roll(300));
		behind.touched = false;
	}
	behind_exit();
	return r;
}

static int behind_in_sync(struct dm_dirty_log *log, region_t nr, int can_block)
{
	if (!can_block)
		return -EWOULDBLOCK;
	fake_might_sleep();
	return behind.in_sync[nr];
}

static int behind_get_resync_work(struct dm_dirty_log *log, region_t *nr)
{
	int r = 0;

	behind_enter();
	for (unsigned i = 0; i < REGIONS && !r; i++)
		if (!behind.in_sync[i]) {
			*nr = i;
			r = 1;
		}
	behind_exit();
	return r;
}

static void behind_set_region_sync(struct dm_dirty_log *log, region_t nr, int in_sync)
{
	behind_enter();
	behind.in_sync[nr] = in_sync;
	behind.touched = true;
	behind_exit();
}

static region_t behind_get_sync_count(struct dm_dirty_log *log)
{
	region_t count = 0;

	for (unsigned nr = 0; nr < REGIONS; nr++)
		count += behind.in_sync[nr];
	return count;
}

static int behind_resume(struct dm_dirty_log *log)
{
	behind_enter();
	for (unsigned nr = 0; nr < REGIONS; nr++) {
		behind.dirty[nr] = behind.on_disk[nr];
		behind.in_sync[nr] = !behind.on_disk[nr];
	}
	behind_exit();
	return 0;
}

static uint32_t behind_get_region_size(struct dm_dirty_log *log)
{
	return 8;
}

static int behind_status(struct dm_dirty_log *log, status_type_t type, char *result,
			 unsigned maxlen)
{
	unsigned sz = 0;

	DMEMIT("disk 2 7:0 8 ");
	return (int)sz;
}

static struct dm_dirty_log_type behind_type = {
	.name = "disk",
	.resume = behind_resume,
	.get_region_size = behind_get_region_size,
	.in_sync = behind_in_sync,
	.flush = behind_flush,
	.mark_region = behind_mark,
	.clear_region = behind_clear,
	.get_resync_work = behind_get_resync_work,
	.set_region_sync = behind_set_region_sync,
	.get_sync_count = behind_get_sync_count,
	.status = behind_status,
};
static struct dm_dirty_log behind_log = {.type = &behind_type};

struct dm_dirty_log *dm_dirty_log_create(const char *type, struct dm_target *ti,
					 int (*flush_callback)(struct dm_target *), unsigned argc,
					 char **argv)
{
	return strcmp(type, "disk") == 0 ? &behind_log : NULL;
}

void dm_dirty_log_destroy(struct dm_dirty_log *log)
{
}

/* --- dm-raid1: the region hash, and kmirrord */

enum hash_state { NONE, CLEAN, WRITTEN, NOSYNC };

static struct dm_dirty_log front = {.type = &cached_type};
static pthread_mutex_t hash_lock = PTHREAD_MUTEX_INITIALIZER; /* all of this */
static struct {
	enum hash_state state[REGIONS];
	unsigned pending[REGIONS];
	unsigned in_flight[FLIGHT], flights; /* regions */
	unsigned failed[FLIGHT], fails;
	unsigned io; /* bios that have not ended */
	bool suspended, log_failure;
	unsigned long passes;
} ms;

static void lock_hash(void)
{
	pthread_mutex_lock(&hash_lock);
}
static void unlock_hash(void)
{
	pthread_mutex_unlock(&hash_lock);
}

static void end_bio(unsigned nr)
{
	ms.io--;
	if (--ms.pending[nr] == 0 && ms.state[nr] == WRITTEN)
		ms.state[nr] = CLEAN;
}

static void update_states(void)
{
	bool clean[REGIONS];

	lock_hash();
	for (unsigned nr = 0; nr < REGIONS; nr++) {
		clean[nr] = ms.state[nr] == CLEAN;
		if (clean[nr])
			ms.state[nr] = NONE;
	}
	unlock_hash();
	for (unsigned nr = 0; nr < REGIONS; nr++)
		if (clean[nr])
			front.type->clear_region(&front, nr);
	front.type->flush(&front);
}

static void note_sync(unsigned nr, bool in_sync)
{
	told_nosync[nr] = !in_sync;
	told_times[nr]++;
}

static void recover(void)
{
	region_t nr;
	bool quiesced;

	lock_hash();
	quiesced = !ms.suspended && !ms.log_failure;
	ms.io += quiesced;
	unlock_hash();
	if (!quiesced)
		return;
	if (front.type->get_resync_work(&front, &nr) > 0) {
		lock_hash();
		quiesced = ms.pending[nr] == 0 && (ms.state[nr] == NONE || ms.state[nr] == NOSYNC);
		unlock_hash();
		front.type->in_sync(&front, nr, 1); /* __rh_alloc() */
		if (quiesced) {
			differ[nr] = false;
			front.type->clear_region(&front, nr);
			note_sync(nr, true);
			front.type->set_region_sync(&front, nr, 1);
			lock_hash();
			ms.state[nr] = NONE;
			unlock_hash();
			front.type->flush(&front);
		}
	}
	lock_hash();
	ms.io--;
	unlock_hash();
}

static enum hash_state state_of(unsigned nr)
{
	enum hash_state state;

	lock_hash();
	state = ms.state[nr];
	unlock_hash();
	return state;
}

/* rh_inc(): the region is in the hash from here on. */
static void inc_pending(unsigned nr)
{
	bool mark;

	if (state_of(nr) == NONE) {
		bool in_sync = front.type->in_sync(&front, nr, 1) == 1;

		lock_hash();
		ms.state[nr] = in_sync ? CLEAN : NOSYNC;
		unlock_hash();
	}
	lock_hash();
	ms.pending[nr]++;
	mark = ms.state[nr] == CLEAN;
	if (mark)
		ms.state[nr] = WRITTEN;
	unlock_hash();
	fake_atomic_begin();
	if (mark)
		front.type->mark_region(&front, nr);
	fake_atomic_end();
}

static void submit(unsigned nr)
{
	lock_hash();
	if (ms.log_failure || ms.flights == FLIGHT) { /* held, or a queue that is full */
		end_bio(nr);
	} else if (ms.state[nr] == NOSYNC) {
		differ[nr] = true;
		must(behind.on_disk[nr]);
		end_bio(nr);
	} else {
		writing[nr]++;
		must(behind.on_disk[nr]);
		ms.in_flight[ms.flights++] = nr;
		writes++;
	}
	unlock_hash();
}

static void do_writes(const unsigned *batch, unsigned count)
{
	int r;

	for (unsigned i = 0; i < count; i++)
		if (state_of(batch[i]) == NONE)
			front.type->in_sync(&front, batch[i], 1);
	for (unsigned i = 0; i < count; i++)
		inc_pending(batch[i]);
	r = front.type->flush(&front);
	lock_hash();
	ms.log_failure = ms.log_failure || r;
	unlock_hash();
	for (unsigned i = 0; i < count; i++)
		submit(batch[i]);
}

static void do_failures(void)
{
	unsigned failed[FLIGHT], count;

	lock_hash();
	count = ms.fails;
	memcpy(failed, ms.failed, sizeof(failed));
	ms.fails = 0;
	unlock_hash();
	for (unsigned i = 0; i < count; i++) {
		front.type->set_region_sync(&front, failed[i], 0);
		note_sync(failed[i], false);
		lock_hash();
		ms.state[failed[i]] = NOSYNC;
		end_bio(failed[i]);
		failures++;
		unlock_hash();
	}
}

static void *kmirrord(void *unused)
{
	unsigned batch[BATCH], count;

	seed = 1;
	behind.kmirrord = pthread_self();
	while (!ends) {
		count = 0;
		lock_hash();
		if (!ms.suspended && !ms.log_failure)
			count = roll(BATCH + 1);
		ms.io += count;
		unlock_hash();
		/* Half of the writes go to a few regions. */
		for (unsigned i = 0; i < count; i++)
			batch[i] = roll(roll(2) ? REGIONS : 6);
		update_states();
		recover();
		do_writes(batch, count);
		do_failures();
		lock_hash();
		ms.passes++;
		unlock_hash();
		if (roll(8) == 0)
			usleep(roll(2000));
	}
	return NULL;
}

static void *legs(void *unused)
{
	seed = 2;
	while (!ends) {
		lock_hash();
		if (ms.flights > 0) {
			unsigned at = roll(ms.flights), nr = ms.in_flight[at];

			ms.in_flight[at] = ms.in_flight[--ms.flights];
			if (roll(500) == 0 && ms.fails < FLIGHT && !calm) {
				differ[nr] = true;
				ms.failed[ms.fails++] = nr;
				writing[nr]--;
			} else {
				writing[nr]--;
				end_bio(nr);
			}
		}
		unlock_hash();
		if (roll(4) == 0)
			usleep(roll(200));
	}
	return NULL;
}

/* --- others */

/* A bio that comes while the mirror is suspended waits for the resume. */
static bool begin_bio(void)
{
	bool begins;

	lock_hash();
	begins = !ms.suspended;
	ms.io += begins;
	unlock_hash();
	return begins;
}

static void *reader(void *unused)
{
	seed = 3;
	while (!ends) {
		unsigned nr = roll(REGIONS), times = told_times[nr];
		bool nosync = told_nosync[nr];
		int r;

		if (!begin_bio())
			continue;
		fake_atomic_begin();
		r = front.type->in_sync(&front, nr, 0);
		fake_atomic_end();
		must(!(r == 1 && nosync && told_times[nr] == times));
		lock_hash();
		ms.io--;
		unlock_hash();
	}
	return NULL;
}

static void *asker(void *unused)
{
	char line[200];

	seed = 4;
	while (!ends) {
		front.type->get_sync_count(&front);
		front.type->status(&front, STATUSTYPE_TABLE, line, sizeof(line));
		must(strcmp(line, "cached 7 clear_delay 2 max_lazy 8 disk 7:0 8 ") == 0);
		if (roll(50) == 0 && !calm)
			behind.fails = true;
		usleep(roll(1500));
	}
	return NULL;
}

static bool idle(void)
{
	bool none;

	lock_hash();
	none = ms.io == 0;
	unlock_hash();
	return none;
}

static unsigned long passes(void)
{
	unsigned long count;

	lock_hash();
	count = ms.passes;
	unlock_hash();
	return count;
}

/* As if another table had been there in the meantime: what it has written is clean again. */
static void forget_on_disk(void)
{
	for (unsigned nr = 0; nr < REGIONS; nr++)
		if (!differ[nr] && state_of(nr) != CLEAN && roll(2))
			behind.on_disk[nr] = false;
}

static void suspend_and_resume(void)
{
	unsigned long pass;

	lock_hash();
	ms.suspended = true;
	unlock_hash();
	for (pass = passes(); passes() < pass + 1;)
		usleep(50);
	while (!idle())
		usleep(50);
	front.type->postsuspend(&front);
	behind.quiet = true;
	if (roll(2)) {
		/* kmirrord's last pass has come; if not, it comes behind the resume. */
		for (pass = passes(); passes() < pass + 2;)
			usleep(50);
		forget_on_disk();
		usleep(roll(3000));
	}
	behind.quiet = false;
	front.type->resume(&front);
	for (unsigned nr = 0; nr < REGIONS; nr++)
		if (behind.in_sync[nr])
			note_sync(nr, true);
	lock_hash();
	for (unsigned nr = 0; nr < REGIONS;
	     nr++) /* a new table's hash; but for a pass that is late */
		if (ms.state[nr] == NOSYNC)
			ms.state[nr] = NONE;
	ms.suspended = ms.log_failure = false;
	suspends++;
	unlock_hash();
}

static void recover_all(void)
{
	calm = true;
	behind.fails = false;
	suspend_and_resume();
	for (unsigned tries = 0; front.type->get_sync_count(&front) < REGIONS; tries++) {
		must(tries < 100000);
		usleep(100);
	}
}

/* A leg that is dead: each region is handed out, and fails. */
static void take_no_memory_for_what_fails(void)
{
	unsigned handed = 0;
	region_t nr;

	for (unsigned i = 0; i < REGIONS; i++)
		behind.on_disk[i] = true;
	front.type->resume(&front);
	while (front.type->get_resync_work(&front, &nr)) {
		front.type->set_region_sync(&front, nr, 0);
		behind.in_sync[nr] = true; /* it is not handed out again */
		behind.on_disk[nr] = false;
		handed++;
	}
	must(handed == REGIONS);
	must(fake_allocated <= 1); /* what is put aside */
}

int main(int argc, char **argv)
{
	char *words[] = {"clear_delay", "2", "max_lazy", "8", "disk", "7:0", "8"};
	struct dm_target ti = {.len = REGIONS * 8};
	void *(*const threads[])(void *) = {kmirrord, legs, reader, asker};
	pthread_t thread[4];
	unsigned long end = fake_jiffies() + 1000 * (argc > 1 ? strtoul(argv[1], NULL, 10) : 5);

	seed = 5;
	behind.suspender = pthread_self();
	must(cached_init() == 0);
	must(cached_ctr(&front, &ti, 7, words) == 0);
	take_no_memory_for_what_fails();
	front.type->resume(&front);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, threads[i], NULL);
	while (fake_jiffies() < end) {
		usleep(5000 + roll(40000));
		suspend_and_resume();
	}
	recover_all();
	lock_hash();
	ms.suspended = true;
	unlock_hash();
	while (!idle())
		usleep(100);
	ends = true;
	for (unsigned i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	update_states();
	front.type->postsuspend(&front);
	/* No clear is lost, of what was written or recovered. */
	for (unsigned nr = 0; nr < REGIONS; nr++)
		must(!behind.in_sync[nr] || !behind.dirty[nr]);
	fake_work_end(&((struct cached_log *)front.context)->tell_work);
	front.type->dtr(&front);
	must(fake_allocated == 0);
	printf("%lu writes, %lu marks, %lu clears, %lu suspends, %lu failed writes, %lu failed "
	       "flushes\n",
	       writes, marks, clears, suspends, failures, flush_errors);
	cached_exit();
	return 0;
}
