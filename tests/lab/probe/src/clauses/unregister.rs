//! unregister: each check, in its order.

use super::{EFAULT, EINVAL, ENOENT};
use crate::argo::{ANY, Argo, NOWHERE, UNREGISTER};
use crate::bytes::Addr;
use crate::report::Report;
use crate::ring::Ring;
use std::io;

pub(super) fn arguments(argo: &Argo, report: &mut Report) {
    let ring = Addr::new(1, ANY).encode();
    let at = ring.as_ptr() as u64;
    let call = |arg: [u64; 4]| argo.call(UNREGISTER, arg);
    report.expect("unregister: arg2", call([at, 1, 0, 0]), EINVAL);
    report.expect("unregister: arg3", call([at, 0, 1, 0]), EINVAL);
    report.expect("unregister: arg4", call([at, 0, 0, 1]), EINVAL);
    report.expect(
        "unregister: arg2, before the bad struct",
        call([NOWHERE, 1, 0, 0]),
        EINVAL,
    );
    report.expect(
        "unregister: a struct that is nowhere",
        call([NOWHERE, 0, 0, 0]),
        EFAULT,
    );
    report.expect(
        "unregister: padding",
        argo.unregister(Addr {
            pad: 1,
            ..Addr::new(1, ANY)
        }),
        EINVAL,
    );
    report.expect(
        "unregister: no such ring",
        argo.unregister(Addr::new(0xDEAD, ANY)),
        ENOENT,
    );
}

pub(super) fn rings(argo: &Argo, report: &mut Report) -> io::Result<()> {
    let ring = Ring::new(Addr::new(23, argo.me), 64)?;
    report.expect("register: a ring for one partner", ring.register(argo, 0), 0);
    report.expect(
        "unregister: that port's wildcard ring, which there is not",
        argo.unregister(Addr::new(23, ANY)),
        ENOENT,
    );
    report.expect("unregister: for the partner", argo.unregister(ring.addr), 0);
    report.expect("unregister: twice", argo.unregister(ring.addr), ENOENT);
    Ok(())
}
