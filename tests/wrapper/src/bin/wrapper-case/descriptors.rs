//! Copying and closing descriptors.

use crate::Case;
use crate::place::{Place, talk};
use crate::sys::{self, check};
use std::fs::File;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};

pub(crate) const CASES: &[Case] = &[
    ("a_copy_of_a_listener_outlives_it", a_copy_outlives),
    ("a_listener_goes_with_its_last_copy", goes_with_the_last_copy),
    (
        "another_file_over_a_listener_ends_it",
        another_file_over_a_listener,
    ),
    (
        "closing_everything_else_spares_a_listener",
        closing_everything_else,
    ),
    ("close_range_spares_what_is_outside", close_range_spares),
    ("closefrom_ends_a_listener", closefrom_ends),
    ("any_number_may_be_used", any_number),
    ("a_connection_is_copied_as_any_descriptor", a_connection_is_copied),
    ("nothing_is_left_behind", nothing_is_left),
];

/// A listener on a port that must be free, for TCP and for V4V.
fn listen_again(place: &Place, port: u16) {
    let listener = TcpListener::bind(("0.0.0.0", port)).expect("the port is free again");
    let (caller, called) = place.pair(&listener);
    talk(&caller, &called);
}

fn a_copy_outlives(place: &Place) {
    let listener = place.listen();
    let copy = listener.try_clone().expect("dup");
    drop(listener);
    let (caller, called) = place.pair(&copy);
    talk(&caller, &called);
}

fn goes_with_the_last_copy(place: &Place) {
    let listener = place.listen();
    let port = place.address(&listener).port();
    // SAFETY: a fresh copy, which is this case's.
    let copy = unsafe { TcpListener::from_raw_fd(check(libc::dup(listener.as_raw_fd())).expect("dup")) };
    drop(listener);
    drop(place.pair(&copy));
    drop(copy);
    listen_again(place, port);
}

fn another_file_over_a_listener(place: &Place) {
    let listener = place.listen();
    let port = place.address(&listener).port();
    let null = File::open("/dev/null").expect("a file");
    // SAFETY: both are open.
    check(unsafe { libc::dup2(null.as_raw_fd(), listener.as_raw_fd()) }).expect("dup2");
    listen_again(place, port);
}

fn closing_everything_else(place: &Place) {
    let listener = place.listen();
    for fd in 3..4096 {
        if fd != listener.as_raw_fd() {
            // SAFETY: this case owns nothing else.
            unsafe { libc::close(fd) };
        }
    }
    let (caller, called) = place.pair(&listener);
    talk(&caller, &called);
}

fn close_range_spares(place: &Place) {
    let listener = place.listen();
    let after = u32::try_from(listener.as_raw_fd()).expect("a number") + 1;
    // SAFETY: this case owns nothing else.
    check(unsafe { close_range(after, u32::MAX, 0) }).expect("close_range");
    let (caller, called) = place.pair(&listener);
    talk(&caller, &called);
}

fn closefrom_ends(place: &Place) {
    let listener = place.listen();
    let port = place.address(&listener).port();
    let fd = listener.into_raw_fd();
    // SAFETY: this case owns nothing else.
    unsafe { closefrom(fd) };
    listen_again(place, port);
}

fn any_number(place: &Place) {
    let listener = place.listen();
    let null = File::open("/dev/null").expect("a file");
    // Whatever the wrapper keeps, it keeps somewhere here.
    for fd in 900..1024 {
        // SAFETY: this case uses none of these numbers.
        check(unsafe { libc::dup2(null.as_raw_fd(), fd) }).expect("dup2");
    }
    let (caller, called) = place.pair(&listener);
    talk(&caller, &called);
    for fd in 900..1024 {
        // SAFETY: as above.
        check(unsafe { libc::close(fd) }).expect("close");
    }
    let (caller, called) = place.pair(&listener);
    talk(&caller, &called);
}

fn a_connection_is_copied(place: &Place) {
    let listener = place.listen();
    let (caller, called) = place.pair(&listener);
    let copy = caller.try_clone().expect("dup");
    drop(caller);
    talk(&copy, &called);
    drop(copy);
    let mut end = [0];
    assert_eq!(std::io::Read::read(&mut &called, &mut end).expect("the end"), 0);
}

fn nothing_is_left(place: &Place) {
    // What stays open for a process's life is there after the first time.
    drop(place.pair(&place.listen()));
    let before = sys::descriptors();
    for _ in 0..100 {
        let listener = place.listen();
        let _copy = listener.try_clone().expect("dup");
        drop(place.pair(&listener));
    }
    assert_eq!(sys::descriptors(), before);
}

unsafe extern "C" {
    fn closefrom(first: libc::c_int);
    fn close_range(first: libc::c_uint, last: libc::c_uint, flags: libc::c_int) -> libc::c_int;
}
