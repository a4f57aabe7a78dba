//! notify: each check, and what it says of rings.

use super::{EACCES, EFAULT, EINVAL};
use crate::argo::{ANY, Argo, NOTIFY, NOWHERE};
use crate::bytes::{Addr, RingData, UNTOUCHED};
use crate::report::Report;
use crate::ring::Ring;
use std::io;

const EXISTS: u16 = 1;
const SHARED: u16 = 2;
const EMPTY: u16 = 4;
const SUFFICIENT: u16 = 8;
const TOO_LONG: u16 = 0x10;

pub(super) fn arguments(argo: &Argo, report: &mut Report) {
    let call = |arg: [u64; 4]| argo.call(NOTIFY, arg);
    report.expect("notify: arg2", call([0, 1, 0, 0]), EINVAL);
    report.expect("notify: arg3", call([0, 0, 1, 0]), EINVAL);
    report.expect("notify: arg4", call([0, 0, 0, 1]), EINVAL);
    report.expect("notify: no question", argo.notify(), 0);
    report.expect(
        "notify: a question that is nowhere",
        call([NOWHERE, 0, 0, 0]),
        EFAULT,
    );
    let header = |count: u32| [u64::from(count), 0];
    let many = header(257);
    report.expect(
        "notify: 257 entries",
        call([many.as_ptr() as u64, 0, 0, 0]),
        EACCES,
    );
    let none = header(0);
    report.expect("notify: no entries", call([none.as_ptr() as u64, 0, 0, 0]), 0);
    let (returned, answers) = argo.ask(&[(Addr::new(0xDEAD, argo.me), 0), (Addr::new(1, 0x7000), 0)]);
    report.expect("notify: two entries", returned, 0);
    let untouched = RingData {
        flags: 0,
        max: UNTOUCHED,
    };
    report.expect("notify: no ring there", answers.first().copied(), Some(untouched));
    report.expect(
        "notify: no domain there",
        answers.get(1).copied(),
        Some(untouched),
    );
}

pub(super) fn rings(argo: &Argo, report: &mut Report) -> io::Result<()> {
    let (mine, any) = (
        Ring::new(Addr::new(26, argo.me), 1024)?,
        Ring::new(Addr::new(27, ANY), 1024)?,
    );
    report.expect("register: a ring to ask about", mine.register(argo, 0), 0);
    report.expect("register: a wildcard ring to ask about", any.register(argo, 0), 0);
    let at = |port: u32| Addr::new(port, argo.me);
    let mut ask = |clause: &str, port: u32, space: u32, flags: u16| {
        let (returned, answers) = argo.ask(&[(at(port), space)]);
        let wanted = RingData {
            flags,
            max: 1024 - 32,
        };
        report.expect(
            &format!("notify: {clause}"),
            (returned, answers.first().copied()),
            (0, Some(wanted)),
        );
    };
    ask("an empty ring", 26, 0, EXISTS | EMPTY | SUFFICIENT);
    ask(
        "an empty wildcard ring",
        27,
        0,
        EXISTS | SHARED | EMPTY | SUFFICIENT,
    );
    ask("the greatest message", 26, 1024 - 32, EXISTS | EMPTY | SUFFICIENT);
    ask("one byte more", 26, 1024 - 31, EXISTS | EMPTY | TOO_LONG);
    argo.send(at(26), &[0; 500]);
    ask("some space", 26, 100, EXISTS | SUFFICIENT);
    ask("not enough space", 26, 900, EXISTS);
    mine.empty();
    ask("read, so empty", 26, 900, EXISTS | EMPTY | SUFFICIENT);
    report.expect("unregister: the ring", argo.unregister(mine.addr), 0);
    report.expect(
        "unregister: the wildcard ring, asked about",
        argo.unregister(any.addr),
        0,
    );
    Ok(())
}
