//! Which domains there are, which rings they own, and what went through them; in a guest, the kernel's sockets and counters.

use crate::addr::V4vAddr;
use crate::backend::{Backend, backend};
use crate::hosted::control::{Control, observer};
use nix::sys::socket::{getsockopt, sockopt};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::Arc;
use v4v_hosted::names::{Broker, Name};
use v4v_hosted::wire::{DomainRecord, RingRecord, op};
use v4v_ring::{Addr, DomId};

/// A domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainStat {
    /// Its id.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// The user that owns it.
    pub uid: u32,
    /// Processes in it.
    pub processes: u32,
    /// Rings that it owns.
    pub rings: u32,
    /// Bytes of memory in those rings.
    pub bytes: u64,
    /// Ports on which it listens with [descriptors](crate::descriptor).
    pub listeners: u32,
    /// Connections with descriptors that it opened, since it is there.
    pub calls_out: u64,
    /// Connections with descriptors that were opened to it, since it is there.
    pub calls_in: u64,
}

/// A ring, which is the receiving side of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingStat {
    /// Its port.
    pub port: u32,
    /// The one domain that may send to it; `None` = any.
    pub partner: Option<u16>,
    /// Whether that domain fills it directly.
    pub direct: bool,
    /// Bytes that it holds at most.
    pub size: u32,
    /// Bytes in it now, headers included.
    pub used: u32,
    /// Messages that came in.
    pub messages: u64,
    /// Payload bytes that came in.
    pub bytes: u64,
}

/// A connection of [descriptors](crate::descriptor) that is open, hosted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallStat {
    /// The caller.
    pub from: V4vAddr,
    /// Whom it called.
    pub to: V4vAddr,
}

/// A socket of a guest's kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketStat {
    /// `stream`, `seqpacket`, `dgram`.
    pub kind: String,
    /// `ESTABLISHED`, `LISTEN` and so on.
    pub state: String,
    /// Its own address, once it has one.
    pub local: Option<V4vAddr>,
    /// The other end's, while there is one.
    pub peer: Option<V4vAddr>,
    /// Bytes that its ring holds at most.
    pub ring: u64,
    /// Bytes that wait to be read.
    pub queued: u64,
}

/// What a guest's kernel says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelStat {
    /// The guest's id.
    pub domain: u16,
    /// Its sockets.
    pub sockets: Vec<SocketStat>,
    /// Sums over all sockets since the module was loaded, by name: `sent_bytes`, `sleeps`, `resets` and so on.
    pub counters: BTreeMap<String, u64>,
}

/// Where a kernel module shows its sockets and counters.
const KERNEL_FILE: &str = "/proc/net/v4v";
/// Where the kernel shows Unix sockets with their names.
const UNIX_FILE: &str = "/proc/net/unix";

/// The kernel's sockets and counters, in a guest.
///
/// # Errors
/// `NotFound` where the module is not loaded; `InvalidData` where its file is another version's.
pub fn kernel() -> io::Result<KernelStat> {
    let text = fs::read_to_string(KERNEL_FILE)?;
    parse(&text).ok_or_else(|| {
        let why = format!(
            "{KERNEL_FILE} is not as this program knows it: install module and program from one release"
        );
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

fn parse(text: &str) -> Option<KernelStat> {
    let mut lines = text.lines();
    let domain = lines.next()?.strip_prefix("domain ")?.trim().parse().ok()?;
    let head: Vec<_> = lines.next()?.split_whitespace().collect();
    if head != ["type", "state", "local", "peer", "ring", "queued"] {
        return None;
    }
    let (mut sockets, mut counters) = (Vec::new(), BTreeMap::new());
    for line in lines {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            [kind, state, local, peer, ring, queued] => sockets.push(SocketStat {
                kind: kind.to_owned(),
                state: state.to_owned(),
                local: address(local)?,
                peer: address(peer)?,
                ring: ring.parse().ok()?,
                queued: queued.parse().ok()?,
            }),
            [name, value] => drop(counters.insert(name.to_owned(), value.parse().ok()?)),
            _ => return None,
        }
    }
    Some(KernelStat {
        domain,
        sockets,
        counters,
    })
}

/// An address with a number, or `-`; `None` where it is neither.
fn address(word: &str) -> Option<Option<V4vAddr>> {
    if word == "-" {
        return Some(None);
    }
    let (domain, port) = word.split_once(':')?;
    let domain = match domain {
        "any" => DomId::ANY,
        number => DomId(number.parse().ok()?),
    };
    Some(Some(Addr::new(domain, port.parse().ok()?).into()))
}

/// The connections of descriptors that are open, hosted, in order: those that this `v4vd` has made, seen from its network namespace. The
/// kernel counts no bytes of theirs.
///
/// # Errors
/// As [`domains`]; where `/proc` cannot be read.
pub fn calls() -> io::Result<Vec<CallStat>> {
    let daemon = getsockopt(&daemon()?.socket(), sockopt::PeerCredentials)?;
    let text = fs::read_to_string(UNIX_FILE)?;
    let is_ours = |broker: Broker| broker.is(daemon.pid(), daemon.uid());
    let mut all: Vec<_> = text.lines().filter_map(|line| call(line, is_ours)).collect();
    all.sort_unstable();
    Ok(all)
}

/// A line whose name is a caller's. The kernel shows the leading zero of a name as `@`.
fn call(line: &str, is_ours: impl Fn(Broker) -> bool) -> Option<CallStat> {
    let name = line.split_whitespace().last()?.strip_prefix('@')?;
    match Name::decode(name.as_bytes())? {
        Name::Caller(caller) if is_ours(caller.broker) => Some(CallStat {
            from: caller.from.into(),
            to: caller.to.into(),
        }),
        _ => None,
    }
}

/// All domains, by id.
///
/// # Errors
/// `Unsupported` on a kernel backend, whose figures [`kernel`] has; else where the daemon cannot be reached.
pub fn domains() -> io::Result<Vec<DomainStat>> {
    let control = daemon()?;
    let mut all = Vec::new();
    let mut from = 0_u64;
    loop {
        let answer = control.call(op::LIST_DOMAINS, [from, 0, 0, 0], &[])?;
        let before = all.len();
        for record in DomainRecord::decode_all(&answer.blob) {
            from = u64::from(record.id.0) + 1;
            all.push(record.into());
        }
        if all.len() == before {
            return Ok(all);
        }
    }
}

/// The rings of a domain.
///
/// # Errors
/// As [`domains`]; `NotFound` where there is no such domain.
pub fn rings(domain: u16) -> io::Result<Vec<RingStat>> {
    let control = daemon()?;
    let mut all = Vec::new();
    loop {
        let skip = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let answer = control.call(op::LIST_RINGS, [domain.into(), skip, 0, 0], &[])?;
        let before = all.len();
        all.extend(RingRecord::decode_all(&answer.blob).map(RingStat::from));
        if all.len() == before {
            return Ok(all);
        }
    }
}

fn daemon() -> io::Result<Arc<Control>> {
    match backend()? {
        Backend::Hosted => observer(),
        Backend::Kernel { .. } => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the kernel knows nothing of other domains: its figures are those of stat::kernel",
        )),
    }
}

impl From<DomainRecord> for DomainStat {
    fn from(record: DomainRecord) -> Self {
        Self {
            id: record.id.0,
            name: record.name,
            uid: record.uid,
            processes: record.processes,
            rings: record.rings,
            bytes: record.bytes,
            listeners: record.listeners,
            calls_out: record.calls_out,
            calls_in: record.calls_in,
        }
    }
}

impl From<RingRecord> for RingStat {
    fn from(record: RingRecord) -> Self {
        Self {
            port: record.port,
            partner: (record.partner != DomId::ANY).then_some(record.partner.0),
            direct: record.delegated,
            size: record.len,
            used: record.used,
            messages: record.messages,
            bytes: record.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "domain 3
type      state       local              peer                    ring    queued
stream    ESTABLISHED 3:49160            5:5001                262080         7
dgram     OPEN        any:53             -                      65472         0
sends 12
sent_bytes 3456
";

    #[test]
    fn the_kernels_file_is_read() {
        let stat = parse(TEXT).expect("sound");
        assert_eq!((stat.domain, stat.sockets.len()), (3, 2));
        let first = &stat.sockets[0];
        assert_eq!(
            (first.local, first.peer, first.queued),
            (Some(V4vAddr::new(3, 49160)), Some(V4vAddr::new(5, 5001)), 7)
        );
        assert_eq!((stat.sockets[1].peer, stat.counters["sent_bytes"]), (None, 3456));
    }

    #[test]
    fn another_versions_file_is_not() {
        for text in [
            "",
            "domain x",
            "domain 3\n",
            &TEXT.replace("queued", "waits"),
            &TEXT.replace("3456", "many"),
            &TEXT.replace("5:5001", "five"),
            &format!("{TEXT}one two three\n"),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn callers_are_found_among_unix_sockets() {
        let line = "00000000536e8b4d: 00000003 00000000 00000000 0001 03 14759620 ";
        let found = call(
            &format!("{line}@v4v/call/8.0/2:50000/1:5001/00000000000000ff"),
            |b| b.pid == 8,
        );
        let expected = CallStat {
            from: V4vAddr::new(2, 50000),
            to: V4vAddr::new(1, 5001),
        };
        assert_eq!(found, Some(expected));
        for name in [
            "",
            "/run/v4vd.sock",
            "@v4v/listen/1.0/1:5001/00000000000000ff",
            "@else",
        ] {
            assert_eq!(call(&format!("{line}{name}"), |b| b.pid == 8), None, "{name}");
        }
    }
}
