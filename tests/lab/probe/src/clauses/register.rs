//! register: each check, in its order.

use super::{EEXIST, EFAULT, EINVAL, ENOSPC, ESRCH};
use crate::argo::{ANY, Argo, NOWHERE, REGISTER};
use crate::bytes::{Addr, register};
use crate::report::Report;
use crate::ring::Ring;
use std::io;

/// A frame number far above any memory.
const NO_FRAME: u64 = 1 << 40;
/// `XEN_ARGO_REGISTER_FLAG_FAIL_EXIST`.
const FAIL_EXIST: u64 = 1;
/// A domain number that no domain has.
const NOBODY: u16 = 0x7000;
/// `DOMID_SELF`.
const DOMID_SELF: u16 = 0x7FF0;
/// Bytes of the largest ring that the length check lets through; it needs one page more than may be given.
const SIXTEEN_MIB: u32 = 16 << 20;

pub(super) fn arguments(argo: &Argo, report: &mut Report) {
    let frames = [NO_FRAME; 4097];
    let any = Addr::new(1, ANY);
    let good = register(any, 64);
    let call =
        |ring: u64, frames: u64, pages: u64, flags: u64| argo.call(REGISTER, [ring, frames, pages, flags]);
    let (ring, list) = (good.as_ptr() as u64, frames.as_ptr() as u64);

    report.expect("register: 4097 pages", call(ring, list, 4097, 0), EINVAL);
    report.expect(
        "register: 4097 pages, before the bad flag",
        call(ring, list, 4097, 2),
        EINVAL,
    );
    report.expect("register: an unknown flag", call(ring, list, 1, 2), EINVAL);
    report.expect(
        "register: an unknown flag, before the bad struct",
        call(NOWHERE, list, 1, 2),
        EINVAL,
    );
    report.expect(
        "register: a struct that is nowhere",
        call(NOWHERE, list, 1, 0),
        EFAULT,
    );

    let len = |len: u32, pages: usize| argo.register(any, len, &frames[..pages], 0);
    report.expect("register: 32 bytes", len(32, 1), EINVAL);
    report.expect("register: no bytes", len(0, 0), EINVAL);
    report.expect("register: above 16 MiB", len(SIXTEEN_MIB + 16, 4096), EINVAL);
    report.expect(
        "register: 16 MiB, for want of pages",
        len(SIXTEEN_MIB, 4096),
        EINVAL,
    );
    report.expect(
        "register: a length that is not a multiple of 16",
        len(72, 1),
        EINVAL,
    );
    report.expect("register: too few pages", len(4096, 1), EINVAL);
    report.expect("register: too many pages", len(64, 2), EINVAL);
    report.expect("register: no pages", len(64, 0), EINVAL);
    let padded = Addr { pad: 1, ..any };
    report.expect(
        "register: padding",
        argo.register(padded, 64, &frames[..1], 0),
        EINVAL,
    );

    let partner = |domain: u16| argo.register(Addr::new(1, domain), 64, &frames[..1], 0);
    report.expect("register: a partner that does not exist", partner(NOBODY), ESRCH);
    report.expect("register: DOMID_SELF as the partner", partner(DOMID_SELF), ESRCH);
    report.expect(
        "register: padding, before the partner",
        {
            argo.register(
                Addr {
                    pad: 1,
                    ..Addr::new(1, NOBODY)
                },
                64,
                &frames[..1],
                0,
            )
        },
        EINVAL,
    );
}

pub(super) fn rings(argo: &Argo, report: &mut Report) -> io::Result<()> {
    let ring = Ring::new(Addr::new(20, argo.me), 4096 - 64)?;
    report.expect(
        "register: frames that are nowhere",
        {
            let bytes = register(ring.addr, ring.len);
            argo.call(REGISTER, [bytes.as_ptr() as u64, NOWHERE, 1, 0])
        },
        EFAULT,
    );
    report.expect(
        "register: a frame that does not exist",
        argo.register(ring.addr, ring.len, &[NO_FRAME], 0),
        EINVAL,
    );
    report.expect("register: for this domain itself", ring.register(argo, 0), 0);
    report.expect(
        "register: exists, FAIL_EXIST",
        ring.register(argo, FAIL_EXIST),
        EEXIST,
    );
    report.expect(
        "register: exists with another length",
        argo.register(ring.addr, ring.len - 16, &ring.frames, 0),
        EEXIST,
    );
    report.expect("unregister", argo.unregister(ring.addr), 0);
    report.expect("register: anew, FAIL_EXIST", ring.register(argo, FAIL_EXIST), 0);
    report.expect("unregister, again", argo.unregister(ring.addr), 0);

    let other = Ring::new(Addr::new(21, argo.other), 48)?;
    report.expect(
        "register: the smallest ring, for another domain",
        other.register(argo, 0),
        0,
    );
    report.expect("unregister: it", argo.unregister(other.addr), 0);

    let double = Ring::new(Addr::new(22, ANY), 4096)?;
    report.expect(
        "register: the same frame twice",
        argo.register(double.addr, double.len, &[double.frames[0], double.frames[0]], 0),
        0,
    );
    report.expect("unregister: that ring", argo.unregister(double.addr), 0);
    Ok(())
}

/// What is counted, and what a failed call leaves. Upstream counts a ring again whenever it is registered again, for ever,
/// and loses one whose registration fails. The rings here are wildcard rings: of a partner's ring upstream keeps dangling notes
/// in both cases, on which its assertions stop the hypervisor when the domain ends.
pub(super) fn counts(argo: &Argo, report: &mut Report) -> io::Result<()> {
    let ring = Ring::new(Addr::new(30, ANY), 64)?;
    report.expect(
        "register: a ring to be registered again",
        ring.register(argo, 0),
        0,
    );
    let failed = argo.register(ring.addr, ring.len, &[NO_FRAME], 0);
    report.expect("register: again, on a frame that does not exist", failed, EINVAL);
    let sent = argo.send(Addr::new(30, argo.me), b"x");
    report.deviation(
        "a registration that fails leaves the ring as it was",
        sent,
        super::ECONNREFUSED,
        1,
    );
    argo.unregister(ring.addr);

    let pages = Ring::new(Addr::new(0, ANY), 64)?;
    let many = |first: u32| {
        (first..first + 200).find_map(|port| {
            let returned = argo.register(Addr::new(port, ANY), 64, &pages.frames, 0);
            (returned != 0).then_some(returned)
        })
    };
    report.deviation("200 rings of one domain", many(1000), Some(ENOSPC), None);
    for port in 1000..1200 {
        argo.unregister(Addr::new(port, ANY));
    }

    report.expect("register: after all are gone", ring.register(argo, 0), 0);
    let again = (0..200).find_map(|_| {
        let returned = ring.register(argo, 0);
        (returned != 0).then_some(returned)
    });
    report.deviation("registering one ring 200 times", again, Some(ENOSPC), None);
    Ok(())
}
