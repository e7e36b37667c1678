/* SPDX-License-Identifier: GPL-2.0-or-later */
/* As much of the kernel, in threads of a program, as kernel/dm-log-cached.c needs. A delayed_work has a
 * thread of its own from its first use on; jiffies are milliseconds.
 */
#ifndef TESTS_FRONT_FAKE_KERNEL_H
#define TESTS_FRONT_FAKE_KERNEL_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define __must_hold(lock)
#define __init __attribute__((unused))
#define __exit __attribute__((unused))
#define THIS_MODULE NULL
#define MODULE_DESCRIPTION(text)
#define MODULE_LICENSE(text)
#define module_init(function)
#define module_exit(function)
#define DM_NAME "device-mapper"
#define DMERR(...) fake_message(__VA_ARGS__)
#define unlikely(x) (x)
#define lockdep_assert_held(lock) fake_assert_held(lock)
#define might_sleep() fake_might_sleep()

#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, value) __atomic_store_n(&(x), value, __ATOMIC_RELAXED)
#define container_of(at, type, member) ((type *)((char *)(at)-offsetof(type, member)))
#define BITS_TO_LONGS(bits) (((bits) + 63) / 64)
#define array_size(count, size) ((size_t)(count) * (size))
#define clamp(value, low, high) ((value) < (low) ? (low) : (value) > (high) ? (high) : (value))
#define dm_sector_div_up(n, size) (((n) + (size)-1) / (size))
#define DMEMIT(...) (sz += sz >= maxlen ? 0 : fake_scnprintf(result + sz, maxlen - sz, __VA_ARGS__))

/* --- memory --- */

#define GFP_KERNEL 0
#define GFP_NOIO 0
#define GFP_ATOMIC 1
#define __GFP_NOFAIL 0

struct kmem_cache {
	size_t size;
};

extern bool fake_no_atomic_memory; /* GFP_ATOMIC finds none */
extern long fake_allocated; /* objects of caches */

void fake_message(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Returns what has found room. */
unsigned fake_scnprintf(char *text, size_t room, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void *kmem_cache_alloc(struct kmem_cache *cache, int flags);
void kmem_cache_free(struct kmem_cache *cache, void *object);
#define KMEM_CACHE(type, flags) fake_cache(sizeof(struct type))
struct kmem_cache *fake_cache(size_t size);
#define kmem_cache_destroy(cache) free(cache)
#define kzalloc(size, flags) calloc(1, size)
#define kvzalloc(size, flags) calloc(1, size)
#define vzalloc(size) calloc(1, size)
#define kvcalloc(count, size, flags) calloc(count, size)
#define kfree(at) free(at)
#define vfree(at) free(at)
#define kvfree(at) free(at)

/* --- words and numbers --- */

static inline int kstrtouint(const char *word, unsigned base, unsigned *value)
{
	char *end;
	unsigned long long number;

	errno = 0;
	word += *word == '+';
	number = strtoull(word, &end, (int)base);
	if (word[0] < '0' || word[0] > '9' || *end || errno || number > UINT_MAX)
		return -EINVAL;
	*value = (unsigned)number;
	return 0;
}

static inline unsigned order_base_2(unsigned value)
{
	return value > 1 ? 32 - (unsigned)__builtin_clz(value - 1) : 0;
}

static inline unsigned hash_64(uint64_t value, unsigned bits)
{
	return (unsigned)((value * 0x61C8864680B583EBull) >> (64 - bits));
}

/* --- bits that all may see --- */

static inline bool test_bit(uint64_t bit, const unsigned long *map)
{
	return __atomic_load_n(&map[bit / 64], __ATOMIC_RELAXED) >> (bit % 64) & 1;
}
static inline void set_bit(uint64_t bit, unsigned long *map)
{
	__atomic_fetch_or(&map[bit / 64], 1ul << (bit % 64), __ATOMIC_RELAXED);
}
static inline void clear_bit(uint64_t bit, unsigned long *map)
{
	__atomic_fetch_and(&map[bit / 64], ~(1ul << (bit % 64)), __ATOMIC_RELAXED);
}

/* --- lists --- */

struct list_head {
	struct list_head *next, *prev;
};
struct hlist_head {
	struct hlist_node *first;
};
struct hlist_node {
	struct hlist_node *next, **pprev;
};

#define LIST_HEAD(name) struct list_head name = {&name, &name}
#define list_entry(at, type, member) container_of(at, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_first_entry_or_null(head, type, member) \
	((head)->next == (head) ? NULL : list_first_entry(head, type, member))
#define list_for_each_entry(at, head, member)                                             \
	for (at = list_first_entry(head, __typeof__(*at), member); &at->member != (head); \
	     at = list_entry(at->member.next, __typeof__(*at), member))
#define list_for_each_entry_safe(at, ahead, head, member)                 \
	for (at = list_first_entry(head, __typeof__(*at), member),        \
	    ahead = list_entry(at->member.next, __typeof__(*at), member); \
	     &at->member != (head);                                       \
	     at = ahead, ahead = list_entry(at->member.next, __typeof__(*at), member))
#define hlist_for_each_entry(at, head, member)                                               \
	for (struct hlist_node *fake_node = (head)->first;                                   \
	     fake_node && ((at) = container_of(fake_node, __typeof__(*(at)), member), true); \
	     fake_node = fake_node->next)

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list->prev = list;
}
static inline void list_del(struct list_head *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
}
static inline void list_add_tail(struct list_head *entry, struct list_head *head)
{
	entry->prev = head->prev;
	entry->next = head;
	head->prev->next = entry;
	head->prev = entry;
}
static inline void list_move_tail(struct list_head *entry, struct list_head *head)
{
	list_del(entry);
	list_add_tail(entry, head);
}
static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	if (list->next == list)
		return;
	list->next->prev = head;
	list->prev->next = head->next;
	head->next->prev = list->prev;
	head->next = list->next;
	INIT_LIST_HEAD(list);
}
static inline void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
	node->next = head->first;
	if (head->first)
		head->first->pprev = &node->next;
	head->first = node;
	node->pprev = &head->first;
}
static inline void hlist_del(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
}

/* --- locks --- */

struct mutex {
	pthread_mutex_t lock;
	pthread_t holder;
	bool held;
};
typedef struct mutex spinlock_t;

void fake_might_sleep(void); /* no spinlock is held by this thread */
void fake_atomic_begin(
	void); /* this thread may not sleep: an interrupt, or a lock not shown here */
void fake_atomic_end(void);
void spin_lock_init(spinlock_t *lock);
void spin_lock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);
void mutex_init(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
bool mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
void fake_assert_held(struct mutex *mutex);

/* --- time and work --- */

#define jiffies fake_jiffies()
#define msecs_to_jiffies(ms) ((unsigned long)(ms))
#define time_before(a, b) ((long)((a) - (b)) < 0)
#define time_after(a, b) time_before(b, a)
#define WQ_MEM_RECLAIM 0

struct work_struct {
	void (*function)(struct work_struct *work);
};
struct delayed_work {
	struct work_struct work;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool started, queued, runs, ends;
	unsigned long due;
};
struct workqueue_struct {
	char unused;
};

unsigned long fake_jiffies(void);
#define to_delayed_work(at) container_of(at, struct delayed_work, work)
#define INIT_DELAYED_WORK(at, does) fake_work_init(at, does)
#define alloc_workqueue(name, flags, most) calloc(1, sizeof(struct workqueue_struct))
#define destroy_workqueue(queue) free(queue)
void fake_work_init(struct delayed_work *work, void (*function)(struct work_struct *work));
void fake_work_end(struct delayed_work *work); /* its thread */
bool queue_delayed_work(struct workqueue_struct *queue, struct delayed_work *work,
			unsigned long delay);
bool cancel_delayed_work_sync(struct delayed_work *work);

/* --- device-mapper --- */

typedef uint64_t region_t;
typedef enum { STATUSTYPE_INFO, STATUSTYPE_TABLE, STATUSTYPE_IMA } status_type_t;

struct dm_target {
	uint64_t len;
	char *error;
};

struct dm_dirty_log_type;
struct dm_dirty_log {
	struct dm_dirty_log_type *type;
	int (*flush_callback_fn)(struct dm_target *ti);
	void *context;
};

struct dm_dirty_log_type {
	const char *name;
	void *module;
	int (*ctr)(struct dm_dirty_log *log, struct dm_target *ti, unsigned argc, char **argv);
	void (*dtr)(struct dm_dirty_log *log);
	int (*presuspend)(struct dm_dirty_log *log);
	int (*postsuspend)(struct dm_dirty_log *log);
	int (*resume)(struct dm_dirty_log *log);
	uint32_t (*get_region_size)(struct dm_dirty_log *log);
	int (*is_clean)(struct dm_dirty_log *log, region_t region);
	int (*in_sync)(struct dm_dirty_log *log, region_t region, int can_block);
	int (*flush)(struct dm_dirty_log *log);
	void (*mark_region)(struct dm_dirty_log *log, region_t region);
	void (*clear_region)(struct dm_dirty_log *log, region_t region);
	int (*get_resync_work)(struct dm_dirty_log *log, region_t *region);
	void (*set_region_sync)(struct dm_dirty_log *log, region_t region, int in_sync);
	region_t (*get_sync_count)(struct dm_dirty_log *log);
	int (*status)(struct dm_dirty_log *log, status_type_t type, char *result, unsigned maxlen);
};

static inline int dm_dirty_log_type_register(struct dm_dirty_log_type *type)
{
	return 0;
}
static inline int dm_dirty_log_type_unregister(struct dm_dirty_log_type *type)
{
	return 0;
}
struct dm_dirty_log *dm_dirty_log_create(const char *type, struct dm_target *ti,
					 int (*flush_callback)(struct dm_target *), unsigned argc,
					 char **argv);
void dm_dirty_log_destroy(struct dm_dirty_log *log);

#endif
