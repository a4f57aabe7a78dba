// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/* The address family: its number, and sockets that are made and go. */
#define pr_fmt(fmt) "v4v: " fmt

#include <linux/module.h>
#include <linux/net.h>
#include <linux/workqueue.h>

#include <net/net_namespace.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "inner.h"

/* Slots of the family table that no kernel since 4.17 implements, whatever its configuration. */
static const int v4v_free_families[] = { AF_ASH, AF_ECONET, AF_SNA, AF_WANPIPE, AF_NETBEUI, AF_SECURITY };

int v4v_family;
module_param_named(family, v4v_family, int, 0444);
MODULE_PARM_DESC(family, "Address family number; 0 takes a free one, which can then be read here");

static void v4v_work(struct work_struct *work)
{
	struct v4v_sk *vsk = container_of(work, struct v4v_sk, work);

	v4v_rs_work(vsk->rust);
}

static struct proto v4v_proto = {
	.name = "V4V",
	.owner = THIS_MODULE,
	.obj_size = sizeof(struct v4v_sk),
};

int v4v_make(struct net *net, struct socket *sock, int type, int kern)
{
	struct sock *sk = sk_alloc(net, v4v_family, GFP_KERNEL, &v4v_proto, kern);
	struct v4v_sk *vsk;

	if (!sk)
		return -ENOMEM;
	sock->ops = &v4v_ops;
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
	if (protocol && protocol != v4v_family)
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

int v4v_release(struct socket *sock)
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

static struct net_proto_family v4v_creator __ro_after_init = {
	.create = v4v_create,
	.owner = THIS_MODULE,
};

static int v4v_take_family(int number)
{
	/* sock_register() trusts that no number is negative. */
	if (number < 0 || number >= AF_MAX)
		return -EINVAL;
	v4v_ops.family = number;
	v4v_creator.family = number;
	return sock_register(&v4v_creator);
}

static int __init v4v_register_family(void)
{
	size_t i;
	int err;

	if (v4v_family) {
		err = v4v_take_family(v4v_family);
		if (err)
			pr_err("address family %d cannot be had (error %d): it is in use or not one of 1 to %d; family=0 takes a free one\n",
			       v4v_family, err, AF_MAX - 1);
		return err;
	}
	for (i = 0; i < ARRAY_SIZE(v4v_free_families); i++) {
		v4v_family = v4v_free_families[i];
		err = v4v_take_family(v4v_family);
		if (err != -EEXIST)
			break;
	}
	if (err) {
		pr_err("no free address family (error %d): load with family=N for an N that nobody uses\n", err);
		v4v_family = 0;
	}
	return err;
}

int __init v4v_family_start(void)
{
	int err = proto_register(&v4v_proto, 0);

	if (err)
		return err;
	/* The last step: from now on there may be sockets. */
	err = v4v_register_family();
	if (err)
		proto_unregister(&v4v_proto);
	return err;
}

void v4v_family_stop(void)
{
	sock_unregister(v4v_family);
	proto_unregister(&v4v_proto);
}
