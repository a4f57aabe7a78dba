// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/* System calls on a socket. */
#include <linux/compat.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/sockios.h>
#include <linux/version.h>

#include <net/sock.h>

#include <asm/ioctls.h>

#include "inner.h"

static int v4v_address(const struct sockaddr *from, int len, struct sockaddr_v4v *out)
{
	if (len < (int)sizeof(*out))
		return -EINVAL;
	memcpy(out, from, sizeof(*out));
	return out->family == v4v_family ? 0 : -EAFNOSUPPORT;
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

	name.family = v4v_family;
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

/* The family is chosen at load time, so the table is completed then. */
struct proto_ops v4v_ops __ro_after_init = {
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
