//! Many threads at once.

use crate::Case;
use crate::place::{Place, echo, expect_echo};
use std::net::TcpListener;
use std::thread::scope;

pub(crate) const CASES: &[Case] = &[
    ("threads_accept_and_connect", crowd),
    ("listeners_come_and_go_in_threads", listeners),
];

const THREADS: usize = 8;
const CONNECTIONS: usize = 40;

fn crowd(place: &Place) {
    let listener = place.listen();
    scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                for _ in 0..CONNECTIONS {
                    echo(listener.accept().expect("accept").0);
                }
            });
            threads.spawn(|| {
                for _ in 0..CONNECTIONS {
                    expect_echo(place.connect(&listener));
                }
            });
        }
    });
}

fn listeners(place: &Place) {
    scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                for _ in 0..CONNECTIONS {
                    let listener: TcpListener = place.listen();
                    let copy = listener.try_clone().expect("dup");
                    let (caller, called) = place.pair(&listener);
                    drop(listener);
                    scope(|inner| {
                        inner.spawn(move || echo(called));
                        expect_echo(caller);
                    });
                    drop(copy);
                }
            });
        }
    });
}
