//! What a program has set on its TCP socket, taken over to the V4V socket in its place.

use crate::notes::{self, Notes};
use crate::socket::{self, option, set_option};
use libc::{IPPROTO_IP, IPPROTO_TCP, SOL_SOCKET, c_int, linger, timeval};

/// SO_BUF_LOCK (Linux 5.14), and its bits: the program has chosen the size of this buffer.
const SO_BUF_LOCK: c_int = 72;
const SEND_LOCKED: c_int = 1;
const RECEIVE_LOCKED: c_int = 2;

/// TCP's own values, which need no note.
const KEEPIDLE: c_int = 7200;
const KEEPINTVL: c_int = 75;
const KEEPCNT: c_int = 9;

/// The options of a socket that are not as they were when it was made.
#[derive(Clone, Copy)]
pub(crate) struct Carried {
    receive_timeout: Option<timeval>,
    send_timeout: Option<timeval>,
    linger: Option<linger>,
    send_buffer: Option<c_int>,
    receive_buffer: Option<c_int>,
    switches: [Option<c_int>; SWITCHES.len()],
    notes: Notes,
}

/// Options whose value is 0 where nobody has set them.
const SWITCHES: [c_int; 3] = [libc::SO_KEEPALIVE, libc::SO_OOBINLINE, libc::SO_TIMESTAMP];

impl Carried {
    /// Those of a TCP socket.
    pub(crate) fn of(fd: c_int) -> Self {
        let timeout =
            |name| option::<timeval>(fd, SOL_SOCKET, name).filter(|t| t.tv_sec != 0 || t.tv_usec != 0);
        let locked = option::<c_int>(fd, SOL_SOCKET, SO_BUF_LOCK).unwrap_or(0);
        let buffer = |bit, name| {
            let size = if locked & bit != 0 {
                option::<c_int>(fd, SOL_SOCKET, name)
            } else {
                None
            };
            // The kernel doubles what is set.
            size.map(|bytes| bytes / 2)
        };
        Self {
            receive_timeout: timeout(libc::SO_RCVTIMEO),
            send_timeout: timeout(libc::SO_SNDTIMEO),
            linger: option::<linger>(fd, SOL_SOCKET, libc::SO_LINGER).filter(|l| l.l_onoff != 0),
            send_buffer: buffer(SEND_LOCKED, libc::SO_SNDBUF),
            receive_buffer: buffer(RECEIVE_LOCKED, libc::SO_RCVBUF),
            switches: SWITCHES.map(|name| option::<c_int>(fd, SOL_SOCKET, name).filter(|v| *v != 0)),
            notes: notes_of(fd),
        }
    }

    /// Sets them on a V4V socket.
    pub(crate) fn put(&self, fd: c_int) {
        for (name, value) in [
            (libc::SO_RCVTIMEO, self.receive_timeout),
            (libc::SO_SNDTIMEO, self.send_timeout),
        ] {
            if let Some(value) = value {
                set_option(fd, SOL_SOCKET, name, value);
            }
        }
        if let Some(value) = self.linger {
            set_option(fd, SOL_SOCKET, libc::SO_LINGER, value);
        }
        for (name, value) in [
            (libc::SO_SNDBUF, self.send_buffer),
            (libc::SO_RCVBUF, self.receive_buffer),
        ] {
            if let Some(value) = value {
                set_option(fd, SOL_SOCKET, name, value);
            }
        }
        for (name, value) in SWITCHES.into_iter().zip(self.switches) {
            if let Some(value) = value {
                set_option(fd, SOL_SOCKET, name, value);
            }
        }
    }

    /// Whether the program has set anything.
    pub(crate) fn is_any(&self) -> bool {
        let buffers = self.send_buffer.is_some() || self.receive_buffer.is_some();
        let timeouts = self.receive_timeout.is_some() || self.send_timeout.is_some();
        buffers
            || timeouts
            || self.linger.is_some()
            || self.switches.iter().any(Option::is_some)
            || !self.notes.is_fresh()
    }

    /// What is to be noted on the V4V socket.
    pub(crate) fn notes(&self) -> Notes {
        self.notes
    }

    /// How long a call may wait to send, and so to connect.
    pub(crate) fn send_timeout(&self) -> Option<timeval> {
        self.send_timeout
    }
}

fn notes_of(fd: c_int) -> Notes {
    let tcp = |name| option::<c_int>(fd, IPPROTO_TCP, name).unwrap_or(0);
    let unusual = |name, usual| match tcp(name) {
        value if value == usual => 0,
        value => u64::try_from(value).unwrap_or(0),
    };
    let tos = option::<c_int>(fd, IPPROTO_IP, libc::IP_TOS).unwrap_or(0);
    Notes::new(socket::is_v6(fd))
        .with(notes::NODELAY, (tcp(libc::TCP_NODELAY) != 0).into())
        .with(notes::CORK, (tcp(libc::TCP_CORK) != 0).into())
        .with(notes::KEEPIDLE, unusual(libc::TCP_KEEPIDLE, KEEPIDLE))
        .with(notes::KEEPINTVL, unusual(libc::TCP_KEEPINTVL, KEEPINTVL))
        .with(notes::KEEPCNT, unusual(libc::TCP_KEEPCNT, KEEPCNT))
        .with(notes::TOS, u64::try_from(tos).unwrap_or(0))
}
