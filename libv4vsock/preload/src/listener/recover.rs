//! Listeners that an exec'ed program has inherited: its table is empty, and the epoll sets say what is behind them.

use super::make::{TCP_MARK, V4V_MARK};
use super::record;
use crate::carry::Carried;
use crate::fdinfo;
use crate::log::say;
use crate::socket::{self, TcpState};
use crate::swap::every_descriptor;
use crate::table::{self, Entry};
use libc::c_int;
use std::fs;

/// Looks through this process's descriptors. Called once, before the program runs.
pub(crate) fn recover() {
    every_descriptor(|fd| {
        let link = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
        if link.as_os_str() == "anon_inode:[eventpoll]" {
            recover_one(fd);
        }
    });
}

fn recover_one(outer: c_int) {
    let (mut tcp, mut v4v) = (None, None);
    fdinfo::targets(outer, |target| {
        match target.data {
            TCP_MARK => tcp = Some(target.fd),
            V4V_MARK => v4v = Some(target.fd),
            _ => {}
        }
        tcp.is_none() || v4v.is_none()
    });
    let (Some(tcp), Some(v4v)) = (tcp, v4v) else {
        return;
    };
    // A second copy of a listener that is known by now.
    if let Entry::Hidden(number) = table::entry(tcp) {
        if let Some(record) = record::get(number) {
            record.add_copy();
            table::set(outer, Entry::Outer(number));
        }
        return;
    }
    if socket::tcp_state(tcp) != Some(TcpState::Listening) {
        say!(
            Warn,
            "descriptor {outer} was a listener, whose sockets this program has not got"
        );
        return;
    }
    let Some((number, record)) = record::take(socket::is_v6(tcp), Carried::of(tcp).is_any()) else {
        return;
    };
    record.fill(tcp, v4v);
    for (fd, entry) in [
        (tcp, Entry::Hidden(number)),
        (v4v, Entry::Hidden(number)),
        (outer, Entry::Outer(number)),
    ] {
        table::set(fd, entry);
    }
}
