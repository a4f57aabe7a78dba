// SPDX-License-Identifier: MIT OR GPL-2.0-or-later
/* What of a socket only the kernel's own structures know: options, state, error. */
#include <linux/capability.h>

#include <net/sock.h>
#include <net/tcp_states.h>

#include "inner.h"

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

bool v4v_c_may_bind_low(void)
{
	return capable(CAP_NET_BIND_SERVICE);
}
