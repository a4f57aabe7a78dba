//! TCP's and IP's options on a V4V socket: what TCP would answer, as far as it means something.
//!
//! Values that programs set and may ask for again are kept in the socket's [`Notes`]; others have TCP's first value, and setting them is
//! accepted and has no effect, since there is no segment, no retransmission and no route that they could change.

use crate::errno;
use crate::notes::{self, Field, Notes};
use libc::{
    EFAULT, EINVAL, ENOPROTOOPT, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, SOL_SOCKET, c_int, c_void, socklen_t,
};
use std::ptr;

/// IP's and IPv6's options that the C library's crate does not name (linux/in.h, linux/in6.h).
const IP_OPTIONS: c_int = 4;

/// What an option is here.
#[derive(Clone, Copy)]
enum Kind {
    /// On or off, kept.
    Switch(Field),
    /// On unless the note says otherwise.
    Inverted(Field),
    /// A number from 1 to the last, kept; the first value where there is no note.
    Number { field: Field, first: c_int, last: c_int },
    /// Any number of a byte, kept.
    Byte(Field),
    /// A value that setting does not change, and the range that may be set.
    Fixed { value: c_int, least: c_int, most: c_int },
    /// A value of no bytes.
    Empty,
    /// The congestion control's name.
    Congestion,
    /// The beginning of `struct tcp_info`.
    Info,
}

const fn any(value: c_int) -> Kind {
    Kind::Fixed {
        value,
        least: c_int::MIN,
        most: c_int::MAX,
    }
}

const fn within(value: c_int, least: c_int, most: c_int) -> Kind {
    Kind::Fixed { value, least, most }
}

/// The longest segment that TCP has over the loopback interface.
const SEGMENT: c_int = 65_483;

fn kind(level: c_int, name: c_int, is_v6: bool) -> Option<Kind> {
    match level {
        IPPROTO_TCP => tcp(name),
        IPPROTO_IP => ip(name),
        IPPROTO_IPV6 if is_v6 => ipv6(name),
        _ => None,
    }
}

fn tcp(name: c_int) -> Option<Kind> {
    let number = |field, first, last| Kind::Number { field, first, last };
    Some(match name {
        libc::TCP_NODELAY => Kind::Switch(notes::NODELAY),
        libc::TCP_CORK => Kind::Switch(notes::CORK),
        libc::TCP_QUICKACK => Kind::Inverted(notes::NO_QUICKACK),
        libc::TCP_KEEPIDLE => number(notes::KEEPIDLE, 7200, 32_767),
        libc::TCP_KEEPINTVL => number(notes::KEEPINTVL, 75, 32_767),
        libc::TCP_KEEPCNT => number(notes::KEEPCNT, 9, 127),
        libc::TCP_MAXSEG => within(SEGMENT, 0, 32_767),
        libc::TCP_SYNCNT => within(6, 1, 127),
        libc::TCP_LINGER2 => any(60),
        libc::TCP_DEFER_ACCEPT | libc::TCP_NOTSENT_LOWAT | libc::TCP_WINDOW_CLAMP => any(0),
        libc::TCP_USER_TIMEOUT => within(0, 0, c_int::MAX),
        libc::TCP_FASTOPEN | libc::TCP_THIN_LINEAR_TIMEOUTS | libc::TCP_THIN_DUPACK => any(0),
        libc::TCP_FASTOPEN_CONNECT => within(0, 0, 1),
        libc::TCP_CONGESTION => Kind::Congestion,
        libc::TCP_INFO => Kind::Info,
        _ => return None,
    })
}

fn ip(name: c_int) -> Option<Kind> {
    Some(match name {
        libc::IP_TOS => Kind::Byte(notes::TOS),
        libc::IP_TTL => within(64, -1, 255),
        libc::IP_MTU_DISCOVER => within(1, 0, 5),
        libc::IP_RECVERR | libc::IP_FREEBIND | libc::IP_BIND_ADDRESS_NO_PORT | libc::IP_TRANSPARENT => any(0),
        libc::IP_PKTINFO | libc::IP_RECVTTL | libc::IP_RECVTOS => any(0),
        IP_OPTIONS => Kind::Empty,
        _ => return None,
    })
}

fn ipv6(name: c_int) -> Option<Kind> {
    Some(match name {
        libc::IPV6_V6ONLY | libc::IPV6_TCLASS | libc::IPV6_RECVERR | libc::IPV6_RECVPKTINFO => any(0),
        libc::IPV6_UNICAST_HOPS => within(64, -1, 255),
        libc::IPV6_MTU_DISCOVER => within(1, 0, 5),
        _ => return None,
    })
}

/// Reads an option of a V4V socket. As the C library's function.
///
/// # Safety
/// As the C library's.
pub(crate) unsafe fn get(
    notes: Notes,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    let Some(kind) = kind(level, name, notes.is_v6()) else {
        return errno::fail(ENOPROTOOPT);
    };
    if len.is_null() {
        return errno::fail(EFAULT);
    }
    let info;
    let number;
    let bytes: &[u8] = match kind {
        Kind::Empty => &[],
        // As the kernel gives it: 16 bytes, zeros behind the name.
        Kind::Congestion => b"v4v\0\0\0\0\0\0\0\0\0\0\0\0\0",
        Kind::Info => {
            info = tcp_info();
            &info
        }
        kind => {
            number = number_of(kind, notes).to_ne_bytes();
            &number
        }
    };
    // SAFETY: the caller's promise, and no more is copied than either side holds.
    unsafe {
        if (*len).cast_signed() < 0 {
            return errno::fail(EINVAL);
        }
        let room = bytes.len().min(*len as usize);
        if room > 0 && value.is_null() {
            return errno::fail(EFAULT);
        }
        if room > 0 {
            ptr::copy_nonoverlapping(bytes.as_ptr(), value.cast(), room);
        }
        *len = room as socklen_t;
    }
    0
}

fn number_of(kind: Kind, notes: Notes) -> c_int {
    match kind {
        Kind::Switch(field) | Kind::Byte(field) => notes.get(field) as c_int,
        Kind::Inverted(field) => c_int::from(notes.get(field) == 0),
        Kind::Number { field, first, .. } => match notes.get(field) {
            0 => first,
            set => set as c_int,
        },
        Kind::Fixed { value, .. } => value,
        Kind::Empty | Kind::Congestion | Kind::Info => 0,
    }
}

/// Bytes of `struct tcp_info` up to `tcpi_total_retrans`, which is what old programs know.
const INFO_LEN: usize = 104;

/// What is true of the connection: it is established, nothing was ever lost, and segments are as long as they can be. All else is 0.
fn tcp_info() -> [u8; INFO_LEN] {
    /// TCP_ESTABLISHED.
    const ESTABLISHED: u8 = 1;
    /// Where `tcpi_snd_mss` and `tcpi_rcv_mss` are.
    const SEND_SEGMENT: usize = 16;
    const RECEIVE_SEGMENT: usize = 20;
    let mut info = [0; INFO_LEN];
    info[0] = ESTABLISHED;
    info[SEND_SEGMENT..SEND_SEGMENT + 4].copy_from_slice(&SEGMENT.to_ne_bytes());
    info[RECEIVE_SEGMENT..RECEIVE_SEGMENT + 4].copy_from_slice(&SEGMENT.to_ne_bytes());
    info
}

/// Sets an option of a V4V socket. As the C library's function.
///
/// # Safety
/// As the C library's.
pub(crate) unsafe fn set(
    fd: c_int,
    notes: Notes,
    level: c_int,
    name: c_int,
    value: *const c_void,
    len: socklen_t,
) -> c_int {
    let Some(kind) = kind(level, name, notes.is_v6()) else {
        return errno::fail(ENOPROTOOPT);
    };
    if matches!(kind, Kind::Empty | Kind::Congestion) {
        return 0;
    }
    // SAFETY: the caller's promise.
    let number = match unsafe { number_given(level, value, len) } {
        Ok(number) => number,
        Err(error) => return errno::fail(error),
    };
    let kept = |field, value: u64| match notes.with(field, value).store(fd) {
        true => 0,
        false => -1,
    };
    match kind {
        Kind::Switch(field) => kept(field, u64::from(number != 0)),
        Kind::Inverted(field) => kept(field, u64::from(number == 0)),
        Kind::Byte(field) => kept(field, (number & 0xFF) as u64),
        Kind::Number { field, last, .. } if (1..=last).contains(&number) => kept(field, number as u64),
        Kind::Fixed { least, most, .. } if (least..=most).contains(&number) => 0,
        Kind::Info => errno::fail(ENOPROTOOPT),
        _ => errno::fail(EINVAL),
    }
}

/// The number that a program gives: an `int`, which IP takes as a byte too.
///
/// # Safety
/// `value` is null or points to `len` bytes.
unsafe fn number_given(level: c_int, value: *const c_void, len: socklen_t) -> Result<c_int, c_int> {
    let is_int = len as usize >= size_of::<c_int>();
    if !is_int && (level != IPPROTO_IP || len == 0) {
        return Err(EINVAL);
    }
    if value.is_null() {
        return Err(EFAULT);
    }
    // SAFETY: the caller's promise; there are as many bytes as are read.
    Ok(unsafe {
        if is_int {
            value.cast::<c_int>().read_unaligned()
        } else {
            value.cast::<u8>().read().into()
        }
    })
}

/// What a program is told of the socket's family and protocol; `None` for other options.
pub(crate) fn identity(level: c_int, name: c_int, notes: Notes) -> Option<c_int> {
    match (level, name) {
        (SOL_SOCKET, libc::SO_DOMAIN) if notes.is_v6() => Some(libc::AF_INET6),
        (SOL_SOCKET, libc::SO_DOMAIN) => Some(libc::AF_INET),
        (SOL_SOCKET, libc::SO_PROTOCOL) => Some(IPPROTO_TCP),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    fn socket() -> UnixStream {
        let (socket, _) = UnixStream::pair().expect("a pair");
        assert!(Notes::new(false).store(socket.as_raw_fd()));
        socket
    }

    fn ask(socket: &UnixStream, level: c_int, name: c_int) -> Result<c_int, c_int> {
        let notes = Notes::of(socket.as_raw_fd()).expect("notes");
        let (mut value, mut len) = (-1, 4);
        // SAFETY: value and length are this function's own.
        match unsafe { get(notes, level, name, (&raw mut value).cast(), &raw mut len) } {
            0 => Ok(value),
            _ => Err(errno::get()),
        }
    }

    fn tell(socket: &UnixStream, level: c_int, name: c_int, value: c_int) -> Result<(), c_int> {
        let fd = socket.as_raw_fd();
        let notes = Notes::of(fd).expect("notes");
        // SAFETY: the value is this function's own.
        match unsafe { set(fd, notes, level, name, (&raw const value).cast(), 4) } {
            0 => Ok(()),
            _ => Err(errno::get()),
        }
    }

    #[test]
    fn what_is_set_is_there_again() {
        let socket = socket();
        for (level, name, first, value) in [
            (IPPROTO_TCP, libc::TCP_NODELAY, 0, 1),
            (IPPROTO_TCP, libc::TCP_QUICKACK, 1, 0),
            (IPPROTO_TCP, libc::TCP_KEEPIDLE, 7200, 60),
            (IPPROTO_TCP, libc::TCP_KEEPCNT, 9, 127),
            (IPPROTO_IP, libc::IP_TOS, 0, 0x10),
        ] {
            assert_eq!(ask(&socket, level, name), Ok(first), "{name}");
            assert_eq!(tell(&socket, level, name, value), Ok(()), "{name}");
            assert_eq!(ask(&socket, level, name), Ok(value), "{name}");
        }
    }

    #[test]
    fn what_tcp_refuses_is_refused() {
        let socket = socket();
        assert_eq!(tell(&socket, IPPROTO_TCP, libc::TCP_KEEPCNT, 128), Err(EINVAL));
        assert_eq!(tell(&socket, IPPROTO_TCP, libc::TCP_KEEPIDLE, 0), Err(EINVAL));
        assert_eq!(tell(&socket, IPPROTO_TCP, 999, 1), Err(ENOPROTOOPT));
        assert_eq!(ask(&socket, IPPROTO_IPV6, libc::IPV6_TCLASS), Err(ENOPROTOOPT));
    }
}
