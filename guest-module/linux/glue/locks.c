// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/* Mutexes, one for each value that Rust guards, and the one spin lock of the ring table. */
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "glue.h"

static DEFINE_SPINLOCK(v4v_table_lock);

void *v4v_c_mutex_new(u32 class)
{
	static struct lock_class_key keys[V4V_LOCK_TABLE + 1];
	struct mutex *mutex = kmalloc(sizeof(*mutex), GFP_KERNEL);

	if (mutex)
		__mutex_init(mutex, "v4v", &keys[min_t(u32, class, V4V_LOCK_TABLE)]);
	return mutex;
}

void v4v_c_mutex_free(void *mutex)
{
	mutex_destroy(mutex);
	kfree(mutex);
}

void v4v_c_mutex_lock(void *mutex)
{
	mutex_lock(mutex);
}

void v4v_c_mutex_unlock(void *mutex)
{
	mutex_unlock(mutex);
}

unsigned long v4v_c_table_lock(void)
{
	unsigned long flags;

	spin_lock_irqsave(&v4v_table_lock, flags);
	return flags;
}

void v4v_c_table_unlock(unsigned long flags)
{
	spin_unlock_irqrestore(&v4v_table_lock, flags);
}
