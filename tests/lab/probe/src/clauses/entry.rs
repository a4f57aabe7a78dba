//! The entry's checks, before any operation's own.

use super::{EINVAL, EOPNOTSUPP};
use crate::argo::{Argo, NOTIFY};
use crate::report::Report;

/// The first value above 32 bits.
const WIDE: u64 = 1 << 32;

pub(super) fn arguments(argo: &Argo, report: &mut Report) {
    report.expect(
        "entry: arg3 above 32 bits",
        argo.call(NOTIFY, [0, 0, WIDE, 0]),
        EINVAL,
    );
    report.expect(
        "entry: arg4 above 32 bits",
        argo.call(NOTIFY, [0, 0, 0, WIDE]),
        EINVAL,
    );
    report.expect(
        "entry: arg3 above 32 bits, before the unknown operation",
        argo.call(5, [0, 0, WIDE, 0]),
        EINVAL,
    );
    for op in [0, 5, 15, 4095] {
        report.expect(
            &format!("entry: operation {op} is unknown"),
            argo.call(op, [0; 4]),
            EOPNOTSUPP,
        );
    }
}
