//! `wrapper-actor HOST`: makes the calls that come on standard input, a line each, and answers each with a line. `end` closes everything.
//!
//! It is an ordinary program; the wrapper is put before it or not. Answers name nothing that may differ from run to run: a port that the
//! kernel chose is the listener's or `other`, HOST is `host`.

mod calls;
mod names;
mod options;

use calls::Sockets;
use std::env;
use std::io::{BufRead, Write, stdin, stdout};
use v4v_wrapper_tests::script::Call;

fn main() {
    let host = env::args()
        .nth(1)
        .expect("HOST")
        .parse()
        .expect("an IPv4 address");
    let mut sockets = Sockets::new(host);
    for line in stdin().lock().lines() {
        let line = line.expect("a line");
        let answer = if line == "end" {
            sockets = Sockets::new(host);
            "end".to_owned()
        } else {
            let call: Call = line.parse().expect("a call");
            sockets.make(call)
        };
        writeln!(stdout().lock(), "{answer}").expect("the test reads");
    }
}
