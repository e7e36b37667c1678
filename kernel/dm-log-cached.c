// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A dirty log in front of another one.
 *
 * It remembers which regions are in sync, and does not tell at once which are
 * no longer written, so that the log behind it is asked nothing for a read or
 * for a write that returns to its region, and once for a write to another.
 *
 *	cached <argc> [clear_delay <ms>] [max_lazy <regions>] <type> <args>...
 *
 * README.md has who calls what from where, and why each step is safe.
 */

#include <linux/device-mapper.h>
#include <linux/dm-dirty-log.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#define DM_MSG_PREFIX "log-cached"

#define CLEAR_DELAY_DEFAULT	1000U
#define CLEAR_DELAY_MAX		3600000U
#define NO_REGION		(~(region_t)0)

#define MAX_LAZY_DEFAULT	1024U
#define MAX_LAZY_MAX		1048576U

enum region_state {
	REGION_MARKED,	/* about to be written; the next flush tells it */
	REGION_DIRTY,	/* being written */
	REGION_CLEARED,	/* no longer written; not told yet */
	REGION_STATES,
};

/* A region that is written, or has been a moment ago. */
struct cached_region {
	struct hlist_node hash;
	struct list_head list;		/* all in one state, oldest first */
	region_t nr;
	enum region_state state;
	/*
	 * The log behind has been told that it is dirty, a flush has made that
	 * durable, and it has been told nothing else since.
	 */
	bool durable;
	unsigned long cleared_at;	/* in jiffies */
};

struct cached_log {
	struct dm_dirty_log *behind;
	region_t regions;

	unsigned int clear_delay;	/* in ms */
	unsigned int max_lazy;		/* how many may be REGION_CLEARED */

	/*
	 * One at a time speaks to the log behind. All logs rely on that, since
	 * without this one only kmirrord would; questions that change nothing
	 * are asked without. Taken before lock.
	 */
	struct mutex talk;

	/*
	 * What is known in sync: everything, or the regions whose bit is set.
	 * Changed under talk, read by anyone in any context.
	 */
	bool all_in_sync;
	unsigned long *in_sync;
	bool count_due;		/* the next count may say: everything */
	region_t count;		/* what it has said, if less; 0: to be asked */
	region_t out_of_sync;	/* asked about last, and is not; or NO_REGION */
	bool recovers;		/* there was resync work the last time */

	/* What is written, or has been a moment ago. */
	spinlock_t lock;	/* of all up to the next blank line */
	struct hlist_head *hash;
	unsigned int hash_bits;
	struct list_head in_state[REGION_STATES];
	unsigned int cleared;	/* how many are REGION_CLEARED */
	bool holds;		/* clears may be held back: not suspended */
	bool failed;		/* a flush has failed since the last resume */

	/* kmirrord's alone. */
	struct cached_region *spare;
	bool lost_mark;

	bool flush_due;		/* the log behind has something to flush */
	struct delayed_work tell_work;
};

static struct kmem_cache *region_cache;
static struct workqueue_struct *cached_wq;

/*
 *---------------------------------------------------------------
 * Regions
 *---------------------------------------------------------------
 */
static struct hlist_head *bucket_of(struct cached_log *cl, region_t nr)
{
	return cl->hash + hash_64(nr, cl->hash_bits);
}

static struct cached_region *find_region(struct cached_log *cl, region_t nr)
	__must_hold(&cl->lock)
{
	struct cached_region *reg;

	lockdep_assert_held(&cl->lock);
	hlist_for_each_entry(reg, bucket_of(cl, nr), hash)
		if (reg->nr == nr)
			return reg;
	return NULL;
}

static void set_state(struct cached_log *cl, struct cached_region *reg,
		      enum region_state state)
	__must_hold(&cl->lock)
{
	lockdep_assert_held(&cl->lock);
	cl->cleared -= reg->state == REGION_CLEARED;
	cl->cleared += state == REGION_CLEARED;
	reg->state = state;
	list_move_tail(&reg->list, &cl->in_state[state]);
}

static void unlink_region(struct cached_log *cl, struct cached_region *reg)
	__must_hold(&cl->lock)
{
	lockdep_assert_held(&cl->lock);
	cl->cleared -= reg->state == REGION_CLEARED;
	hlist_del(&reg->hash);
	list_del(&reg->list);
}

/*
 * Memory for a region that is new to us, before locks are taken. We can do
 * without as little as dm-region-hash, which allocates its own record of the
 * region at this moment, and no less urgently.
 */
static void prepare_region(struct cached_log *cl)
{
	might_sleep();
	if (!cl->spare)
		cl->spare = kmem_cache_alloc(region_cache,
					     GFP_NOIO | __GFP_NOFAIL);
}

static struct cached_region *find_or_add_region(struct cached_log *cl,
						region_t nr)
	__must_hold(&cl->lock)
{
	struct cached_region *reg = find_region(cl, nr);

	if (reg)
		return reg;

	reg = cl->spare;
	cl->spare = NULL;
	if (!reg)
		reg = kmem_cache_alloc(region_cache, GFP_ATOMIC);
	if (!reg)
		return NULL;

	reg->nr = nr;
	reg->state = REGION_DIRTY;
	reg->durable = false;
	hlist_add_head(&reg->hash, bucket_of(cl, nr));
	list_add_tail(&reg->list, &cl->in_state[REGION_DIRTY]);
	return reg;
}

/* It is not in sync: no clear of it is to be told. */
static void keep_dirty(struct cached_log *cl, region_t nr)
{
	struct cached_region *reg;

	spin_lock(&cl->lock);
	reg = find_region(cl, nr);
	if (reg && reg->state == REGION_CLEARED)
		set_state(cl, reg, REGION_DIRTY);
	spin_unlock(&cl->lock);
}

/*
 * It was to be recovered, and could not be. Of a dead leg that is every region
 * that is out of sync, and none of them is written.
 */
static void drop_unrecovered(struct cached_log *cl, region_t nr)
{
	struct cached_region *reg;

	spin_lock(&cl->lock);
	reg = find_region(cl, nr);
	if (reg && (reg->state != REGION_DIRTY || reg->durable))
		reg = NULL;
	if (reg)
		unlink_region(cl, reg);
	spin_unlock(&cl->lock);
	if (reg)
		kmem_cache_free(region_cache, reg);
}

static void drop_all_regions(struct cached_log *cl)
{
	struct cached_region *reg, *next;
	LIST_HEAD(dropped);
	int state;

	spin_lock(&cl->lock);
	for (state = 0; state < REGION_STATES; state++)
		list_splice_init(&cl->in_state[state], &dropped);
	list_for_each_entry(reg, &dropped, list)
		hlist_del(&reg->hash);
	cl->cleared = 0;
	spin_unlock(&cl->lock);

	list_for_each_entry_safe(reg, next, &dropped, list)
		kmem_cache_free(region_cache, reg);
}

/*
 *---------------------------------------------------------------
 * What the log behind is told
 *---------------------------------------------------------------
 */

/*
 * What a failed flush has left there, nobody knows: until the next resume
 * every mark and every flush goes through, as if this log were not here.
 */
static int flush_behind(struct cached_log *cl)
{
	int r;

	lockdep_assert_held(&cl->talk);
	r = cl->behind->type->flush(cl->behind);
	if (r) {
		spin_lock(&cl->lock);
		cl->failed = true;
		spin_unlock(&cl->lock);
		WRITE_ONCE(cl->flush_due, true);
	}
	return r;
}

static int tell_marks(struct cached_log *cl)
{
	struct cached_region *reg, *next;
	LIST_HEAD(told);
	int r;

	lockdep_assert_held(&cl->talk);
	spin_lock(&cl->lock);
	list_splice_init(&cl->in_state[REGION_MARKED], &told);
	WRITE_ONCE(cl->flush_due, cl->failed);
	spin_unlock(&cl->lock);

	list_for_each_entry(reg, &told, list)
		cl->behind->type->mark_region(cl->behind, reg->nr);
	r = flush_behind(cl);

	spin_lock(&cl->lock);
	list_for_each_entry_safe(reg, next, &told, list) {
		reg->durable = !r;
		set_state(cl, reg, REGION_DIRTY);
	}
	spin_unlock(&cl->lock);
	return r;
}

/* The region that has been clear the longest, if that is as long as age. */
static struct cached_region *take_cleared(struct cached_log *cl,
					  unsigned int keep, unsigned long age)
{
	struct cached_region *reg = NULL;

	spin_lock(&cl->lock);
	if (cl->cleared > keep) {
		reg = list_first_entry(&cl->in_state[REGION_CLEARED],
				       struct cached_region, list);
		if (time_before(jiffies, reg->cleared_at + age))
			reg = NULL;
		else
			unlink_region(cl, reg);
	}
	spin_unlock(&cl->lock);
	return reg;
}

/* A mark of a region that is taken here is told behind its clear. */
static bool tell_clears(struct cached_log *cl, unsigned int keep,
			unsigned long age)
{
	struct cached_region *reg;
	bool told = false;

	lockdep_assert_held(&cl->talk);
	while ((reg = take_cleared(cl, keep, age))) {
		cl->behind->type->clear_region(cl->behind, reg->nr);
		kmem_cache_free(region_cache, reg);
		told = true;
	}
	return told;
}

static void tell_when_due(struct cached_log *cl)
	__must_hold(&cl->lock)
{
	struct cached_region *oldest;
	unsigned long due, now = jiffies;

	lockdep_assert_held(&cl->lock);
	oldest = list_first_entry_or_null(&cl->in_state[REGION_CLEARED],
					  struct cached_region, list);
	if (!oldest || !cl->holds)
		return;
	due = oldest->cleared_at + msecs_to_jiffies(cl->clear_delay);
	queue_delayed_work(cached_wq, &cl->tell_work,
			   time_after(due, now) ? due - now : 0);
}

static void tell_work(struct work_struct *work)
{
	struct cached_log *cl = container_of(to_delayed_work(work),
					     struct cached_log, tell_work);

	mutex_lock(&cl->talk);
	if (tell_clears(cl, 0, msecs_to_jiffies(cl->clear_delay)))
		flush_behind(cl);
	mutex_unlock(&cl->talk);

	spin_lock(&cl->lock);
	tell_when_due(cl);
	spin_unlock(&cl->lock);
}

/*
 * In dm-raid1, under a lock of the region hash: what is told, and may wait, is
 * left to the flush that follows.
 */
static void cached_mark_region(struct dm_dirty_log *log, region_t nr)
{
	struct cached_log *cl = log->context;
	struct cached_region *reg;

	spin_lock(&cl->lock);
	reg = find_or_add_region(cl, nr);
	if (!reg) {
		cl->lost_mark = true;
	} else if (reg->durable && !cl->failed) {
		set_state(cl, reg, REGION_DIRTY);
	} else {
		set_state(cl, reg, REGION_MARKED);
		WRITE_ONCE(cl->flush_due, true);
	}
	spin_unlock(&cl->lock);
}

/*
 * Of a region that has not been marked or recovered since the last resume, it
 * is kmirrord's last word from before. By what the log behind knows now, that
 * region may be out of sync, and then clear is what it must not be called.
 */
static void cached_clear_region(struct dm_dirty_log *log, region_t nr)
{
	struct cached_log *cl = log->context;
	struct cached_region *reg;
	unsigned int keep;
	bool full;

	might_sleep();
	spin_lock(&cl->lock);
	reg = find_region(cl, nr);
	if (reg) {
		reg->cleared_at = jiffies;
		set_state(cl, reg, REGION_CLEARED);
		tell_when_due(cl);
	}
	keep = cl->holds ? cl->max_lazy : 0;
	full = cl->cleared > keep;
	spin_unlock(&cl->lock);

	if (!full)
		return;
	mutex_lock(&cl->talk);
	if (tell_clears(cl, keep, 0))
		WRITE_ONCE(cl->flush_due, true);
	mutex_unlock(&cl->talk);
}

static int cached_flush(struct dm_dirty_log *log)
{
	struct cached_log *cl = log->context;
	int r;

	might_sleep();
	if (unlikely(cl->lost_mark)) {
		cl->lost_mark = false;
		DMERR("no memory to mark a region");
		return -ENOMEM;
	}
	if (!READ_ONCE(cl->flush_due))
		return 0;

	mutex_lock(&cl->talk);
	r = tell_marks(cl);
	mutex_unlock(&cl->talk);
	return r;
}

/*
 *---------------------------------------------------------------
 * What is in sync
 *---------------------------------------------------------------
 */
static bool known_in_sync(struct cached_log *cl, region_t nr)
{
	return READ_ONCE(cl->all_in_sync) ||
	       (nr < cl->regions && test_bit(nr, cl->in_sync));
}

static region_t learn_count(struct cached_log *cl)
{
	region_t count;

	lockdep_assert_held(&cl->talk);
	WRITE_ONCE(cl->count_due, false);
	count = cl->behind->type->get_sync_count(cl->behind);
	if (count == cl->regions)
		WRITE_ONCE(cl->all_in_sync, true);
	/* Nobody but us can change it. */
	cl->count = count < cl->regions ? count : 0;
	return count;
}

/*
 * dm-region-hash asks twice in a row about a region that is new to it, and
 * remembers itself what is out of sync.
 */
static int ask_in_sync(struct cached_log *cl, region_t nr)
{
	int r = cl->behind->type->in_sync(cl->behind, nr, 1);

	lockdep_assert_held(&cl->talk);
	cl->out_of_sync = r ? NO_REGION : nr;
	if (!r)
		keep_dirty(cl, nr);
	else if (r == 1 && nr < cl->regions)
		set_bit(nr, cl->in_sync);
	return r;
}

static int learn_in_sync(struct cached_log *cl, region_t nr)
{
	int r = 1;

	mutex_lock(&cl->talk);
	if (READ_ONCE(cl->count_due))
		learn_count(cl);
	if (!known_in_sync(cl, nr))
		r = cl->out_of_sync == nr ? 0 : ask_in_sync(cl, nr);
	mutex_unlock(&cl->talk);
	return r;
}

static int cached_in_sync(struct dm_dirty_log *log, region_t nr, int can_block)
{
	struct cached_log *cl = log->context;

	/* A mark may follow, which may not wait for memory. */
	if (can_block)
		prepare_region(cl);
	if (known_in_sync(cl, nr))
		return 1;
	if (!can_block)
		return cl->behind->type->in_sync(cl->behind, nr, 0);
	return learn_in_sync(cl, nr);
}

static void cached_set_region_sync(struct dm_dirty_log *log, region_t nr,
				   int in_sync)
{
	struct cached_log *cl = log->context;

	mutex_lock(&cl->talk);
	cl->count = 0;
	cl->out_of_sync = NO_REGION;
	if (!in_sync) {
		WRITE_ONCE(cl->all_in_sync, false);
		if (nr < cl->regions)
			clear_bit(nr, cl->in_sync);
		keep_dirty(cl, nr);
		drop_unrecovered(cl, nr);
	}
	cl->behind->type->set_region_sync(cl->behind, nr, in_sync);
	mutex_unlock(&cl->talk);
}

/* A clear will come when it has been recovered, and is believed then. */
static void expect_clear(struct cached_log *cl, region_t nr)
{
	spin_lock(&cl->lock);
	find_or_add_region(cl, nr);
	spin_unlock(&cl->lock);
	keep_dirty(cl, nr);
}

static int cached_get_resync_work(struct dm_dirty_log *log, region_t *nr)
{
	struct cached_log *cl = log->context;
	int r;

	/* Asked on each pass of kmirrord's. */
	if (READ_ONCE(cl->all_in_sync))
		return 0;

	prepare_region(cl);
	mutex_lock(&cl->talk);
	r = cl->behind->type->get_resync_work(cl->behind, nr);
	if (r > 0)
		expect_clear(cl, *nr);
	else if (r == 0 && cl->recovers)
		WRITE_ONCE(cl->count_due, true);
	cl->recovers = r > 0;
	mutex_unlock(&cl->talk);
	return r;
}

/*
 * kmirrord asks on each pass until all is in sync, and so twice for a write.
 * Also for the mirror's status, which must not wait behind a flush.
 */
static region_t cached_get_sync_count(struct dm_dirty_log *log)
{
	struct cached_log *cl = log->context;
	region_t count;

	if (mutex_trylock(&cl->talk)) {
		if (cl->count && !READ_ONCE(cl->count_due))
			count = cl->count;
		else
			count = learn_count(cl);
		mutex_unlock(&cl->talk);
	} else {
		count = cl->behind->type->get_sync_count(cl->behind);
		if (count == cl->regions)
			WRITE_ONCE(cl->count_due, true);
	}
	return count;
}

static int cached_is_clean(struct dm_dirty_log *log, region_t nr)
{
	struct cached_log *cl = log->context;

	return cl->behind->type->is_clean(cl->behind, nr);
}

static uint32_t cached_get_region_size(struct dm_dirty_log *log)
{
	struct cached_log *cl = log->context;

	return cl->behind->type->get_region_size(cl->behind);
}

/*
 *---------------------------------------------------------------
 * Suspend and resume
 *---------------------------------------------------------------
 */
static int cached_presuspend(struct dm_dirty_log *log)
{
	struct cached_log *cl = log->context;
	struct dm_dirty_log_type *type = cl->behind->type;

	return type->presuspend ? type->presuspend(cl->behind) : 0;
}

/*
 * The legs are quiet, but kmirrord may not yet have heard so: from here on it
 * tells each clear itself, and when this ends nobody else speaks to the log
 * behind, whose device may be another table's by then.
 */
static int cached_postsuspend(struct dm_dirty_log *log)
{
	struct cached_log *cl = log->context;
	struct dm_dirty_log_type *type = cl->behind->type;
	int flushed = 0, r = 0;

	spin_lock(&cl->lock);
	cl->holds = false;
	spin_unlock(&cl->lock);
	cancel_delayed_work_sync(&cl->tell_work);

	mutex_lock(&cl->talk);
	if (tell_clears(cl, 0, 0))
		flushed = flush_behind(cl);
	if (type->postsuspend)
		r = type->postsuspend(cl->behind);
	mutex_unlock(&cl->talk);
	return r ? r : flushed;
}

static void forget(struct cached_log *cl)
{
	lockdep_assert_held(&cl->talk);
	WRITE_ONCE(cl->all_in_sync, false);
	memset(cl->in_sync, 0, BITS_TO_LONGS(cl->regions) * sizeof(long));
	cl->recovers = false;
	cl->count = 0;
	cl->out_of_sync = NO_REGION;
	drop_all_regions(cl);
}

/*
 * The first flush goes through, since a log may have left that to it which it
 * could not write now.
 */
static int cached_resume(struct dm_dirty_log *log)
{
	struct cached_log *cl = log->context;
	struct dm_dirty_log_type *type = cl->behind->type;
	int r = 0;

	mutex_lock(&cl->talk);
	if (type->resume)
		r = type->resume(cl->behind);
	forget(cl);
	if (!r)
		learn_count(cl);
	spin_lock(&cl->lock);
	cl->failed = false;
	cl->holds = true;
	spin_unlock(&cl->lock);
	WRITE_ONCE(cl->flush_due, true);
	mutex_unlock(&cl->talk);
	return r;
}

/*
 *---------------------------------------------------------------
 * Status
 *---------------------------------------------------------------
 */

/*
 * The log behind says "<type> <argc> <args>... " as if a mirror had asked; in
 * our line there is one argc, and it counts all words.
 */
static int table_line(struct cached_log *cl, const char *name, char *line,
		      char *result, unsigned int maxlen)
{
	bool has_delay = cl->clear_delay != CLEAR_DELAY_DEFAULT;
	bool has_lazy = cl->max_lazy != MAX_LAZY_DEFAULT;
	unsigned int argc, sz = 0;
	char *type = strsep(&line, " ");
	char *count = strsep(&line, " ");

	if (!line || kstrtouint(count, 10, &argc))
		return 0;
	DMEMIT("%s %u ", name, 2 * has_delay + 2 * has_lazy + 1 + argc);
	if (has_delay)
		DMEMIT("clear_delay %u ", cl->clear_delay);
	if (has_lazy)
		DMEMIT("max_lazy %u ", cl->max_lazy);
	DMEMIT("%s %s", type, line);
	return sz;
}

static int cached_status(struct dm_dirty_log *log, status_type_t status,
			 char *result, unsigned int maxlen)
{
	struct cached_log *cl = log->context;
	struct dm_dirty_log_type *type = cl->behind->type;
	char *line;
	int sz;

	if (status != STATUSTYPE_TABLE)
		return type->status(cl->behind, status, result, maxlen);

	line = kvzalloc(maxlen + 1, GFP_NOIO);
	if (!line)
		return 0;
	type->status(cl->behind, status, line, maxlen);
	sz = table_line(cl, log->type->name, line, result, maxlen);
	kvfree(line);
	return sz;
}

/*
 *---------------------------------------------------------------
 * Constructor/destructor
 *---------------------------------------------------------------
 */
static int refuse(struct dm_target *ti, char *reason)
{
	/* dm-raid1 says less in its place. */
	DMERR("%s", reason);
	ti->error = reason;
	return -EINVAL;
}

/* Pairs of words, up to one that is none of ours: the type of the log behind. */
static int parse_options(struct cached_log *cl, struct dm_target *ti,
			 unsigned int argc, char **argv)
{
	unsigned int i;

	cl->clear_delay = CLEAR_DELAY_DEFAULT;
	cl->max_lazy = MAX_LAZY_DEFAULT;
	for (i = 0; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "clear_delay")) {
			if (kstrtouint(argv[i + 1], 10, &cl->clear_delay) ||
			    cl->clear_delay > CLEAR_DELAY_MAX)
				return refuse(ti, "Invalid clear_delay");
		} else if (!strcmp(argv[i], "max_lazy")) {
			if (kstrtouint(argv[i + 1], 10, &cl->max_lazy) ||
			    cl->max_lazy > MAX_LAZY_MAX)
				return refuse(ti, "Invalid max_lazy");
		} else {
			break;
		}
	}
	return i;
}

static bool is_clustered(const char *type)
{
	return !strncmp(type, "clustered", strlen("clustered"));
}

/*
 * What other hosts do to a log that they share is not known here, and regions
 * that are not told clear would be other hosts' to recover.
 */
static int check_behind(struct dm_target *ti, unsigned int argc, char **argv)
{
	unsigned int type = 2;	/* of userspace's, behind name and uuid */

	if (argc < 2)
		return refuse(ti, "No log behind the cached one");
	if (!strcmp(argv[0], "cached"))
		return refuse(ti, "A cached log behind a cached one");
	if (is_clustered(argv[0]))
		return refuse(ti, "Clustered logs cannot be cached");
	if (strcmp(argv[0], "userspace"))
		return 0;
	if (argc > type && !strcasecmp(argv[type], "integrated_flush"))
		type++;
	if (argc > type && is_clustered(argv[type]))
		return refuse(ti, "Clustered logs cannot be cached");
	return 0;
}

static int alloc_maps(struct cached_log *cl)
{
	unsigned int buckets = clamp(cl->max_lazy, 64U, 1U << 16);

	cl->hash_bits = order_base_2(buckets);
	cl->hash = kvcalloc(1U << cl->hash_bits, sizeof(*cl->hash), GFP_KERNEL);
	if (!cl->hash)
		return -ENOMEM;
	if (cl->regions <= LONG_MAX)
		cl->in_sync = vzalloc(array_size(BITS_TO_LONGS(cl->regions),
						 sizeof(long)));
	return cl->in_sync ? 0 : -ENOMEM;
}

static void free_cached_log(struct cached_log *cl)
{
	if (cl->behind)
		dm_dirty_log_destroy(cl->behind);
	if (cl->spare)
		kmem_cache_free(region_cache, cl->spare);
	vfree(cl->in_sync);
	kvfree(cl->hash);
	kfree(cl);
}

static struct cached_log *alloc_cached_log(void)
{
	struct cached_log *cl = kzalloc(sizeof(*cl), GFP_KERNEL);
	int state;

	if (!cl)
		return NULL;
	mutex_init(&cl->talk);
	spin_lock_init(&cl->lock);
	cl->out_of_sync = NO_REGION;
	for (state = 0; state < REGION_STATES; state++)
		INIT_LIST_HEAD(&cl->in_state[state]);
	INIT_DELAYED_WORK(&cl->tell_work, tell_work);
	return cl;
}

static int create_behind(struct cached_log *cl, struct dm_dirty_log *log,
			 struct dm_target *ti, unsigned int argc, char **argv)
{
	int r = check_behind(ti, argc, argv);

	if (r)
		return r;
	cl->behind = dm_dirty_log_create(argv[0], ti, log->flush_callback_fn,
					 argc - 1, argv + 1);
	if (!cl->behind)
		return refuse(ti, "Error creating the log behind");

	cl->regions = dm_sector_div_up(ti->len, cached_get_region_size(log));
	if (alloc_maps(cl)) {
		refuse(ti, "No memory for what is in sync");
		return -ENOMEM;
	}
	return 0;
}

static int cached_ctr(struct dm_dirty_log *log, struct dm_target *ti,
		      unsigned int argc, char **argv)
{
	struct cached_log *cl = alloc_cached_log();
	int r;

	if (!cl)
		return -ENOMEM;
	log->context = cl;
	r = parse_options(cl, ti, argc, argv);
	if (r >= 0)
		r = create_behind(cl, log, ti, argc - r, argv + r);
	if (r)
		free_cached_log(cl);
	return r;
}

/*
 * No clear is left to tell, or the mirror was never resumed. Nothing may be
 * told here: dm-raid1 has no client to flush the legs with any more.
 */
static void cached_dtr(struct dm_dirty_log *log)
{
	struct cached_log *cl = log->context;

	cancel_delayed_work_sync(&cl->tell_work);
	drop_all_regions(cl);
	free_cached_log(cl);
}

/* No is_remote_recovering: there is no other host, and dm-raid1 need not ask. */
static struct dm_dirty_log_type cached_type = {
	.name = "cached",
	.module = THIS_MODULE,
	.ctr = cached_ctr,
	.dtr = cached_dtr,
	.presuspend = cached_presuspend,
	.postsuspend = cached_postsuspend,
	.resume = cached_resume,
	.get_region_size = cached_get_region_size,
	.is_clean = cached_is_clean,
	.in_sync = cached_in_sync,
	.flush = cached_flush,
	.mark_region = cached_mark_region,
	.clear_region = cached_clear_region,
	.get_resync_work = cached_get_resync_work,
	.set_region_sync = cached_set_region_sync,
	.get_sync_count = cached_get_sync_count,
	.status = cached_status,
};

static int __init cached_init(void)
{
	int r = -ENOMEM;

	region_cache = KMEM_CACHE(cached_region, 0);
	if (!region_cache)
		return r;
	/* As kmirrord's: what it does may be what frees memory. */
	cached_wq = alloc_workqueue("dm-log-cached", WQ_MEM_RECLAIM, 0);
	if (!cached_wq)
		goto err_cache;
	r = dm_dirty_log_type_register(&cached_type);
	if (r)
		goto err_wq;
	return 0;

err_wq:
	destroy_workqueue(cached_wq);
err_cache:
	kmem_cache_destroy(region_cache);
	return r;
}

static void __exit cached_exit(void)
{
	dm_dirty_log_type_unregister(&cached_type);
	destroy_workqueue(cached_wq);
	kmem_cache_destroy(region_cache);
}

module_init(cached_init);
module_exit(cached_exit);

MODULE_DESCRIPTION(DM_NAME " dirty log in front of another");
MODULE_LICENSE("GPL");
