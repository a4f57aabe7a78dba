//! The daemon's side and its clients': what comes over the Unix socket besides the bytes that were asked for.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, OFlag, SealFlag, fallocate, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{ftruncate, pipe2, read};
use v4v_hosted::wire::{
    DomainRecord, FDS_MAX, Malformed, NAME_MAX, PACKET_MAX, REQUEST_HEADER, Request, check_name, decode_name,
};
use v4v_hosted::{packet, shm};
use v4v_ring::{Addr, Consumer, Corrupt, DomId, Producer, RingMem, Word};

fn pair() -> (OwnedFd, OwnedFd) {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).expect("sockets")
}

/// D-Bus and others that receive descriptors have run out of them because a client sent more than was looked at. Here requests
/// bring descriptors, up to the kernel's limit; all are closed when the packet is dropped. A pipe whose writing end they are
/// tells: its reader sees the end only when no copy is left.
#[test]
fn descriptors_that_a_client_adds() {
    let (reader, writer) = pipe2(OFlag::O_NONBLOCK).expect("a pipe");
    let (client, daemon) = pair();
    let request = Request {
        op: 4,
        sequence: 1,
        args: [0; 4],
    }
    .encode();
    let mut buffer = [0; REQUEST_HEADER];
    for n in [1, FDS_MAX, FDS_MAX + 1, 100, 253] {
        packet::send(&client, &[&request], &vec![writer.as_fd(); n]).expect("sent");
        let received = packet::receive(&daemon, &mut buffer).expect("a packet");
        assert_eq!((received.len, received.truncated), (REQUEST_HEADER, n > FDS_MAX));
        assert!(received.fds.len() <= FDS_MAX);
        assert!(
            !received.fds.is_empty(),
            "the daemon sees that it was given some, and may refuse"
        );
    }
    drop(writer);
    assert_eq!(read(&reader, &mut [0]), Ok(0), "a descriptor was left open");
}

/// A packet longer than anything that is allowed: known to be cut, never taken for a shorter one that would be sound.
#[test]
fn oversized_blob() {
    let (client, daemon) = pair();
    packet::send(&client, &[&vec![0; PACKET_MAX + 1]], &[]).expect("it fits the socket");
    let mut buffer = vec![0; PACKET_MAX];
    assert!(packet::receive(&daemon, &mut buffer).expect("a packet").truncated);
    assert_eq!(Request::decode(&vec![0; PACKET_MAX + 1]), Err(Malformed::Long));
    assert!(Request::decode(&vec![0; PACKET_MAX]).is_ok());
}

/// Names that would be a path, a terminal's command, a line of a log or a pattern of the policy: no domain has them.
#[test]
fn oversized_name() {
    let (longest, longer) = ("x".repeat(NAME_MAX), "x".repeat(NAME_MAX + 1));
    assert_eq!(decode_name(longest.as_bytes()), Ok(&*longest));
    let bad = [
        &longer, "", "../etc", "a/b", "a\0b", "a\nb", "\x1b[2J", "*", "web-*", "a b", "a:1", "ä",
    ];
    for name in bad {
        assert_eq!(check_name(name), Err(Malformed::Name), "{name:?}");
        assert_eq!(decode_name(name.as_bytes()), Err(Malformed::Name), "{name:?}");
    }
    // A daemon that lies about a name's length is believed up to the record's end.
    let domain = DomainRecord {
        id: DomId(1),
        uid: 0,
        processes: 1,
        rings: 0,
        bytes: 0,
        listeners: 0,
        calls_out: 0,
        calls_in: 0,
        name: longest,
    };
    let mut record = domain.encode();
    record[24] = u8::MAX;
    assert_eq!(DomainRecord::decode_all(&record).next(), Some(domain));
}

/// A client of a Wayland compositor shrinks the memory that the two share, and the compositor dies of SIGBUS. A ring's memory is
/// sealed: its partner can neither shrink nor grow it, nor break the seals, and memory without them is not mapped.
#[test]
fn memory_that_a_partner_truncates() {
    let fd = shm::create(4032).expect("memory");
    // The partner's own open file description, as through /proc.
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
    let partner = File::options()
        .read(true)
        .write(true)
        .open(Path::new(&path))
        .expect("its owner may");
    let ring = shm::ShmRing::map(&fd, 4032).expect("map");
    for size in [0, 4095, 4097, 1 << 30] {
        assert_eq!(ftruncate(&partner, size), Err(Errno::EPERM));
    }
    assert_eq!(
        fcntl(&partner, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_WRITE)),
        Err(Errno::EPERM)
    );
    assert!(
        (&partner).write_all(&[0; 8192]).is_err(),
        "it cannot grow by writing either"
    );
    ring.store(Word::Event, 1);
    assert_eq!(ring.load(Word::Event), 1);
}

/// What a seal does not forbid: a hole punched into the ring. Its reader finds zeros, which are no message.
#[test]
fn memory_that_a_partner_empties() {
    let fd = shm::create(4032).expect("memory");
    let ring = shm::ShmRing::map(&fd, 4032).expect("map");
    let mut consumer = Consumer::new();
    Producer::attach(&ring)
        .insert(&ring, Addr::new(DomId(1), 1), 1, 4, &mut &b"data"[..])
        .expect("room");
    assert_eq!(consumer.has_message(&ring), Ok(true));
    let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    fallocate(&fd, hole, 0, 4096).expect("not forbidden");
    assert_eq!(consumer.peek(&ring), Err(Corrupt::Length { len: 0 }));
}

/// Something else in place of a ring: every kind of descriptor is an error, and none is mapped.
#[test]
fn a_descriptor_that_is_no_ring() {
    let unsealed =
        memfd_create(c"open", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).expect("memory");
    ftruncate(&unsealed, 4096).expect("unsealed");
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).expect("a pipe");
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .expect("it is there");
    let refused = |fd: BorrowedFd<'_>, what: &str| {
        assert!(shm::ShmRing::map(fd, 4032).is_err(), "{what}");
    };
    refused(unsealed.as_fd(), "memory without seals");
    fcntl(
        &unsealed,
        FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW),
    )
    .expect("sealed");
    refused(
        unsealed.as_fd(),
        "memory whose seals may still change: F_SEAL_WRITE would make our writes fail",
    );
    refused(reader.as_fd(), "a pipe");
    refused(writer.as_fd(), "a pipe");
    refused(null.as_fd(), "a device");
    let ring = shm::create(8128).expect("memory");
    refused(ring.as_fd(), "a ring of another length");
}
