/* SPDX-License-Identifier: MIT OR GPL-2.0-or-later */
/*
 * The border between the kernel's C and this module's Rust.
 *
 * v4v_c_*: what only C can do (macros, inline functions, the kernel's own structures), called by Rust (src/glue.rs).
 * v4v_rs_*: the module itself, called by C (src/ops.rs). Both return 0 or a negative errno unless they say otherwise.
 * Nothing that a v4v_rs_* function is given may be touched by it after it has returned, but the socket itself.
 */
#ifndef V4V_GLUE_H
#define V4V_GLUE_H

#include <linux/types.h>

struct iov_iter;
struct seq_file;
struct sock;

/* The address that users see; libv4vsock/src/kernel.rs has the same. */
struct sockaddr_v4v {
	u16 family;
	u16 pad;
	u32 port;
	u16 domain;
	u16 pad2;
};

/* xen_argo_iov_t. */
struct v4v_iov {
	u64 base;
	u32 len;
	u32 pad;
};

/* Module parameters that may change at run time. */
struct v4v_params {
	u32 ring_kib;
	u32 spin_us;
	u32 probe_ms;
	bool park;
};
extern struct v4v_params v4v_params;

/* What v4v_c_wake tells the socket's waiters. */
#define V4V_WAKE_READ	1u
#define V4V_WAKE_WRITE	2u
/* Run v4v_rs_work for the socket as well. */
#define V4V_WAKE_WORK	4u

/* Words that hold a struct wait_queue_entry on Rust's stack. */
#define V4V_WAIT_WORDS	8

/* Classes of locks, for lockdep; one may be taken inside those before it. */
#define V4V_LOCK_LIST	0
#define V4V_LOCK_STATE	1
#define V4V_LOCK_TX	2
#define V4V_LOCK_RX	3
#define V4V_LOCK_TABLE	4

/* memory, log */
void *v4v_c_alloc(size_t size, size_t align, bool zeroed);
void v4v_c_free(void *memory);
void v4v_c_log(u32 level, const u8 *text, size_t len);
void __noreturn v4v_c_bug(const u8 *text, size_t len);
u64 v4v_c_random(void);

/* locks: a mutex each, and the one spin lock of the ring table */
void *v4v_c_mutex_new(u32 class);
void v4v_c_mutex_free(void *mutex);
void v4v_c_mutex_lock(void *mutex);
void v4v_c_mutex_unlock(void *mutex);
unsigned long v4v_c_table_lock(void);
void v4v_c_table_unlock(unsigned long flags);

/* ring memory: whole zeroed pages, mapped in one piece */
void *v4v_c_pages_new(u32 count);
void v4v_c_pages_free(void *pages);
void *v4v_c_pages_address(void *pages);
void v4v_c_pages_gfns(void *pages, u64 *gfns);

/* Xen */
long v4v_c_argo(u32 op, u64 arg1, u64 arg2, u64 arg3, u64 arg4);
/* The same where the buffers may be the current process's. */
long v4v_c_argo_user(u32 op, u64 arg1, u64 arg2, u64 arg3, u64 arg4);
int v4v_c_domain_id(void);

/* a caller's buffers; Rust owns no part of an iov_iter */
/* Describes the next len bytes: the number of pieces, or -1 where they are not user memory or more than max pieces. */
int v4v_c_iter_pieces(const struct iov_iter *iter, u32 len, struct v4v_iov *out, u32 max);
void v4v_c_iter_advance(struct iov_iter *iter, size_t len);
void v4v_c_iter_rewind(struct iov_iter *iter, size_t len);
size_t v4v_c_iter_count(const struct iov_iter *iter);
bool v4v_c_iter_fault_in(const struct iov_iter *iter, size_t len);
bool v4v_c_iter_copy_from(void *to, size_t len, struct iov_iter *iter);
bool v4v_c_iter_copy_to(const void *from, size_t len, struct iov_iter *iter);

/* sockets and waiting */
void v4v_c_wake(struct sock *sk, u32 what);
void v4v_c_work(struct sock *sk);
void v4v_c_tick(u32 after_ms);
void v4v_c_wait_begin(struct sock *sk, void *entry);
void v4v_c_wait_end(struct sock *sk, void *entry);
/* Waits for at most timeout jiffies; returns what is left of it, and whether the vCPU waited inside Xen. */
long v4v_c_wait(struct sock *sk, void *entry, long timeout, bool *parked);
bool v4v_c_signal_pending(void);
int v4v_c_interrupted(long timeout);
long v4v_c_jiffies(u32 ms);
u64 v4v_c_clock_ns(void);
void v4v_c_relax(void);
bool v4v_c_need_resched(void);
long v4v_c_receive_timeout(struct sock *sk, bool nonblock);
long v4v_c_send_timeout(struct sock *sk, bool nonblock);
u32 v4v_c_low_water(struct sock *sk, bool all, u32 len);
u32 v4v_c_receive_buffer(struct sock *sk);
void v4v_c_set_send_buffer(struct sock *sk, u32 bytes);
bool v4v_c_lingers_not(struct sock *sk);
void v4v_c_set_state(struct sock *sk, bool listening, bool connected);
void v4v_c_set_error(struct sock *sk, int error);
int v4v_c_take_error(struct sock *sk);
bool v4v_c_has_error(struct sock *sk);
void v4v_c_sigpipe(void);
bool v4v_c_may_bind_low(void);
void v4v_c_seq_write(struct seq_file *m, const u8 *text, size_t len);

/* the module */
int v4v_rs_init(void);
/* After the event channel is bound. */
int v4v_rs_start(void);
void v4v_rs_exit(void);
void v4v_rs_irq(void);
void v4v_rs_tick(void);
void v4v_rs_resume(void);
void v4v_rs_show(struct seq_file *m);

/* one socket */
void *v4v_rs_new(struct sock *sk, u32 type);
void v4v_rs_release(void *socket);
void v4v_rs_free(void *socket);
void v4v_rs_work(void *socket);
int v4v_rs_bind(void *socket, u16 domain, u32 port);
int v4v_rs_connect(void *socket, u16 domain, u32 port, bool nonblock);
int v4v_rs_disconnect(void *socket);
int v4v_rs_pair(void *one, void *other);
int v4v_rs_listen(void *socket, int backlog);
int v4v_rs_accept(void *listener, void *socket, bool nonblock);
int v4v_rs_name(void *socket, bool peer, struct sockaddr_v4v *out);
u32 v4v_rs_poll(void *socket);
int v4v_rs_shutdown(void *socket, bool read, bool write);
long v4v_rs_available(void *socket);
long v4v_rs_queued(void *socket);
/* to: NULL for the peer. */
long v4v_rs_send(void *socket, struct iov_iter *from, const struct sockaddr_v4v *to, bool nonblock, bool nosignal);
/* A received message's particulars. */
struct v4v_received {
	struct sockaddr_v4v from;
	u32 full;
	bool has_from;
	bool end;
};
long v4v_rs_receive(void *socket, struct iov_iter *to, bool nonblock, bool peek, bool all, struct v4v_received *out);

#endif
