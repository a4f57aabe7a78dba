// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/*
 * AF_V4V for Linux: what only C can do. The module itself is Rust (src/).
 */
#define pr_fmt(fmt) "v4v: " fmt

#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/proc_fs.h>
#include <linux/random.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sockios.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include <xen/events.h>
#include <xen/interface/event_channel.h>
#include <xen/page.h>
#include <xen/xen-ops.h>
#include <xen/xen.h>
#include <asm/ioctls.h>
#include <asm/xen/hypercall.h>

#include "glue.h"

/* xen/include/public/xen.h; Linux has no names for them. */
#define V4V_ARGO_OP	39
#define V4V_VIRQ_ARGO	11

struct v4v_sk {
	struct sock sk;
	void *rust;
	struct work_struct work;
};

/* Slots of the family table that no kernel since 4.17 implements, whatever its configuration. */
static const int v4v_free_families[] = { AF_ASH, AF_ECONET, AF_SNA, AF_WANPIPE, AF_NETBEUI, AF_SECURITY };

static int family;
module_param(family, int, 0444);
MODULE_PARM_DESC(family, "Address family number; 0 takes a free one, which can then be read here");

struct v4v_params v4v_params = { .ring_kib = 256, .spin_us = 0, .probe_ms = 500 };
module_param_named(ring_kib, v4v_params.ring_kib, uint, 0644);
MODULE_PARM_DESC(ring_kib, "Ring of a new connection in KiB (4 to 16384), unless SO_RCVBUF says otherwise");
module_param_named(spin_us, v4v_params.spin_us, uint, 0644);
MODULE_PARM_DESC(spin_us, "Microseconds to look for data before sleeping (at most 200); 0 sleeps at once");
module_param_named(probe_ms, v4v_params.probe_ms, uint, 0644);
MODULE_PARM_DESC(probe_ms, "On a Xen without our extension: milliseconds between looks for peers that are gone");

static struct workqueue_struct *v4v_queue;
static DEFINE_SPINLOCK(v4v_table_lock);

static inline struct v4v_sk *v4v_sk(const struct sock *sk)
{
	return container_of(sk, struct v4v_sk, sk);
}

static inline void *v4v_rust(const struct socket *sock)
{
	return v4v_sk(sock->sk)->rust;
}

/* ---- memory and log ---- */

void *v4v_c_alloc(size_t size, size_t align, bool zeroed)
{
	gfp_t gfp = zeroed ? GFP_KERNEL | __GFP_ZERO : GFP_KERNEL;

	/* kmalloc aligns powers of two to their size, and everything to 8. */
	if (align > 8)
		size = roundup_pow_of_two(max(size, align));
	return kvmalloc(size, gfp);
}

void v4v_c_free(void *memory)
{
	kvfree(memory);
}

void v4v_c_log(u32 level, const u8 *text, size_t len)
{
	switch (level) {
	case 3:
		pr_err("%.*s\n", (int)len, text);
		break;
	case 4:
		/* Most of these a peer or a user can cause, as often as it likes. */
		pr_warn_ratelimited("%.*s\n", (int)len, text);
		break;
	default:
		pr_info("%.*s\n", (int)len, text);
	}
}

void v4v_c_bug(const u8 *text, size_t len)
{
	pr_emerg("%.*s\n", (int)len, text);
	BUG();
}

u64 v4v_c_random(void)
{
	return get_random_u64();
}

/* ---- locks ---- */

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

/* ---- ring memory ---- */

struct v4v_pages {
	void *address;
	u32 count;
	struct page *page[];
};

void v4v_c_pages_free(void *memory)
{
	struct v4v_pages *pages = memory;
	u32 i;

	if (pages->address && pages->count > 1)
		vunmap(pages->address);
	for (i = 0; i < pages->count && pages->page[i]; i++)
		__free_page(pages->page[i]);
	kvfree(pages);
}

void *v4v_c_pages_new(u32 count)
{
	struct v4v_pages *pages = kvzalloc(struct_size(pages, page, count), GFP_KERNEL_ACCOUNT);
	u32 i;

	if (!pages)
		return NULL;
	pages->count = count;
	for (i = 0; i < count; i++) {
		pages->page[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
		if (!pages->page[i])
			goto fail;
	}
	if (count == 1)
		pages->address = page_address(pages->page[0]);
	else
		pages->address = vmap(pages->page, count, VM_MAP, PAGE_KERNEL);
	if (pages->address)
		return pages;
fail:
	v4v_c_pages_free(pages);
	return NULL;
}

void *v4v_c_pages_address(void *pages)
{
	return ((struct v4v_pages *)pages)->address;
}

void v4v_c_pages_gfns(void *memory, u64 *gfns)
{
	struct v4v_pages *pages = memory;
	u32 i;

	for (i = 0; i < pages->count; i++)
		gfns[i] = pfn_to_gfn(page_to_pfn(pages->page[i]));
}

/* ---- Xen ---- */

long v4v_c_argo(u32 op, u64 arg1, u64 arg2, u64 arg3, u64 arg4)
{
	return xen_single_call(V4V_ARGO_OP, op, arg1, arg2, arg3, arg4);
}

long v4v_c_argo_user(u32 op, u64 arg1, u64 arg2, u64 arg3, u64 arg4)
{
	return privcmd_call(V4V_ARGO_OP, op, arg1, arg2, arg3, arg4);
}

/*
 * Xen tells no guest its own id, but it writes the id down where the guest asks for an event channel to itself. Unlike
 * xenstore's word this is there in every guest, before and without any toolstack.
 */
int v4v_c_domain_id(void)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_status status = { .dom = DOMID_SELF };
	struct evtchn_close close;
	int err;

	err = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);
	if (err)
		return err;
	status.port = alloc.port;
	err = HYPERVISOR_event_channel_op(EVTCHNOP_status, &status);
	close.port = alloc.port;
	(void)HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
	if (err)
		return err;
	return status.status == EVTCHNSTAT_unbound ? status.u.unbound.dom : -EPROTO;
}

/* ---- a caller's buffers ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define iter_iov(iter)	((iter)->iov)
#endif

int v4v_c_iter_pieces(const struct iov_iter *iter, u32 len, struct v4v_iov *out, u32 max)
{
	const struct iovec *iov;
	size_t skip = iter->iov_offset;
	u32 n = 0;

	if (!len)
		return 0;
	if (iter_is_ubuf(iter)) {
		out[0] = (struct v4v_iov){ .base = (u64)iter->ubuf + skip, .len = len };
		return 1;
	}
	if (!iter_is_iovec(iter))
		return -1;
	for (iov = iter_iov(iter); len; iov++, skip = 0) {
		u32 part = min_t(size_t, iov->iov_len - skip, len);

		if (!part)
			continue;
		if (n == max)
			return -1;
		out[n++] = (struct v4v_iov){ .base = (u64)iov->iov_base + skip, .len = part };
		len -= part;
	}
	return n;
}

void v4v_c_iter_advance(struct iov_iter *iter, size_t len)
{
	iov_iter_advance(iter, len);
}

void v4v_c_iter_rewind(struct iov_iter *iter, size_t len)
{
	iov_iter_revert(iter, len);
}

size_t v4v_c_iter_count(const struct iov_iter *iter)
{
	return iov_iter_count(iter);
}

bool v4v_c_iter_fault_in(const struct iov_iter *iter, size_t len)
{
	return !fault_in_iov_iter_readable(iter, len);
}

bool v4v_c_iter_copy_from(void *to, size_t len, struct iov_iter *iter)
{
	return copy_from_iter_full(to, len, iter);
}

/*
 * copy_to_iter() would look up the ring's mapping in the kernel's tree at each call. The caller has checked the range
 * against the ring's length.
 */
bool v4v_c_iter_copy_to(const void *from, size_t len, struct iov_iter *iter)
{
	return _copy_to_iter(from, len, iter) == len;
}

/* ---- waiting and waking ---- */

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

long v4v_c_wait(void *entry, long timeout)
{
	return wait_woken(entry, TASK_INTERRUPTIBLE, timeout);
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

long v4v_c_receive_timeout(struct sock *sk, bool nonblock)
{
	return sock_rcvtimeo(sk, nonblock);
}

long v4v_c_send_timeout(struct sock *sk, bool nonblock)
{
	return sock_sndtimeo(sk, nonblock);
}

u32 v4v_c_low_water(struct sock *sk, bool all, u32 len)
{
	return sock_rcvlowat(sk, all, min_t(u32, len, INT_MAX));
}

u32 v4v_c_receive_buffer(struct sock *sk)
{
	return READ_ONCE(sk->sk_rcvbuf);
}

void v4v_c_set_send_buffer(struct sock *sk, u32 bytes)
{
	WRITE_ONCE(sk->sk_sndbuf, bytes);
}

bool v4v_c_lingers_not(struct sock *sk)
{
	return sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime;
}

void v4v_c_set_state(struct sock *sk, bool listening, bool connected)
{
	/* SO_ACCEPTCONN and the tools know TCP's numbers. */
	WRITE_ONCE(sk->sk_state, listening ? TCP_LISTEN : connected ? TCP_ESTABLISHED : TCP_CLOSE);
}

void v4v_c_set_error(struct sock *sk, int error)
{
	WRITE_ONCE(sk->sk_err, error);
}

int v4v_c_take_error(struct sock *sk)
{
	return -sock_error(sk);
}

bool v4v_c_has_error(struct sock *sk)
{
	return READ_ONCE(sk->sk_err) != 0;
}

void v4v_c_sigpipe(void)
{
	send_sig(SIGPIPE, current, 0);
}

bool v4v_c_may_bind_low(void)
{
	return capable(CAP_NET_BIND_SERVICE);
}

void v4v_c_seq_write(struct seq_file *m, const u8 *text, size_t len)
{
	seq_write(m, text, len);
}

static void v4v_work(struct work_struct *work)
{
	struct v4v_sk *vsk = container_of(work, struct v4v_sk, work);

	v4v_rs_work(vsk->rust);
}

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

static irqreturn_t v4v_irq(int irq, void *dev)
{
	v4v_rs_irq();
	return IRQ_HANDLED;
}

/* ---- the socket family's table ---- */

static struct proto v4v_proto = {
	.name = "V4V",
	.owner = THIS_MODULE,
	.obj_size = sizeof(struct v4v_sk),
};

static struct proto_ops v4v_table;

static int v4v_make(struct net *net, struct socket *sock, int type, int kern)
{
	struct sock *sk = sk_alloc(net, family, GFP_KERNEL, &v4v_proto, kern);
	struct v4v_sk *vsk;

	if (!sk)
		return -ENOMEM;
	sock->ops = &v4v_table;
	sock_init_data(sock, sk);
	vsk = v4v_sk(sk);
	INIT_WORK(&vsk->work, v4v_work);
	WRITE_ONCE(sk->sk_rcvbuf, clamp_t(u32, READ_ONCE(v4v_params.ring_kib), 4, 16384) << 10);
	WRITE_ONCE(sk->sk_state, TCP_CLOSE);
	vsk->rust = v4v_rs_new(sk, type);
	if (vsk->rust)
		return 0;
	sock_orphan(sk);
	sock->sk = NULL;
	sock_put(sk);
	return -ENOMEM;
}

static int v4v_create(struct net *net, struct socket *sock, int protocol, int kern)
{
	/* A guest has one table of rings, and every ring is the whole guest's. */
	if (!net_eq(net, &init_net))
		return -EAFNOSUPPORT;
	if (protocol && protocol != family)
		return -EPROTONOSUPPORT;
	switch (sock->type) {
	case SOCK_STREAM:
	case SOCK_DGRAM:
	case SOCK_SEQPACKET:
		sock->state = SS_UNCONNECTED;
		return v4v_make(net, sock, sock->type, kern);
	default:
		return -ESOCKTNOSUPPORT;
	}
}

static int v4v_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct v4v_sk *vsk;

	if (!sk)
		return 0;
	vsk = v4v_sk(sk);
	/* Afterwards no ring leads to this socket, so no interrupt queues its work again. */
	v4v_rs_release(vsk->rust);
	cancel_work_sync(&vsk->work);
	v4v_rs_free(vsk->rust);
	sock_orphan(sk);
	sock->sk = NULL;
	sock_put(sk);
	return 0;
}

static int v4v_address(const struct sockaddr *from, int len, struct sockaddr_v4v *out)
{
	if (len < (int)sizeof(*out))
		return -EINVAL;
	memcpy(out, from, sizeof(*out));
	return out->family == family ? 0 : -EAFNOSUPPORT;
}

static int v4v_bind(struct socket *sock, struct sockaddr *addr, int len)
{
	struct sockaddr_v4v to;
	int err = v4v_address(addr, len, &to);

	return err ?: v4v_rs_bind(v4v_rust(sock), to.domain, to.port);
}

static int v4v_connect(struct socket *sock, struct sockaddr *addr, int len, int flags)
{
	struct sockaddr_v4v to;
	int err;

	if (len >= (int)sizeof(addr->sa_family) && addr->sa_family == AF_UNSPEC)
		return v4v_rs_disconnect(v4v_rust(sock));
	err = v4v_address(addr, len, &to);
	if (err)
		return err;
	return v4v_rs_connect(v4v_rust(sock), to.domain, to.port, flags & O_NONBLOCK);
}

static int v4v_socketpair(struct socket *one, struct socket *other)
{
	return v4v_rs_pair(v4v_rust(one), v4v_rust(other));
}

static int v4v_accept_one(struct socket *sock, struct socket *newsock, bool nonblock, bool kern)
{
	int err = v4v_make(sock_net(sock->sk), newsock, sock->type, kern);

	if (err)
		return err;
	WRITE_ONCE(newsock->sk->sk_rcvbuf, READ_ONCE(sock->sk->sk_rcvbuf));
	/* On an error the caller releases newsock, and that this one. */
	err = v4v_rs_accept(v4v_rust(sock), v4v_rust(newsock), nonblock);
	if (!err)
		newsock->state = SS_CONNECTED;
	return err;
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
static int v4v_accept(struct socket *sock, struct socket *newsock, int flags, bool kern)
{
	return v4v_accept_one(sock, newsock, flags & O_NONBLOCK, kern);
}
#else
static int v4v_accept(struct socket *sock, struct socket *newsock, struct proto_accept_arg *arg)
{
	return v4v_accept_one(sock, newsock, arg->flags & O_NONBLOCK, arg->kern);
}
#endif

static void v4v_put_address(void *to, const struct sockaddr_v4v *from)
{
	struct sockaddr_v4v name = *from;

	name.family = family;
	memcpy(to, &name, sizeof(name));
}

static int v4v_getname(struct socket *sock, struct sockaddr *addr, int peer)
{
	struct sockaddr_v4v name = { };
	int err = v4v_rs_name(v4v_rust(sock), peer, &name);

	if (err)
		return err;
	v4v_put_address(addr, &name);
	return sizeof(name);
}

static __poll_t v4v_poll(struct file *file, struct socket *sock, struct poll_table_struct *wait)
{
	u32 bits;
	__poll_t mask;

	sock_poll_wait(file, sock, wait);
	bits = v4v_rs_poll(v4v_rust(sock));
	mask = (__force __poll_t)bits;
	if (bits & POLLIN)
		mask |= EPOLLRDNORM;
	if (bits & POLLOUT)
		mask |= EPOLLWRNORM | EPOLLWRBAND;
	if (READ_ONCE(sock->sk->sk_err))
		mask |= EPOLLERR;
	return mask;
}

static int v4v_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	long bytes;

	switch (cmd) {
	case SIOCINQ:
		bytes = v4v_rs_available(v4v_rust(sock));
		break;
	case SIOCOUTQ:
		bytes = v4v_rs_queued(v4v_rust(sock));
		break;
	default:
		return -ENOIOCTLCMD;
	}
	return bytes < 0 ? bytes : put_user((int)bytes, (int __user *)arg);
}

#ifdef CONFIG_COMPAT
static int v4v_compat_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	return v4v_ioctl(sock, cmd, (unsigned long)compat_ptr(arg));
}
#endif

static int v4v_listen(struct socket *sock, int backlog)
{
	return v4v_rs_listen(v4v_rust(sock), backlog);
}

static int v4v_shutdown(struct socket *sock, int how)
{
	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	return v4v_rs_shutdown(v4v_rust(sock), how != SHUT_WR, how != SHUT_RD);
}

static int v4v_setsockopt(struct socket *sock, int level, int name, sockptr_t value, unsigned int len)
{
	return -ENOPROTOOPT;
}

static int v4v_getsockopt(struct socket *sock, int level, int name, char __user *value, int __user *len)
{
	return -ENOPROTOOPT;
}

static int v4v_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sockaddr_v4v to;
	int err;

	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (msg->msg_namelen) {
		err = v4v_address(msg->msg_name, msg->msg_namelen, &to);
		if (err)
			return err;
	}
	return v4v_rs_send(v4v_rust(sock), &msg->msg_iter, msg->msg_namelen ? &to : NULL,
			   msg->msg_flags & MSG_DONTWAIT, msg->msg_flags & MSG_NOSIGNAL);
}

static int v4v_recvmsg(struct socket *sock, struct msghdr *msg, size_t len, int flags)
{
	struct v4v_received got = { };
	long n;

	if (flags & (MSG_OOB | MSG_ERRQUEUE))
		return -EOPNOTSUPP;
	n = v4v_rs_receive(v4v_rust(sock), &msg->msg_iter, flags & MSG_DONTWAIT, flags & MSG_PEEK,
			   flags & MSG_WAITALL, &got);
	if (n < 0)
		return n;
	if (msg->msg_name && got.has_from) {
		v4v_put_address(msg->msg_name, &got.from);
		msg->msg_namelen = sizeof(struct sockaddr_v4v);
	}
	if (got.end && sock->type == SOCK_SEQPACKET)
		msg->msg_flags |= MSG_EOR;
	if (got.end && got.full > n) {
		msg->msg_flags |= MSG_TRUNC;
		if (flags & MSG_TRUNC)
			return got.full;
	}
	return n;
}

/* `family` is chosen at load time, so the table is completed then. */
static struct proto_ops v4v_table __ro_after_init = {
	.owner = THIS_MODULE,
	.release = v4v_release,
	.bind = v4v_bind,
	.connect = v4v_connect,
	.socketpair = v4v_socketpair,
	.accept = v4v_accept,
	.getname = v4v_getname,
	.poll = v4v_poll,
	.ioctl = v4v_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = v4v_compat_ioctl,
#endif
	.gettstamp = sock_gettstamp,
	.listen = v4v_listen,
	.shutdown = v4v_shutdown,
	.setsockopt = v4v_setsockopt,
	.getsockopt = v4v_getsockopt,
	.sendmsg = v4v_sendmsg,
	.recvmsg = v4v_recvmsg,
	.mmap = sock_no_mmap,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	.sendpage = sock_no_sendpage,
#endif
};

static struct net_proto_family v4v_family __ro_after_init = {
	.create = v4v_create,
	.owner = THIS_MODULE,
};

static int v4v_take_family(int number)
{
	v4v_table.family = number;
	v4v_family.family = number;
	return sock_register(&v4v_family);
}

static int __init v4v_register_family(void)
{
	size_t i;
	int err;

	if (family) {
		err = v4v_take_family(family);
		if (err)
			pr_err("address family %d cannot be had (error %d): it is in use or not below %d; family=0 takes a free one\n",
			       family, err, AF_MAX);
		return err;
	}
	for (i = 0; i < ARRAY_SIZE(v4v_free_families); i++) {
		family = v4v_free_families[i];
		err = v4v_take_family(family);
		if (err != -EEXIST)
			break;
	}
	if (err) {
		pr_err("no free address family (error %d): load with family=N for an N that nobody uses\n", err);
		family = 0;
	}
	return err;
}

/* ---- /proc/net/v4v, suspend ---- */

static int v4v_show(struct seq_file *m, void *unused)
{
	v4v_rs_show(m);
	return 0;
}

static void v4v_resume_work(struct work_struct *work)
{
	v4v_rs_resume();
}

static DECLARE_WORK(v4v_resume, v4v_resume_work);

/* Called before the devices are back, so the work is done when everything is. */
static int v4v_resumed(struct notifier_block *block, unsigned long action, void *data)
{
	queue_work(v4v_queue, &v4v_resume);
	return NOTIFY_OK;
}

static struct notifier_block v4v_resume_notifier = { .notifier_call = v4v_resumed };

/* ---- the module ---- */

static int v4v_virq = -1;

static int __init v4v_init(void)
{
	int err;

	BUILD_BUG_ON(sizeof(struct sockaddr_v4v) != 12);
	if (!xen_domain()) {
		pr_err("this machine is no Xen guest: nothing to talk to\n");
		return -ENODEV;
	}
	v4v_queue = alloc_workqueue("v4v", WQ_HIGHPRI | WQ_UNBOUND, 0);
	if (!v4v_queue)
		return -ENOMEM;
	err = v4v_rs_init();
	if (err)
		goto no_rust;
	v4v_virq = bind_virq_to_irqhandler(V4V_VIRQ_ARGO, 0, v4v_irq, 0, "v4v", &v4v_family);
	if (v4v_virq < 0) {
		err = v4v_virq;
		pr_err("cannot bind VIRQ %d (error %d): has another Argo driver been loaded?\n", V4V_VIRQ_ARGO, err);
		goto no_virq;
	}
	err = v4v_rs_start();
	if (err)
		goto no_start;
	err = proto_register(&v4v_proto, 0);
	if (err)
		goto no_start;
	err = -ENOMEM;
	if (!proc_create_single("v4v", 0444, init_net.proc_net, v4v_show))
		goto no_proc;
	err = v4v_register_family();
	if (err)
		goto no_family;
	xen_resume_notifier_register(&v4v_resume_notifier);
	return 0;

no_family:
	remove_proc_entry("v4v", init_net.proc_net);
no_proc:
	proto_unregister(&v4v_proto);
no_start:
	unbind_from_irqhandler(v4v_virq, &v4v_family);
no_virq:
	cancel_delayed_work_sync(&v4v_tick);
	v4v_rs_exit();
no_rust:
	destroy_workqueue(v4v_queue);
	return err;
}

/* The sockets hold the module, so there are none any more. */
static void __exit v4v_exit(void)
{
	xen_resume_notifier_unregister(&v4v_resume_notifier);
	sock_unregister(family);
	remove_proc_entry("v4v", init_net.proc_net);
	cancel_work_sync(&v4v_resume);
	proto_unregister(&v4v_proto);
	unbind_from_irqhandler(v4v_virq, &v4v_family);
	cancel_delayed_work_sync(&v4v_tick);
	v4v_rs_exit();
	destroy_workqueue(v4v_queue);
}

module_init(v4v_init);
module_exit(v4v_exit);
MODULE_DESCRIPTION("AF_V4V: sockets between the domains of one Xen host");
MODULE_AUTHOR("The V4VSockets project");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION("0.1.0");
