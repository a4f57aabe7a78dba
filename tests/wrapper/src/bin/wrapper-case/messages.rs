//! Messages with addresses, descriptors, files.

use crate::Case;
use crate::place::{Place, echo, expect_echo, talk};
use libc::{c_int, iovec, mmsghdr, msghdr};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::thread::scope;

pub(crate) const CASES: &[Case] = &[
    ("a_connection_is_passed_on", pass_a_connection),
    ("a_listener_is_passed_on_as_its_tcp_socket", pass_a_listener),
    ("an_address_to_send_to_is_ignored", addresses_are_ignored),
    ("many_messages_at_once", many_messages),
    ("a_file_is_sent", sendfile),
    ("bytes_are_spliced", splice),
];

fn control(message: &mut msghdr, room: &mut [u64; 4]) {
    message.msg_control = room.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(room);
}

fn empty() -> msghdr {
    // SAFETY: plain data, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

fn pass(over: &UnixStream, fd: RawFd) {
    let (mut byte, mut room, mut message) = (*b"x", [0_u64; 4], empty());
    let mut part = iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
    control(&mut message, &mut room);
    // SAFETY: the room is that of one descriptor at least, and everything is this function's.
    unsafe {
        message.msg_controllen = libc::CMSG_SPACE(4) as usize;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as usize;
        libc::CMSG_DATA(header).cast::<c_int>().write_unaligned(fd);
        assert_eq!(libc::sendmsg(over.as_raw_fd(), &raw const message, 0), 1);
    }
}

fn receive(over: &UnixStream) -> RawFd {
    let (mut byte, mut room, mut message) = ([0_u8], [0_u64; 4], empty());
    let mut part = iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
    control(&mut message, &mut room);
    // SAFETY: everything is this function's, and the kernel writes one descriptor.
    unsafe {
        assert_eq!(libc::recvmsg(over.as_raw_fd(), &raw mut message, 0), 1);
        libc::CMSG_DATA(libc::CMSG_FIRSTHDR(&raw const message))
            .cast::<c_int>()
            .read_unaligned()
    }
}

fn pass_a_connection(place: &Place) {
    let listener = place.listen();
    let (caller, called) = place.pair(&listener);
    let (one, other) = UnixStream::pair().expect("a pair");
    pass(&one, called.as_raw_fd());
    drop(called);
    // SAFETY: just received.
    let passed = unsafe { TcpStream::from_raw_fd(receive(&other)) };
    assert_eq!(
        passed.peer_addr().expect("getpeername"),
        caller.local_addr().expect("getsockname")
    );
    scope(|threads| {
        threads.spawn(move || echo(passed));
        expect_echo(caller);
    });
}

fn pass_a_listener(place: &Place) {
    let listener = place.listen();
    let port = place.address(&listener).port();
    let (one, other) = UnixStream::pair().expect("a pair");
    pass(&one, listener.as_raw_fd());
    drop(listener);
    // SAFETY: just received.
    let passed = unsafe { TcpListener::from_raw_fd(receive(&other)) };
    passed.set_nonblocking(false).expect("ioctl");
    let caller = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    let (called, _) = passed.accept().expect("accept");
    talk(&caller, &called);
}

fn addresses_are_ignored(place: &Place) {
    let listener = place.listen();
    let (caller, called) = place.pair(&listener);
    // SAFETY: plain data, for which zero is a value; a family makes it an address.
    let mut nowhere: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    (nowhere.sin_family, nowhere.sin_port) = (2, 9_u16.to_be());
    let mut bytes = [0_u8; 8];
    let mut from = [0xAA_u8; 128];
    let mut len: libc::socklen_t = 128;
    // SAFETY: all pointers are to this function's, with their lengths.
    unsafe {
        let to = (&raw const nowhere).cast();
        assert_eq!(
            libc::sendto(caller.as_raw_fd(), b"hello".as_ptr().cast(), 5, 0, to, 16),
            5
        );
        let got = libc::recvfrom(
            called.as_raw_fd(),
            bytes.as_mut_ptr().cast(),
            8,
            0,
            from.as_mut_ptr().cast(),
            &raw mut len,
        );
        assert_eq!((got, len), (5, 0));
    }
    assert_eq!(&bytes[..5], b"hello");
}

fn many_messages(place: &Place) {
    let listener = place.listen();
    let (caller, called) = place.pair(&listener);
    let mut texts = [*b"one", *b"two", *b"end"];
    let mut parts = texts.each_mut().map(|text| iovec {
        iov_base: text.as_mut_ptr().cast(),
        iov_len: 3,
    });
    // SAFETY: an address of no family's, which TCP ignores.
    let mut nowhere: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    nowhere.sin_family = 2;
    let mut messages = parts.each_mut().map(|part| {
        let mut header = empty();
        (header.msg_iov, header.msg_iovlen) = (std::ptr::from_mut(part), 1);
        (header.msg_name, header.msg_namelen) = ((&raw mut nowhere).cast(), 16);
        mmsghdr {
            msg_hdr: header,
            msg_len: 0,
        }
    });
    // SAFETY: all pointers are to this function's, with their lengths.
    unsafe {
        assert_eq!(libc::sendmmsg(caller.as_raw_fd(), messages.as_mut_ptr(), 3, 0), 3);
        assert!(messages.iter().all(|m| m.msg_len == 3));
        let flags = libc::MSG_WAITALL;
        let null = std::ptr::null_mut();
        assert_eq!(
            libc::recvmmsg(called.as_raw_fd(), messages.as_mut_ptr(), 3, flags, null),
            3
        );
    }
    assert!(
        messages
            .iter()
            .all(|m| m.msg_len == 3 && m.msg_hdr.msg_namelen == 0)
    );
    assert_eq!(texts, [*b"one", *b"two", *b"end"]);
}

/// A file with a text in it.
fn file() -> File {
    let name = std::env::temp_dir().join(format!("v4v-case-{}", std::process::id()));
    std::fs::write(&name, b"from a file").expect("a file");
    let file = File::open(&name).expect("a file");
    std::fs::remove_file(name).expect("there");
    file
}

fn expect_text(mut stream: &TcpStream) {
    let mut text = [0; 11];
    stream.read_exact(&mut text).expect("read");
    assert_eq!(&text, b"from a file");
}

fn sendfile(place: &Place) {
    let listener = place.listen();
    let (caller, called) = place.pair(&listener);
    // SAFETY: no offset is given.
    let sent = unsafe { libc::sendfile(caller.as_raw_fd(), file().as_raw_fd(), std::ptr::null_mut(), 100) };
    assert_eq!(sent, 11);
    expect_text(&called);
}

fn splice(place: &Place) {
    let listener = place.listen();
    let (mut caller, called) = place.pair(&listener);
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    caller.write_all(b"from a file").expect("write");
    let null = std::ptr::null_mut();
    // SAFETY: no offsets are given.
    unsafe {
        assert_eq!(
            libc::splice(called.as_raw_fd(), null, writer.as_raw_fd(), null, 11, 0),
            11
        );
        assert_eq!(
            libc::splice(reader.as_raw_fd(), null, called.as_raw_fd(), null, 11, 0),
            11
        );
    }
    expect_text(&caller);
    drop(writer);
    assert_eq!(reader.read(&mut [0]).expect("the end"), 0);
}
