//! A client that says what it is told, byte for byte.

use crate::Daemon;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use v4v_hosted::packet;
use v4v_hosted::wire::{BLOB_BASE, MAGIC, PACKET_MAX, Request, Response, VERSION, op};
use v4v_hv::abi::{OP_REGISTER, OP_RING_SETUP, OP_SENDV, OP_UNREGISTER, RingSetup, setup_flags};
use v4v_ring::layout::pages;
use v4v_ring::{Addr, DomId};

/// An attached process.
pub(crate) struct Client {
    socket: OwnedFd,
    pub(crate) id: DomId,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) result: i64,
    pub(crate) blob: Vec<u8>,
    pub(crate) fds: Vec<OwnedFd>,
}

impl Reply {
    /// The sentence of a refusal.
    pub(crate) fn sentence(&self) -> &str {
        std::str::from_utf8(&self.blob).expect("UTF-8")
    }

    /// Asserts that it is this errno with a sentence that contains `part`.
    #[track_caller]
    pub(crate) fn assert_refused(&self, errno: i32, part: &str) {
        assert_eq!(self.result, -i64::from(errno), "{}", self.sentence());
        assert!(
            self.sentence().contains(part),
            "{part:?} is not in {:?}",
            self.sentence()
        );
    }
}

impl Client {
    /// Connects and says nothing.
    pub(crate) fn connect(daemon: &Daemon) -> Self {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).expect("a socket");
        connect(
            socket.as_raw_fd(),
            &UnixAddr::new(daemon.socket()).expect("a path"),
        )
        .expect("v4vd listens");
        Self { socket, id: DomId(0) }
    }

    /// Connects and joins a domain.
    pub(crate) fn join(daemon: &Daemon, name: &str) -> Self {
        let mut client = Self::connect(daemon);
        let reply = client.hello(name);
        assert!(reply.result > 0, "{}: {}", reply.result, reply.sentence());
        client.id = DomId(u16::try_from(reply.result).expect("a domain id"));
        client
    }

    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    pub(crate) fn hello(&self, name: &str) -> Reply {
        self.call(op::HELLO, [MAGIC, VERSION.into(), 0, 0], name.as_bytes())
    }

    pub(crate) fn call(&self, op: u32, args: [u64; 4], blob: &[u8]) -> Reply {
        self.send(op, args, blob, &[]);
        self.receive().expect("an answer")
    }

    pub(crate) fn send(&self, op: u32, args: [u64; 4], blob: &[u8], fds: &[BorrowedFd<'_>]) {
        let head = Request {
            op,
            sequence: 7,
            args,
        }
        .encode();
        packet::send(&self.socket, &[&head, blob], fds).expect("sent");
    }

    pub(crate) fn send_raw(&self, bytes: &[u8]) {
        packet::send(&self.socket, &[bytes], &[]).expect("sent");
    }

    /// The next answer; `None` where the daemon has closed.
    pub(crate) fn receive(&self) -> Option<Reply> {
        let mut buffer = vec![0; PACKET_MAX];
        let received = packet::receive(&self.socket, &mut buffer).ok()?;
        if received.len == 0 {
            return None;
        }
        let (response, blob) = Response::decode(&buffer[..received.len]).expect("an answer");
        assert_eq!((response.sequence, received.truncated), (7, false));
        Some(Reply {
            result: response.result,
            blob: blob.to_vec(),
            fds: received.fds,
        })
    }

    pub(crate) fn register(&self, port: u32, partner: DomId, len: u32) -> Reply {
        let blob = [&Addr::new(partner, port).encode()[..], &len.to_le_bytes()].concat();
        self.call(OP_REGISTER, [BLOB_BASE, 0, pages(len).into(), 0], &blob)
    }

    pub(crate) fn unregister(&self, port: u32, partner: DomId) -> Reply {
        self.call(
            OP_UNREGISTER,
            [BLOB_BASE, 0, 0, 0],
            &Addr::new(partner, port).encode(),
        )
    }

    /// Has the own ring for `partner` watch that domain's ring at `watched`.
    pub(crate) fn watch(&self, port: u32, partner: DomId, watched: u32) -> Reply {
        let setup = RingSetup {
            port,
            partner,
            pad: 0,
            flags: setup_flags::SET_WATCH,
            ready_slot: 0,
            watch_port: watched,
        };
        self.call(OP_RING_SETUP, [BLOB_BASE, 0, 0, 0], &setup.encode())
    }

    pub(crate) fn attach(&self, owner: DomId, port: u32, watch: u32) -> Reply {
        self.call(op::ATTACH, [owner.0.into(), port.into(), watch.into(), 0], &[])
    }

    /// Sends `payload` as one message of kind 3 that claims to come from `from`.
    pub(crate) fn sendv(&self, from: DomId, to: Addr, payload: &[u8]) -> Reply {
        let mut blob = [Addr::new(from, 1).encode(), to.encode()].concat();
        blob.extend((BLOB_BASE + 32).to_le_bytes());
        blob.extend(u32::try_from(payload.len()).expect("short").to_le_bytes());
        blob.extend([0; 4]);
        blob.extend(payload);
        self.call(OP_SENDV, [BLOB_BASE, BLOB_BASE + 16, 1, 3], &blob)
    }
}
