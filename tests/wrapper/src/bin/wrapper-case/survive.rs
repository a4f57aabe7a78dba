//! `wrapper-case survive HOST`: what is left when `v4vd` is killed. It says `ready`, and goes on when a line comes.

use crate::place::{Place, talk};
use crate::sys::errno;
use std::io::stdin;
use std::net::TcpStream;
use std::time::Instant;

pub(crate) fn survive(place: &Place) {
    let listener = place.listen();
    let (caller, called) = place.pair(&listener);
    talk(&caller, &called);
    println!("ready");
    stdin().read_line(&mut String::new()).expect("a line");
    talk(&caller, &called);
    println!("the connection goes on");
    let start = Instant::now();
    match TcpStream::connect(place.address(&listener)) {
        Ok(_) => println!("a new one is connected"),
        Err(error) => println!("a new one: errno {}", errno(&error)),
    }
    println!("within {} s", start.elapsed().as_secs());
    // TCP is served as before.
    let port = place.address(&listener).port();
    let plain = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    let (accepted, _) = listener.accept().expect("accept");
    talk(&plain, &accepted);
    println!("TCP is served");
}
