/* SPDX-License-Identifier: MIT OR GPL-2.0-or-later */
/*
 * Sockets between the virtual machines (domains) of one Xen host.
 *
 * A socket of this library is a descriptor: read, write, send, recv, poll, epoll, dup, fork, exec, sendfile and close work as on any
 * other. Where the guest's kernel has AF_V4V, it is a socket of that family; elsewhere a Unix stream socket that the daemon v4vd has
 * connected ("hosted": a domain is then a process, or several, with the name in the environment variable V4V_DOMAIN).
 *
 * A call that fails returns -1 (v4v_format: NULL) and sets errno; v4v_strerror() then has a sentence that says why. All functions may
 * be called by several threads at once, and in a child after fork. See v4vsock(3).
 */
#ifndef V4VSOCK_H
#define V4VSOCK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The address of a socket: a domain of this host and a port. */
struct sockaddr_v4v {
	sa_family_t sv_family;	/* v4v_family(), or AF_UNSPEC */
	uint16_t sv_pad;	/* 0 */
	uint32_t sv_port;	/* 1 to V4V_PORT_MAX, in the machine's byte order; 0: none, or a free one */
	uint16_t sv_domain;	/* the domain's id, or V4V_DOMAIN_ANY */
	uint16_t sv_pad2;	/* 0 */
};

/* Every domain: the local address of a listener on the kernel's AF_V4V, before it is bound. */
#define V4V_DOMAIN_ANY 0x7ff4
/* The greatest port of a socket. */
#define V4V_PORT_MAX 0x7fffffffu
/* Bytes for an address as text, its zero included. */
#define V4V_ADDRSTRLEN 18
/* Bytes for a domain's name, its zero included. */
#define V4V_DOMAINSTRLEN 64

/* What v4v_backend returns. */
#define V4V_BACKEND_KERNEL 1	/* the guest kernel's AF_V4V */
#define V4V_BACKEND_HOSTED 2	/* v4vd */

/*
 * What carries this process's sockets, V4V_BACKEND_KERNEL or V4V_BACKEND_HOSTED. Chosen at the first use; the environment variable
 * V4V_BACKEND (kernel, hosted, auto) overrides. -1, EAFNOSUPPORT: V4V_BACKEND=kernel, and the kernel has no AF_V4V.
 */
int v4v_backend(void);

/*
 * The number of the kernel's family AF_V4V, for socket(2): with it, SOCK_STREAM, SOCK_SEQPACKET and SOCK_DGRAM are to be had. 0
 * (AF_UNSPEC) where sockets are hosted: there only the functions below make them.
 */
int v4v_family(void);

/* The id of this domain. -1, with the errno of connect(2): v4vd cannot be reached. */
int v4v_getdomid(void);

/*
 * Reads an address: "3:5001", "gpu:5001" with a domain's name, which is looked up, "any:5001". 0, or -1. EINVAL: the text is no
 * address. ENOENT: no domain has this name.
 */
int v4v_parse(const char *text, struct sockaddr_v4v *addr);

/*
 * Writes an address as "3:5001" to buffer, for which V4V_ADDRSTRLEN bytes suffice; returns buffer. NULL, ENOSPC: it does not fit.
 */
char *v4v_format(const struct sockaddr_v4v *addr, char *buffer, size_t size);

/* The id of a domain by its name, or by its number as text. -1, ENOENT: there is none. */
int v4v_domain_by_name(const char *name);

/*
 * Writes the name of a domain to buffer, for which V4V_DOMAINSTRLEN bytes suffice. 0, or -1. ENOENT: it has no name, or there is no such
 * domain. ENOSPC: the name does not fit.
 */
int v4v_domain_name(uint16_t domain, char *buffer, size_t size);

/*
 * Connects a stream to an address; returns its descriptor. flags: SOCK_NONBLOCK, SOCK_CLOEXEC, as in socket(2). errno is 0
 * afterwards, or EINPROGRESS where a non-blocking socket's connection is still on its way (kernel only): then poll it for writing
 * and ask for SO_ERROR.
 *
 * -1. ECONNREFUSED: nobody listens there, or (hosted) only with a ring socket of the Rust library. EHOSTUNREACH: there is no such
 * domain (kernel: ECONNREFUSED). ENETUNREACH: there is no v4vd. EACCES: the policy forbids it. EAGAIN: the listener's backlog is full
 * (non-blocking, hosted). ETIMEDOUT: the same, for two minutes. EINVAL: a port that no socket has, or other flags.
 */
int v4v_connect(const struct sockaddr_v4v *to, int flags);

/* The same with the address as text, and also the errors of v4v_parse. */
int v4v_connect_text(const char *to, int flags);

/*
 * Listens on a port of this domain for streams (0: on a free one, which v4v_getsockname tells); returns a descriptor that polls readable
 * while connections wait. flags as above. The port is free again when the last copy of the descriptor is closed.
 *
 * -1. EADDRINUSE. EACCES: a port below 1024 without the privilege. EPERM: the policy lets nobody listen. ENOSPC: the domain's quota.
 * ENETDOWN: there is no v4vd.
 */
int v4v_listen(uint32_t port, int backlog, int flags);

/*
 * Takes the next connection from a listener; returns its descriptor. The caller's address is written to peer, unless that is NULL. flags
 * as above; whether the call waits is the listener's matter. Unlike accept4(2), it never returns a hosted connection that v4vd has not
 * made.
 *
 * -1. EAGAIN: the listener is non-blocking, and nobody waits. ECONNABORTED: try again. EINVAL: this is no V4V socket that listens.
 */
int v4v_accept(int listener, struct sockaddr_v4v *peer, int flags);

/*
 * The own address of a V4V socket, the address of the other end. The kernel is asked alone, so they are right in any process that has
 * the descriptor. 0, or -1. EAFNOSUPPORT: this is no V4V socket, or (hosted) its caller was not connected by v4vd. ENOTCONN.
 */
int v4v_getsockname(int socket, struct sockaddr_v4v *addr);
int v4v_getpeername(int socket, struct sockaddr_v4v *addr);

/*
 * Why the last call of this thread that failed did so: a sentence in English, in UTF-8, without a newline. It stays until the next call
 * that fails; never NULL.
 */
const char *v4v_strerror(void);

#ifdef __cplusplus
}
#endif

#endif
