// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/* Sleeping on a socket, waking those that do, and time. */
#include <linux/poll.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include <net/sock.h>

#include "inner.h"

void v4v_c_work(struct sock *sk)
{
	queue_work(v4v_queue, &v4v_sk(sk)->work);
}

void v4v_c_wake(struct sock *sk, u32 what)
{
	struct socket_wq *wq;
	__poll_t mask = EPOLLERR | EPOLLHUP | EPOLLRDHUP;

	if (what & V4V_WAKE_READ)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (what & V4V_WAKE_WRITE)
		mask |= EPOLLOUT | EPOLLWRNORM;
	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_poll(&wq->wait, mask);
	v4v_unpark();
	if (what & V4V_WAKE_READ)
		sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_IN);
	if (what & V4V_WAKE_WRITE)
		sk_wake_async(sk, SOCK_WAKE_SPACE, POLL_OUT);
	rcu_read_unlock();
	if (what & V4V_WAKE_WORK)
		v4v_c_work(sk);
}

void v4v_c_wait_begin(struct sock *sk, void *entry)
{
	struct wait_queue_entry *wait = entry;

	BUILD_BUG_ON(sizeof(*wait) > V4V_WAIT_WORDS * sizeof(u64));
	init_waitqueue_func_entry(wait, woken_wake_function);
	wait->private = current;
	add_wait_queue(sk_sleep(sk), wait);
}

void v4v_c_wait_end(struct sock *sk, void *entry)
{
	remove_wait_queue(sk_sleep(sk), entry);
}

bool v4v_c_signal_pending(void)
{
	return signal_pending(current);
}

int v4v_c_interrupted(long timeout)
{
	return sock_intr_errno(timeout);
}

long v4v_c_jiffies(u32 ms)
{
	return msecs_to_jiffies(ms);
}

u64 v4v_c_clock_ns(void)
{
	return local_clock();
}

void v4v_c_relax(void)
{
	cpu_relax();
}

bool v4v_c_need_resched(void)
{
	return need_resched();
}

void v4v_c_sigpipe(void)
{
	send_sig(SIGPIPE, current, 0);
}
