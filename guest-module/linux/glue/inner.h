/* SPDX-License-Identifier: MIT OR GPL-2.0-or-later */
/* What the C files have among themselves. */
#ifndef V4V_INNER_H
#define V4V_INNER_H

#include <linux/net.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#include "glue.h"

struct v4v_sk {
	struct sock sk;
	void *rust;
	struct work_struct work;
	/* The last wait was a short one: park.c. */
	bool waits_short;
};

static inline struct v4v_sk *v4v_sk(const struct sock *sk)
{
	return container_of(sk, struct v4v_sk, sk);
}

static inline void *v4v_rust(const struct socket *sock)
{
	return v4v_sk(sock->sk)->rust;
}

/* module.c: what runs the sockets' work and the tick. */
extern struct workqueue_struct *v4v_queue;

/* module.c: the interrupt of VIRQ_ARGO. */
extern int v4v_virq;

/* park.c */
void v4v_unpark(void);

/* tick.c */
void v4v_tick_stop(void);

/* family.c */
extern int v4v_family;
/* Gives sock, which the kernel has just made, its inner half. */
int v4v_make(struct net *net, struct socket *sock, int type, int kern);
int v4v_release(struct socket *sock);
int v4v_family_start(void);
void v4v_family_stop(void);

/* ops.c */
extern struct proto_ops v4v_ops;

#endif
