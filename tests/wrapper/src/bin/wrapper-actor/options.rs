//! Options that are set and asked for.

use libc::{IPPROTO_IP, IPPROTO_TCP, SOL_SOCKET, c_int};

/// Level and name.
pub(crate) const OPTIONS: [(c_int, c_int); 22] = [
    (IPPROTO_TCP, libc::TCP_NODELAY),
    (IPPROTO_TCP, libc::TCP_CORK),
    (IPPROTO_TCP, libc::TCP_KEEPIDLE),
    (IPPROTO_TCP, libc::TCP_KEEPINTVL),
    (IPPROTO_TCP, libc::TCP_KEEPCNT),
    (IPPROTO_TCP, libc::TCP_LINGER2),
    (IPPROTO_TCP, libc::TCP_DEFER_ACCEPT),
    (IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT),
    (IPPROTO_TCP, 999),
    (IPPROTO_IP, libc::IP_TOS),
    (IPPROTO_IP, libc::IP_TTL),
    (IPPROTO_IP, libc::IP_RECVERR),
    (SOL_SOCKET, libc::SO_KEEPALIVE),
    (SOL_SOCKET, libc::SO_REUSEADDR),
    (SOL_SOCKET, libc::SO_BROADCAST),
    (SOL_SOCKET, libc::SO_OOBINLINE),
    (SOL_SOCKET, libc::SO_ERROR),
    (SOL_SOCKET, libc::SO_TYPE),
    (SOL_SOCKET, libc::SO_DOMAIN),
    (SOL_SOCKET, libc::SO_PROTOCOL),
    (SOL_SOCKET, libc::SO_ACCEPTCONN),
    (SOL_SOCKET, 9999),
];
