// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/* The module's tick: work that is due after a while, on the module's queue. */
#include <linux/jiffies.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "inner.h"

static void v4v_tick_work(struct work_struct *work)
{
	v4v_rs_tick();
}

static DECLARE_DELAYED_WORK(v4v_tick, v4v_tick_work);
static DEFINE_SPINLOCK(v4v_tick_lock);
/* When the pending tick is due, in jiffies. */
static unsigned long v4v_tick_due;

/* A tick that is due sooner stays: whoever asks again and again would push it away for ever. */
void v4v_c_tick(u32 after_ms)
{
	unsigned long after = msecs_to_jiffies(after_ms);
	unsigned long flags, due;

	spin_lock_irqsave(&v4v_tick_lock, flags);
	due = jiffies + after;
	if (!delayed_work_pending(&v4v_tick) || time_before(due, v4v_tick_due)) {
		v4v_tick_due = due;
		mod_delayed_work(v4v_queue, &v4v_tick, after);
	}
	spin_unlock_irqrestore(&v4v_tick_lock, flags);
}

void v4v_tick_stop(void)
{
	cancel_delayed_work_sync(&v4v_tick);
}
