//! Copies of a listener's descriptor. The sockets behind live as long as one of them.
//!
//! In a child after `vfork` the descriptors are the child's and the table is the parent's ([`crate::process`]): there only descriptors are
//! changed.

use super::record;
use super::{Behind, behind, make};
use crate::table::{self, Entry};
use crate::{errno, hidden, next, process, socket};
use libc::{EBADF, EPOLL_CTL_DEL, c_int, c_uint};

/// The program has copied a listener's descriptor.
pub(crate) fn adopt(copy: c_int, of: Behind, cloexec: bool) {
    if process::owns_memory() {
        of.record.add_copy();
        table::set(copy, Entry::Outer(of.number));
    }
    if !cloexec {
        // A program that is exec'ed has the copy, and so needs what is behind.
        socket::set_cloexec(of.tcp(), false);
        socket::set_cloexec(of.v4v(), false);
    }
}

/// The program has said whether `exec` closes one of its copies.
pub(crate) fn sync_cloexec(of: Behind) {
    let mut from = 0;
    let mut cloexec = true;
    while let Some((fd, _)) = table::find(from, u32::MAX, |entry| entry == Entry::Outer(of.number)) {
        cloexec &= socket::is_cloexec(fd);
        from = fd.cast_unsigned() + 1;
    }
    socket::set_cloexec(of.tcp(), cloexec);
    socket::set_cloexec(of.v4v(), cloexec);
}

/// Closes a descriptor that the table knows. As the C library's function.
pub(crate) fn close(fd: c_int, entry: Entry) -> c_int {
    let plainly = || {
        // SAFETY: a number alone.
        unsafe { next::close(fd) }
    };
    match entry {
        // It is none of the program's, which closes everything that it does not know.
        Entry::Hidden(_) => errno::fail(EBADF),
        _ if !process::owns_memory() => plainly(),
        Entry::Plain => plainly(),
        Entry::Outer(_) => {
            let ours = table::take(fd, entry);
            let result = plainly();
            if ours {
                errno::kept(|| released(entry));
            }
            result
        }
    }
}

/// A copy has gone, which was taken out of the table: with the last one go the sockets behind.
pub(crate) fn released(entry: Entry) {
    let Entry::Outer(number) = entry else { return };
    let Some(record) = record::get(number) else { return };
    if !record.drop_copy() {
        return;
    }
    for socket in [record.tcp(), record.v4v()] {
        if table::take(socket, Entry::Hidden(number)) {
            // SAFETY: it is this library's.
            unsafe { next::close(socket) };
        }
    }
    record.free();
}

/// Moves what is hidden under a number that the program wants to put something else under.
pub(crate) fn make_way(fd: c_int) {
    let Entry::Hidden(number) = table::entry(fd) else {
        return;
    };
    let Some(of) = Behind::of(number) else { return };
    if !process::owns_memory() {
        return;
    }
    let copy = hidden::copy(fd, socket::is_cloexec(fd));
    if copy < 0 {
        return;
    }
    let mark = if of.record.is_v4v(fd) {
        make::V4V_MARK
    } else {
        make::TCP_MARK
    };
    table::set(copy, Entry::Hidden(number));
    of.record.renumber(fd, copy);
    table::take(fd, Entry::Hidden(number));
    if let Some((outer, _)) = table::find(0, u32::MAX, |entry| entry == Entry::Outer(number)) {
        // So that the set shows the number after an exec too.
        // SAFETY: a removal takes no event.
        unsafe { next::epoll_ctl(outer, EPOLL_CTL_DEL, fd, std::ptr::null_mut()) };
        // It fails only where the program closes the listener at this moment.
        let _ = make::watch(outer, copy, mark);
    }
}

/// Closes a range of numbers, except for what is behind listeners that stay. `None` where there is no listener.
pub(crate) fn close_range(first: c_uint, last: c_uint, flags: c_int) -> Option<c_int> {
    if record::used() == 0 {
        return None;
    }
    if flags & libc::CLOSE_RANGE_CLOEXEC as c_int != 0 {
        return Some(mark_range(first, last, flags));
    }
    if process::owns_memory() {
        release_range(first, last);
    }
    let mut from = first;
    loop {
        let kept =
            table::find(from, last, |entry| stays(entry, first, last)).map(|(fd, _)| fd.cast_unsigned());
        let result = match kept {
            Some(kept) if kept == from => 0,
            Some(kept) => close_plainly(from, kept - 1, flags),
            None => return Some(close_plainly(from, last, flags)),
        };
        match kept.and_then(|kept| kept.checked_add(1)) {
            Some(after) if result == 0 && after <= last => from = after,
            _ => return Some(result),
        }
    }
}

fn close_plainly(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    // SAFETY: numbers alone.
    unsafe { next::close_range(first, last, flags) }
}

/// Has `exec` close a range, and with the listeners in it what is behind.
fn mark_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    let result = close_plainly(first, last, flags);
    for number in 0..record::used() {
        if let Some((fd, _)) = table::find(0, u32::MAX, |entry| entry == Entry::Outer(number))
            && let Some(of) = behind(fd)
        {
            errno::kept(|| sync_cloexec(of));
        }
    }
    result
}

/// Takes the listeners in a range out of the table.
fn release_range(first: c_uint, last: c_uint) {
    let mut from = first;
    while let Some((fd, entry)) = table::find(from, last, |entry| matches!(entry, Entry::Outer(_))) {
        if table::take(fd, entry) {
            released(entry);
        }
        match fd.cast_unsigned().checked_add(1) {
            Some(after) => from = after,
            None => return,
        }
    }
}

/// Whether this is behind a listener that has a copy outside of the range.
fn stays(entry: Entry, first: c_uint, last: c_uint) -> bool {
    let Entry::Hidden(number) = entry else {
        return false;
    };
    let outer = |entry| entry == Entry::Outer(number);
    let before = first.checked_sub(1).and_then(|end| table::find(0, end, outer));
    before.is_some()
        || last
            .checked_add(1)
            .is_some_and(|start| table::find(start, u32::MAX, outer).is_some())
}
