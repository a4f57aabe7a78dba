//! Every maximum of the daemon, with its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::wire::{BLOB_MAX, DomainRecord, RingRecord};

/// Processes that may be attached at once. Each costs a descriptor.
pub const CLIENTS_MAX: usize = 4096;
/// Processes of one user: half of all, so that no user keeps the others out.
pub const CLIENTS_PER_UID: usize = CLIENTS_MAX / 2;
/// Connections of users whom the policy lets into no domain, all such users together: room to be told why.
pub const STRANGERS_MAX: usize = 64;
/// Connections beyond the limits that are kept until they asked once and were told why.
pub const TURNED_AWAY_MAX: usize = 64;
/// Rings of all domains. Each is a mapping of the daemon's, of which Linux allows 65,530 (`vm.max_map_count`).
pub const RINGS_MAX: usize = 32_768;
/// Descriptors that the daemon keeps per ring: its memory, and the button of its doorbell.
pub const FDS_PER_RING: usize = 2;
/// Descriptors for everything else: connections beyond the limits, the daemon's own, answers on their way.
pub const FDS_OTHER: usize = STRANGERS_MAX + TURNED_AWAY_MAX + 128;
/// Rings of a domain unless the policy says otherwise: what the hypervisor's core has as its default.
pub const DOMAIN_RINGS: u32 = v4v_hv::limits::MAX_RINGS_DEFAULT;
/// Bytes of a domain's rings unless the policy says otherwise: so many rings of 1 MiB, more than connections have by default.
pub const DOMAIN_BYTES: u64 = DOMAIN_RINGS as u64 * (1 << 20);
/// Listeners with descriptors, of all domains: each is a line in a table and, now and then, a look whether it is there.
pub const LISTENERS_MAX: usize = 8192;
/// Listeners of one user, where several share the daemon: half of all.
pub const LISTENERS_PER_UID: usize = LISTENERS_MAX / 2;
/// The least backlog of a listener with a descriptor: TCP's queue of half-open connections is as long by default.
pub const BACKLOG_LEAST: i32 = 128;
/// Ports from which the daemon chooses (RFC 6335, section 6: the dynamic ports).
pub const DYNAMIC_PORTS: RangeInclusive<u32> = 49_152..=65_535;
/// Random ports that are tried before all are looked through.
pub const PORT_TRIES: usize = 16;
/// How long the listeners of a domain without processes may be gone unnoticed.
pub const SWEEP_PERIOD: Duration = Duration::from_secs(1);
/// Greatest size of a policy file in bytes, far above any sensible one.
pub const POLICY_MAX: u64 = 1 << 20;
/// Domains in one answer.
pub const DOMAINS_PER_ANSWER: usize = BLOB_MAX / DomainRecord::SIZE;
/// Rings in one answer.
pub const RINGS_PER_ANSWER: usize = BLOB_MAX / RingRecord::SIZE;
/// Events taken from the kernel at once.
pub const EVENTS_PER_ROUND: usize = 64;
/// New connections accepted before the others are served again.
pub const ACCEPTS_PER_ROUND: usize = 64;
/// How long no new connection is looked at after one could not be accepted.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Log lines about clients' faults in [`LOG_PERIOD_S`]; what is beyond is counted.
pub const LOG_LINES: u32 = 20;
/// Seconds after which such lines are allowed anew.
pub const LOG_PERIOD_S: u64 = 10;

/// What the process's limit of descriptors leaves room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Processes.
    pub clients: usize,
    /// Processes of one user.
    pub clients_per_uid: usize,
    /// Rings.
    pub rings: usize,
    /// Rings of one user, where several share the daemon: half of all.
    pub rings_per_uid: usize,
}

impl Capacity {
    /// With so many descriptors: a quarter for processes, the rest for rings.
    #[must_use]
    pub fn of(descriptors: u64) -> Self {
        let all = usize::try_from(descriptors)
            .unwrap_or(usize::MAX)
            .saturating_sub(FDS_OTHER);
        let clients = CLIENTS_MAX.min(all / 4);
        let rings = RINGS_MAX.min((all - clients) / FDS_PER_RING);
        Self {
            clients,
            clients_per_uid: clients.div_ceil(2),
            rings,
            rings_per_uid: rings.div_ceil(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_suffice_for_what_is_allowed() {
        for descriptors in [0, 300, 1024, 20_000, 1 << 20] {
            let c = Capacity::of(descriptors);
            let needed = c.clients + c.rings * FDS_PER_RING + FDS_OTHER;
            assert!(
                needed <= usize::try_from(descriptors).expect("64 bits").max(FDS_OTHER),
                "{descriptors}"
            );
        }
        let ample = Capacity::of(1 << 20);
        assert_eq!(
            (ample.clients, ample.clients_per_uid, ample.rings),
            (CLIENTS_MAX, CLIENTS_PER_UID, RINGS_MAX)
        );
    }
}
