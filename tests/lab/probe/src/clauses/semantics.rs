//! What the operations mean together: signals, pending senders, spoilt pointers, a ring on new pages.

use super::EAGAIN;
use crate::argo::{ANY, Argo};
use crate::bytes::Addr;
use crate::report::Report;
use crate::ring::Ring;
use crate::signal::Signal;
use std::io;

pub(super) fn rings(argo: &Argo, signal: &mut Signal, report: &mut Report) -> io::Result<()> {
    let ring = Ring::new(Addr::new(28, argo.me), 256)?;
    let to = Addr::new(28, argo.me);
    report.expect("register: a ring", ring.register(argo, 0), 0);
    signal.settle()?;
    report.expect(
        "sendv signals the receiver",
        (argo.send(to, b"x"), signal.came()?),
        (1, true),
    );
    report.expect(
        "an error signals nobody",
        (argo.send(Addr::new(0xDEAD, argo.me), b"x") < 0, signal.came()?),
        (true, false),
    );
    pending(argo, signal, report, &ring, to)?;
    spoilt(argo, report)?;
    moved(argo, report)?;
    signal.settle()?;
    unregistered(argo, signal, report, &ring, to)
}

/// A sender that found no space is signalled when the receiver has made some and says so.
fn pending(argo: &Argo, signal: &mut Signal, report: &mut Report, ring: &Ring, to: Addr) -> io::Result<()> {
    ring.empty();
    argo.send(to, &[0; 200]);
    signal.settle()?;
    report.expect("a full ring", argo.send(to, &[0; 100]), EAGAIN);
    report.expect(
        "notify without space signals nobody",
        (argo.notify(), signal.came()?),
        (0, false),
    );
    ring.empty();
    report.expect("space alone signals nobody", signal.came()?, false);
    report.expect(
        "notify with space signals the sender",
        (argo.notify(), signal.came()?),
        (0, true),
    );
    report.expect("once", (argo.notify(), signal.came()?), (0, false));
    argo.send(to, &[0; 200]);
    signal.settle()?;
    report.expect("a full ring, again", argo.send(to, &[0; 100]), EAGAIN);
    ring.empty();
    report.expect(
        "who asks and hears that there is space waits no more",
        argo.ask(&[(to, 100)]).0,
        0,
    );
    signal.settle()?;
    report.expect(
        "so notify has nobody to signal",
        (argo.notify(), signal.came()?),
        (0, false),
    );
    Ok(())
}

/// rx_ptr is the guest's to spoil; the harm stays with its ring.
fn spoilt(argo: &Argo, report: &mut Report) -> io::Result<()> {
    let ring = Ring::new(Addr::new(31, argo.me), 256)?;
    let to = Addr::new(31, argo.me);
    report.expect("register: a ring to spoil", ring.register(argo, 0), 0);
    report.expect(
        "a message there",
        (argo.send(to, &[0; 100]), ring.tx()),
        (100, 128),
    );
    ring.set_rx(144);
    report.expect("rx_ptr is read at every sendv", argo.send(to, &[0; 80]), EAGAIN);
    ring.set_rx(0);
    report.expect(
        "two messages there",
        (argo.send(to, &[0; 80]), ring.tx()),
        (80, 224),
    );
    ring.set_rx(0xFFFF_FFF0);
    report.expect(
        "rx_ptr beyond the ring counts as 0",
        argo.send(to, &[0; 64]),
        EAGAIN,
    );
    ring.set_rx(113);
    report.expect(
        "rx_ptr between slots counts as the next slot",
        argo.send(to, &[0; 64]),
        64,
    );
    ring.empty();
    let tx = ring.tx();
    ring.set_tx(0x1234_5678);
    report.expect(
        "tx_ptr as the guest writes it is not read",
        argo.send(to, b"x"),
        1,
    );
    report.expect(
        "tx_ptr is written from the hypervisor's own",
        ring.tx(),
        (tx + 32) % ring.len,
    );
    report.expect("unregister: the spoilt ring", argo.unregister(ring.addr), 0);
    Ok(())
}

/// Registered again on new pages, the ring goes on there. A wildcard ring: upstream notes a partner's ring once more at each
/// registration, forgets one note when the ring goes, and its assertions stop the hypervisor when the domain ends.
fn moved(argo: &Argo, report: &mut Report) -> io::Result<()> {
    let to = Addr::new(29, argo.me);
    let ring = Ring::new(Addr::new(29, ANY), 256)?;
    report.expect("register: a ring that will move", ring.register(argo, 0), 0);
    let new = Ring::new(ring.addr, ring.len)?;
    new.set_tx(64);
    new.set_rx(64);
    report.expect("register: again, on new pages", new.register(argo, 0), 0);
    report.expect("sendv: to the ring that moved", argo.send(to, b"moved"), 5);
    report.expect("tx_ptr was read from the new page", new.tx(), 64 + 32);
    report.expect(
        "the message is on the new page",
        new.message(64).payload,
        b"moved".to_vec(),
    );
    new.set_tx(1 << 30);
    new.set_rx(32);
    report.expect(
        "register: again, with a tx_ptr beyond the ring",
        new.register(argo, 0),
        0,
    );
    report.expect("sendv: to it", argo.send(to, b"reset"), 5);
    report.expect("tx_ptr began at rx_ptr", new.tx(), 32 + 32);
    report.expect("unregister: the ring that moved", argo.unregister(new.addr), 0);
    Ok(())
}

/// A sender that waits hears when the ring goes: ours only.
fn unregistered(
    argo: &Argo,
    signal: &mut Signal,
    report: &mut Report,
    ring: &Ring,
    to: Addr,
) -> io::Result<()> {
    argo.send(to, &[0; 200]);
    signal.settle()?;
    report.expect("a full ring, before it goes", argo.send(to, &[0; 100]), EAGAIN);
    report.expect("unregister: with a sender waiting", argo.unregister(ring.addr), 0);
    report.deviation(
        "a sender that waits is signalled when the ring goes",
        signal.came()?,
        false,
        true,
    );
    Ok(())
}
