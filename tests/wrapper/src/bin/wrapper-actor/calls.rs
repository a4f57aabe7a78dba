//! The calls, each answered with its result and errno. None waits for long.

use crate::names::Name;
use crate::options::OPTIONS;
use libc::{MSG_DONTWAIT, MSG_NOSIGNAL, POLLIN, POLLOUT, c_int, c_short, iovec, msghdr};
use std::io;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::Duration;
use v4v_wrapper_tests::script::{Call, Kind, SLOTS};

/// Time for what a call has set off to arrive.
const SETTLE: Duration = Duration::from_micros(300);
/// Milliseconds in which something arrives that is going to.
const SOON: c_int = 50;

pub(crate) struct Sockets {
    host: Ipv4Addr,
    slots: [c_int; SLOTS as usize],
    /// Whether the slot's socket is one of AF_INET6.
    is_v6: [bool; SLOTS as usize],
    /// Ports of listeners, in the order in which they listened.
    ports: Vec<u16>,
    set: c_int,
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for fd in self.slots.iter().copied().chain([self.set]).filter(|fd| *fd >= 0) {
            // SAFETY: it is this program's; two slots may have had one number, and the second close fails.
            unsafe { libc::close(fd) };
        }
    }
}

/// A call's result as text.
fn told(result: isize) -> String {
    if result >= 0 {
        format!("ok {result}")
    } else {
        error()
    }
}

fn error() -> String {
    let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
    format!("errno {errno}")
}

/// A result that says only that it went well.
fn done(result: c_int) -> String {
    if result >= 0 { "ok".to_owned() } else { error() }
}

impl Sockets {
    pub(crate) fn new(host: Ipv4Addr) -> Self {
        Self {
            host,
            slots: [-1; SLOTS as usize],
            is_v6: [false; SLOTS as usize],
            ports: Vec::new(),
            // SAFETY: a fresh descriptor.
            set: unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) },
        }
    }

    pub(crate) fn make(&mut self, call: Call) -> String {
        let (a, b) = (usize::from(call.a), usize::from(call.b));
        let fd = self.slots[a];
        let answer = match call.kind {
            Kind::Socket4 | Kind::Socket6 => self.socket(a, call.kind == Kind::Socket6, call.c),
            Kind::Bind => self.bind(a),
            Kind::Listen => self.listen(a),
            Kind::Connect => self.connect(a, b),
            Kind::Accept => self.accept(a, b, call.c),
            Kind::Dup | Kind::Dup2 => self.copy(a, b, call.kind),
            Kind::Local | Kind::Peer => self.name(fd, call.kind),
            Kind::EpollAdd => self.epoll_add(a, call.c),
            Kind::EpollWait => self.epoll_wait(),
            Kind::Close => {
                self.slots[a] = -1;
                // SAFETY: a number alone.
                done(unsafe { libc::close(fd) })
            }
            kind => on_one(fd, kind, call, self.host, &self.ports),
        };
        sleep(SETTLE);
        answer
    }

    fn put(&mut self, slot: usize, fd: c_int, is_v6: bool) {
        let old = std::mem::replace(&mut self.slots[slot], fd);
        self.is_v6[slot] = is_v6;
        if old >= 0 && old != fd {
            // SAFETY: it was this slot's.
            unsafe { libc::close(old) };
        }
    }

    fn socket(&mut self, slot: usize, is_v6: bool, c: u16) -> String {
        let family = if is_v6 { libc::AF_INET6 } else { libc::AF_INET };
        let flags = if c & 1 != 0 { libc::SOCK_NONBLOCK } else { 0 }
            | if c & 2 != 0 { libc::SOCK_CLOEXEC } else { 0 };
        // SAFETY: numbers alone.
        let fd = unsafe { libc::socket(family, libc::SOCK_STREAM | flags, 0) };
        self.put(slot, fd, is_v6);
        done(fd)
    }

    fn bind(&mut self, slot: usize) -> String {
        let name = Name::of(Ipv4Addr::UNSPECIFIED, 0, self.is_v6[slot]);
        // SAFETY: the name is this function's, with its length.
        done(unsafe { libc::bind(self.slots[slot], name.as_ptr(), name.len) })
    }

    fn port(&self, slot: usize) -> u16 {
        let mut name = Name::empty();
        let (address, len) = name.as_mut();
        // SAFETY: there is as much room as is said.
        let result = unsafe { libc::getsockname(self.slots[slot], address, len) };
        if result == 0 {
            name.inet().map_or(0, |(_, port)| port)
        } else {
            0
        }
    }

    fn listen(&mut self, slot: usize) -> String {
        // SAFETY: numbers alone.
        let result = done(unsafe { libc::listen(self.slots[slot], 128) });
        let port = self.port(slot);
        if result == "ok" && !self.ports.contains(&port) {
            self.ports.push(port);
        }
        result
    }

    /// Connects to where another slot listens. How a connect ends that does not wait is told as if it had waited: over V4V a refusal comes
    /// at once, over TCP it comes later.
    fn connect(&mut self, slot: usize, to: usize) -> String {
        let port = self.port(to);
        if !self.ports.contains(&port) {
            return "nobody was ever there".to_owned();
        }
        let name = Name::of(self.host, port, self.is_v6[slot]);
        // SAFETY: the name is this function's, with its length.
        let result = unsafe { libc::connect(self.slots[slot], name.as_ptr(), name.len) };
        let told = done(result);
        if told != format!("errno {}", libc::EINPROGRESS) {
            return told;
        }
        poll(self.slots[slot], POLLOUT, SOON);
        let mut error: c_int = -1;
        let mut len = 4;
        // SAFETY: value and length are this function's.
        unsafe {
            let (value, len) = ((&raw mut error).cast(), &raw mut len);
            libc::getsockopt(self.slots[slot], libc::SOL_SOCKET, libc::SO_ERROR, value, len);
        }
        if error == 0 {
            "ok".to_owned()
        } else {
            format!("errno {error}")
        }
    }

    fn accept(&mut self, slot: usize, to: usize, c: u16) -> String {
        let fd = self.slots[slot];
        if poll(fd, POLLIN, SOON) == Some(0) {
            return "nothing to accept".to_owned();
        }
        let flags = match c & 3 {
            0 => 0,
            1 => libc::SOCK_NONBLOCK,
            2 => libc::SOCK_CLOEXEC,
            _ => 0x10,
        };
        let mut name = Name::empty();
        let (address, len) = name.as_mut();
        // SAFETY: there is as much room as is said.
        let accepted = unsafe { libc::accept4(fd, address, len, flags) };
        if accepted < 0 {
            return error();
        }
        self.put(to, accepted, self.is_v6[slot]);
        format!("ok {}", name.show(self.host, &self.ports))
    }

    fn copy(&mut self, from: usize, to: usize, kind: Kind) -> String {
        let (old, new) = (self.slots[from], self.slots[to]);
        // SAFETY: numbers alone.
        let copy = unsafe {
            match kind {
                Kind::Dup => libc::dup(old),
                _ => libc::dup2(old, new),
            }
        };
        if copy >= 0 {
            self.put(to, copy, self.is_v6[from]);
        }
        done(copy)
    }

    fn name(&self, fd: c_int, kind: Kind) -> String {
        let mut name = Name::empty();
        let (address, len) = name.as_mut();
        // SAFETY: there is as much room as is said.
        let result = unsafe {
            match kind {
                Kind::Local => libc::getsockname(fd, address, len),
                _ => libc::getpeername(fd, address, len),
            }
        };
        if result == 0 {
            format!("ok {}", name.show(self.host, &self.ports))
        } else {
            error()
        }
    }

    fn epoll_add(&mut self, slot: usize, c: u16) -> String {
        let more =
            if c & 1 != 0 { libc::EPOLLET } else { 0 } | if c & 2 != 0 { libc::EPOLLONESHOT } else { 0 };
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | more).cast_unsigned(),
            u64: slot as u64,
        };
        let operation =
            [libc::EPOLL_CTL_ADD, libc::EPOLL_CTL_MOD, libc::EPOLL_CTL_DEL][usize::from(c / 4 % 3)];
        // SAFETY: the event is this function's.
        done(unsafe { libc::epoll_ctl(self.set, operation, self.slots[slot], &raw mut event) })
    }

    fn epoll_wait(&mut self) -> String {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 16];
        // SAFETY: there is as much room as is said.
        let n = unsafe { libc::epoll_wait(self.set, events.as_mut_ptr(), 16, 0) };
        let mut seen: Vec<_> = events
            .iter()
            .take(usize::try_from(n).unwrap_or(0))
            .map(|e| (e.u64, e.events))
            .collect();
        seen.sort_unstable();
        format!("{seen:?}")
    }
}

/// The events that come within the time; `None` where there is no such descriptor.
fn poll(fd: c_int, events: c_short, milliseconds: c_int) -> Option<c_short> {
    let mut polled = libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    // SAFETY: one entry, which is this function's.
    unsafe { libc::poll(&raw mut polled, 1, milliseconds) };
    (fd >= 0).then_some(polled.revents)
}

/// Calls on one descriptor that change nothing but its socket.
fn on_one(fd: c_int, kind: Kind, call: Call, host: Ipv4Addr, ports: &[u16]) -> String {
    let mut buffer = vec![b'x'; 4096];
    let len = usize::from(call.c % 2000);
    let quietly = MSG_DONTWAIT | MSG_NOSIGNAL;
    // SAFETY: all pointers are to this function's, with their lengths.
    unsafe {
        match kind {
            Kind::Send => told(libc::send(fd, buffer.as_ptr().cast(), len, quietly)),
            Kind::Recv => {
                let peek = if call.b & 1 != 0 { libc::MSG_PEEK } else { 0 };
                told(libc::recv(fd, buffer.as_mut_ptr().cast(), len, quietly | peek))
            }
            Kind::SendTo => {
                let name = Name::of(host, 9, false);
                told(libc::sendto(
                    fd,
                    buffer.as_ptr().cast(),
                    len,
                    quietly,
                    name.as_ptr(),
                    name.len,
                ))
            }
            Kind::RecvFrom => {
                let mut name = Name::empty();
                let (address, name_len) = name.as_mut();
                let got = libc::recvfrom(fd, buffer.as_mut_ptr().cast(), len, quietly, address, name_len);
                if got < 0 {
                    error()
                } else {
                    format!("ok {got} from {}", name.show(host, ports))
                }
            }
            Kind::SendMsg | Kind::RecvMsg => message(fd, kind, len, &mut buffer),
            Kind::Shutdown => done(libc::shutdown(fd, c_int::from(call.c % 4))),
            Kind::Poll => {
                let events = POLLIN | POLLOUT | libc::POLLPRI | libc::POLLRDHUP;
                format!("{:?}", poll(fd, events, 0))
            }
            Kind::GetFlags => told(libc::fcntl(fd, libc::F_GETFL) as isize),
            Kind::SetFlags => {
                let flags = if call.c & 1 != 0 { libc::O_NONBLOCK } else { 0 };
                done(libc::fcntl(fd, libc::F_SETFL, flags))
            }
            Kind::Fionbio => {
                let on = c_int::from(call.c & 1);
                done(libc::ioctl(fd, libc::FIONBIO, &raw const on))
            }
            Kind::Fionread => {
                let mut bytes: c_int = -1;
                let result = libc::ioctl(fd, libc::FIONREAD, &raw mut bytes);
                if result < 0 {
                    error()
                } else {
                    format!("ok {bytes}")
                }
            }
            Kind::GetFd => told(libc::fcntl(fd, libc::F_GETFD) as isize),
            Kind::SetFd => done(libc::fcntl(fd, libc::F_SETFD, c_int::from(call.c & 1))),
            Kind::SetOption | Kind::GetOption => option(fd, kind, call),
            _ => unreachable!("calls on several descriptors are made elsewhere"),
        }
    }
}

fn message(fd: c_int, kind: Kind, len: usize, buffer: &mut [u8]) -> String {
    let mut name = Name::empty();
    let (first, second) = buffer.split_at_mut(1000.min(len));
    let rest = len - first.len();
    let mut parts =
        [(first.as_mut_ptr(), first.len()), (second.as_mut_ptr(), rest)].map(|(base, len)| iovec {
            iov_base: base.cast(),
            iov_len: len,
        });
    // SAFETY: plain data, for which zero is a value; all pointers are to this function's and its caller's, with their lengths.
    unsafe {
        let mut header: msghdr = std::mem::zeroed();
        (header.msg_iov, header.msg_iovlen) = (parts.as_mut_ptr(), 2);
        let quietly = MSG_DONTWAIT | MSG_NOSIGNAL;
        if kind == Kind::SendMsg {
            return told(libc::sendmsg(fd, &raw const header, quietly));
        }
        (header.msg_name, header.msg_namelen) = (name.as_mut().0.cast(), name.len);
        let got = libc::recvmsg(fd, &raw mut header, quietly);
        if got < 0 {
            error()
        } else {
            format!("ok {got} name {} flags {}", header.msg_namelen, header.msg_flags)
        }
    }
}

fn option(fd: c_int, kind: Kind, call: Call) -> String {
    let (level, name) = OPTIONS[usize::from(call.c) % OPTIONS.len()];
    let mut value = c_int::from(call.b) * 50 - 1;
    if kind == Kind::SetOption && (level, name) == (libc::IPPROTO_TCP, libc::TCP_CORK) {
        // What TCP holds back for 200 ms, V4V sends at once: what is seen of that is a matter of time.
        value = 0;
    }
    let mut len = 4;
    // SAFETY: value and length are this function's.
    let result = unsafe {
        match kind {
            Kind::SetOption => libc::setsockopt(fd, level, name, (&raw const value).cast(), 4),
            _ => libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut len),
        }
    };
    match (kind, result) {
        (_, r) if r < 0 => format!("{level}/{name} {}", error()),
        (Kind::GetOption, _) => format!("{level}/{name} ok {value} of {len}"),
        _ => format!("{level}/{name} ok"),
    }
}
