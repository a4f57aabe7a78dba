//! sendv: each check, in its order.

use super::{EAGAIN, ECONNREFUSED, EFAULT, EINVAL, EMSGSIZE, EPERM, ESRCH};
use crate::argo::{ANY, Argo, NOWHERE, SENDV};
use crate::bytes::{Addr, Iov, send};
use crate::report::Report;
use crate::ring::{Message, Ring};
use std::io;

/// The largest message and the largest buffer (`MAX_ARGO_MESSAGE_SIZE`).
const LARGEST: u32 = 0xFF_FFE0;

pub(super) fn arguments(argo: &Argo, report: &mut Report) {
    let me = Addr::new(9, argo.me);
    let unheard = Addr::new(0xDEAD, argo.me);
    let no = Iov {
        handle: NOWHERE,
        len: 1,
        pad: 0,
    };
    let ends = send(me, unheard);
    let at = ends.as_ptr() as u64;

    report.expect(
        "sendv: addresses that are nowhere",
        argo.call(SENDV, [NOWHERE, NOWHERE, 9, 0]),
        EFAULT,
    );
    report.expect(
        "sendv: nine buffers",
        argo.call(SENDV, [at, NOWHERE, 9, 0]),
        EINVAL,
    );
    report.expect(
        "sendv: a list of buffers that is nowhere",
        argo.call(SENDV, [at, NOWHERE, 1, 0]),
        EFAULT,
    );
    let padded = |addr: Addr| Addr { pad: 1, ..addr };
    report.expect(
        "sendv: padding of the source",
        argo.sendv(padded(me), unheard, &[no], 0),
        EINVAL,
    );
    report.expect(
        "sendv: padding of the destination",
        argo.sendv(me, padded(unheard), &[no], 0),
        EINVAL,
    );
    let other = Addr::new(9, argo.other);
    report.expect(
        "sendv: another's source",
        argo.sendv(other, unheard, &[no], 0),
        EPERM,
    );
    let nobody = Addr::new(9, 0x7000);
    report.expect(
        "sendv: another's source, before the destination",
        argo.sendv(other, nobody, &[no], 0),
        EPERM,
    );
    report.expect("sendv: to nobody", argo.sendv(me, nobody, &[no], 0), ESRCH);
    report.expect(
        "sendv: to a port where nobody listens",
        argo.sendv(me, unheard, &[no], 0),
        ECONNREFUSED,
    );
    report.expect(
        "sendv: to another domain's port where nobody listens",
        argo.sendv(me, Addr::new(0xDEAD, argo.other), &[no], 0),
        ECONNREFUSED,
    );
}

pub(super) fn rings(argo: &Argo, report: &mut Report) -> io::Result<()> {
    let ring = Ring::new(Addr::new(24, argo.me), 4096 - 64)?;
    let to = Addr::new(24, argo.me);
    report.expect("register: a ring to send to", ring.register(argo, 0), 0);
    messages(argo, report, &ring, to);
    buffers(argo, report, &ring, to);
    space(argo, report, &ring, to);
    report.expect("unregister: it", argo.unregister(ring.addr), 0);
    report.expect("sendv: to a ring that went", argo.send(to, b"x"), ECONNREFUSED);
    precedence(argo, report)
}

/// What arrives.
fn messages(argo: &Argo, report: &mut Report, ring: &Ring, to: Addr) {
    let me = Addr::new(9, argo.me);
    let (one, two) = ([b'a'; 5], [b'b'; 12]);
    let start = ring.tx();
    report.expect(
        "sendv: the payload's length comes back",
        argo.sendv(me, to, &[Iov::of(&one), Iov::of(&two)], 0xC0DE),
        17,
    );
    let wanted = Message {
        len: 33,
        port: 9,
        domain: argo.me,
        kind: 0xC0DE,
        payload: [&one[..], &two[..]].concat(),
    };
    report.expect(
        "sendv: header and payload in the ring",
        ring.message(start),
        wanted,
    );
    report.expect("sendv: tx_ptr moves by the rounded length", ring.tx() - start, 48);
    ring.empty();

    let start = ring.tx();
    report.expect(
        "sendv: ANY as the source",
        argo.sendv(Addr::new(9, ANY), to, &[Iov::of(&one)], 1),
        5,
    );
    report.expect(
        "sendv: ANY as the source is this domain",
        ring.message(start).domain,
        argo.me,
    );
    ring.empty();

    let start = ring.tx();
    report.expect("sendv: no buffers", argo.sendv(me, to, &[], 3), 0);
    report.expect(
        "sendv: no buffers give a header only",
        (ring.message(start).len, ring.tx() - start),
        (16, 16),
    );
    ring.empty();
    let nothing = Iov {
        handle: NOWHERE,
        len: 0,
        pad: 0,
    };
    report.expect("sendv: an empty buffer", argo.sendv(me, to, &[nothing], 3), 0);
    ring.empty();
}

/// Checks of the buffers, under the ring's lock.
fn buffers(argo: &Argo, report: &mut Report, ring: &Ring, to: Addr) {
    let me = Addr::new(9, argo.me);
    let of = |len: u32| Iov {
        handle: NOWHERE,
        len,
        pad: 0,
    };
    let start = ring.tx();
    report.expect(
        "sendv: padding of a buffer",
        argo.sendv(me, to, &[Iov { pad: 1, ..of(1) }], 0),
        EINVAL,
    );
    report.expect(
        "sendv: a buffer above the largest message",
        argo.sendv(me, to, &[of(LARGEST + 1)], 0),
        EINVAL,
    );
    let sum = [of(LARGEST), of(1)];
    report.expect(
        "sendv: a sum above the largest message",
        argo.sendv(me, to, &sum, 0),
        EMSGSIZE,
    );
    report.expect(
        "sendv: the largest message, larger than the ring",
        argo.sendv(me, to, &[of(LARGEST)], 0),
        EMSGSIZE,
    );
    let all = ring.len - 16;
    report.expect(
        "sendv: exactly the ring",
        argo.sendv(me, to, &[of(all)], 0),
        EMSGSIZE,
    );
    report.expect(
        "sendv: a buffer that is nowhere",
        argo.sendv(me, to, &[of(8)], 0),
        EFAULT,
    );
    let half = [Iov::of(b"good"), of(8)];
    report.expect(
        "sendv: the second buffer is nowhere",
        argo.sendv(me, to, &half, 0),
        EFAULT,
    );
    report.expect("sendv: after errors tx_ptr stands", ring.tx(), start);
}

/// A ring that fills.
fn space(argo: &Argo, report: &mut Report, ring: &Ring, to: Addr) {
    let filler = vec![0; ring.len as usize - 32];
    let start = ring.tx();
    report.expect(
        "sendv: the largest message of an empty ring",
        argo.send(to, &filler),
        filler.len() as i64,
    );
    report.expect("sendv: into a full ring", argo.send(to, b"x"), EAGAIN);
    report.expect(
        "sendv: into a full ring, tx_ptr stands",
        ring.tx(),
        (start + ring.len - 16) % ring.len,
    );
    ring.empty();
    report.expect("sendv: after the ring was read", argo.send(to, b"x"), 1);
    ring.empty();
}

/// The ring for this partner comes before the wildcard ring.
fn precedence(argo: &Argo, report: &mut Report) -> io::Result<()> {
    let to = Addr::new(25, argo.me);
    let (any, mine) = (
        Ring::new(Addr::new(25, ANY), 1024)?,
        Ring::new(Addr::new(25, argo.me), 1024)?,
    );
    report.expect("register: a wildcard ring", any.register(argo, 0), 0);
    report.expect("sendv: into the wildcard ring", argo.send(to, b"x"), 1);
    report.expect(
        "register: beside it, one for this partner",
        mine.register(argo, 0),
        0,
    );
    let before = (any.tx(), mine.tx());
    report.expect("sendv: with both there", argo.send(to, b"x"), 1);
    report.expect(
        "sendv: into the partner's ring",
        (any.tx(), mine.tx()),
        (before.0, before.1 + 32),
    );
    report.expect("unregister: the partner's", argo.unregister(mine.addr), 0);
    report.expect("sendv: the wildcard ring is left", argo.send(to, b"x"), 1);
    report.expect("unregister: the wildcard ring", argo.unregister(any.addr), 0);
    Ok(())
}
