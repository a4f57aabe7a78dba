// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/*
 * Parking: a task that waits keeps its vCPU and lets that wait inside Xen (SCHEDOP_poll), where no other task wants it.
 *
 * Going to sleep by the scheduler and coming back costs two switches of tasks, an interrupt's frame and its return, and in
 * a PV guest each of them traps to Xen: half of what a short message costs. Unlike a spin this leaves the physical CPU to the
 * other domains. Only waits that will be short are worth it, so a socket parks only where its last wait was, and gives up soon.
 *
 * The task that parks holds back Xen's interrupt and does its work, for all sockets. One does at a time.
 */
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/tick.h>
#include <linux/wait.h>

#include <xen/events.h>

#include "inner.h"

/* A wait that began and ended within so many jiffies is a short one; a park lasts no longer. */
#define V4V_SHORT	1

/* The task that is parked. */
static struct task_struct *v4v_parked;

/*
 * Other events than ours end Xen's wait as well, at the latest the timer's next tick, which a running task has: so a reason
 * to leave that comes up between the look and the hypercall costs at most a tick.
 */
static bool v4v_may_stay(unsigned long since)
{
	return !need_resched() && !signal_pending(current) && single_task_running() && jiffies - since <= V4V_SHORT;
}

static bool v4v_woken(const struct wait_queue_entry *wait)
{
	return READ_ONCE(wait->flags) & WQ_FLAG_WOKEN;
}

static void v4v_stay(const struct wait_queue_entry *wait)
{
	unsigned long since = jiffies;

	while (!v4v_woken(wait) && v4v_may_stay(since)) {
		xen_poll_irq_timeout(v4v_virq, 0);
		/* First the event, then the look at what it is for: the next one is not lost. */
		xen_clear_irq_pending(v4v_virq);
		v4v_rs_irq();
	}
}

/* Waits for a wake-up, for a while that is short; whether it came. */
static bool v4v_park(struct wait_queue_entry *wait)
{
	/* There the locks that waking takes may sleep, which a task that keeps its vCPU may not. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return false;
	preempt_disable();
	/* A CPU without a tick might stay for ever. */
	if (tick_nohz_full_cpu(smp_processor_id()) || cmpxchg(&v4v_parked, NULL, current)) {
		preempt_enable();
		return false;
	}
	disable_irq_nosync(v4v_virq);
	v4v_stay(wait);
	WRITE_ONCE(v4v_parked, NULL);
	/* What came since the last look raises the interrupt now. */
	enable_irq(v4v_virq);
	preempt_enable();
	if (!v4v_woken(wait))
		return false;
	/* As wait_woken() does: what the waker wrote before is visible after this. */
	smp_store_mb(wait->flags, wait->flags & ~WQ_FLAG_WOKEN);
	return true;
}

/* Somebody has been woken: the parked task's vCPU may be asleep in Xen. Called with the RCU read lock held. */
void v4v_unpark(void)
{
	struct task_struct *task = READ_ONCE(v4v_parked);

	/* Freed after a grace period, so still there. */
	if (task && task != current)
		kick_process(task);
}

long v4v_c_wait(struct sock *sk, void *entry, long timeout, bool *parked)
{
	struct v4v_sk *v4v = v4v_sk(sk);
	unsigned long since = jiffies;

	*parked = READ_ONCE(v4v_params.park) && READ_ONCE(v4v->waits_short) && timeout > V4V_SHORT && v4v_park(entry);
	if (timeout != MAX_SCHEDULE_TIMEOUT)
		timeout -= min_t(unsigned long, timeout, jiffies - since);
	if (!*parked)
		timeout = wait_woken(entry, TASK_INTERRUPTIBLE, timeout);
	WRITE_ONCE(v4v->waits_short, jiffies - since <= V4V_SHORT);
	return timeout;
}
