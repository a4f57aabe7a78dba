//! What a hypercall's return says about its arguments and about what came of it.

use v4v_hv::abi::{
    FLAG_FAIL_EXIST, Iov, OP_CAPS, OP_NOTIFY, OP_READY_SETUP, OP_REGISTER, OP_RING_SETUP, OP_SENDV,
    OP_UNREGISTER, Register, RingSetup, SendAddr, Unregister, setup_flags,
};
use v4v_hv::limits::{MAX_IOV, MAX_NOTIFY};
use v4v_hv::testing::Guest;
use v4v_hv::{DomId, DomainStats, Errno, RingId, RingStats};
use v4v_ring::layout::{MESSAGE_MAX, RING_LEN_MAX, RING_LEN_MIN, RING_PAGES_MAX, SLOT, pages};

use crate::calls::Call;

/// All that can be seen of the hypervisor's state.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) domains: Vec<DomainStats>,
    pub(crate) rings: Vec<RingStats>,
    pub(crate) mappings: usize,
    pub(crate) live: usize,
}

impl Seen {
    pub(crate) fn ring(&self, id: RingId) -> Option<&RingStats> {
        self.rings.iter().find(|ring| ring.id == id)
    }

    pub(crate) fn is_alive(&self, id: DomId) -> bool {
        self.domains.iter().any(|d| d.id == id)
    }

    /// Senders that waited in rings that `after` has no more.
    pub(crate) fn waiters_lost(&self, after: &Self) -> usize {
        let gone = self.rings.iter().filter(|ring| after.ring(ring.id).is_none());
        gone.map(|ring| ring.pending).sum()
    }
}

/// A structure that the call has read, and that is still there.
fn structure<const N: usize>(guest: &Guest, handle: u64) -> [u8; N] {
    let bytes = guest.peek(handle, N);
    bytes.try_into().expect("a successful call has read it")
}

/// A call succeeded: its arguments were such that it may.
pub(crate) fn check_success(guest: &Guest, call: &Call, returned: i64, before: &Seen, after: &Seen) {
    let [arg1, arg2, arg3, arg4] = call.args;
    let narrow = [arg3, arg4].iter().all(|arg| u32::try_from(*arg).is_ok());
    assert!(narrow, "{call:x?}");
    let alone = [arg2, arg3, arg4] == [0; 3];
    match call.op {
        OP_REGISTER => registered(guest, call, before, after),
        OP_UNREGISTER => {
            let asked = Unregister::decode(&structure(guest, arg1));
            let id = guest.ring(asked.port, asked.partner);
            assert!(alone && asked.pad == 0, "{call:x?}");
            assert!(before.ring(id).is_some() && after.ring(id).is_none(), "{call:x?}");
        }
        OP_SENDV => sent(guest, call, returned),
        OP_NOTIFY => {
            let count = (arg1 != 0).then(|| u32::from_le_bytes(structure(guest, arg1)));
            assert!(alone && count.is_none_or(|n| n <= MAX_NOTIFY), "{call:x?}");
        }
        OP_RING_SETUP => {
            let asked = RingSetup::decode(&structure(guest, arg1));
            let sound = asked.pad == 0 && asked.flags & !setup_flags::ALL == 0;
            assert!(alone && sound, "{call:x?}");
            assert!(
                after.ring(guest.ring(asked.port, asked.partner)).is_some(),
                "{call:x?}"
            );
        }
        OP_CAPS | OP_READY_SETUP => assert!(alone, "{call:x?}"),
        _ => panic!("no such operation: {call:x?}"),
    }
}

fn registered(guest: &Guest, call: &Call, before: &Seen, after: &Seen) {
    let [arg1, _, npages, flags] = call.args;
    let asked = Register::decode(&structure(guest, arg1));
    let id = guest.ring(asked.port, asked.partner);
    let sound = asked.pad == 0 && (RING_LEN_MIN..=RING_LEN_MAX).contains(&asked.len);
    assert!(sound && asked.len.is_multiple_of(SLOT), "{call:x?}");
    assert!(
        npages <= RING_PAGES_MAX.into() && npages == pages(asked.len).into(),
        "{call:x?}"
    );
    assert!(
        flags == 0 || flags == u64::from(FLAG_FAIL_EXIST) && before.ring(id).is_none(),
        "{call:x?}"
    );
    assert!(asked.partner.is_any() || before.is_alive(asked.partner));
    assert_eq!(after.ring(id).map(|ring| ring.len), Some(asked.len), "{call:x?}");
}

fn sent(guest: &Guest, call: &Call, returned: i64) {
    let [arg1, arg2, niov, _] = call.args;
    let asked = SendAddr::decode(&structure(guest, arg1));
    assert!(niov <= MAX_IOV.into() && asked.pads == [0; 2], "{call:x?}");
    assert!(
        asked.src.domain.is_any() || asked.src.domain == guest.id,
        "{call:x?}"
    );
    let iovs = (0..niov).map(|at| Iov::decode(&structure(guest, arg2 + at * Iov::SIZE as u64)));
    let mut sum = 0_u64;
    for iov in iovs {
        assert!(iov.pad == 0 && iov.len <= MESSAGE_MAX, "{call:x?}");
        sum += u64::from(iov.len);
    }
    assert_eq!(u64::try_from(returned), Ok(sum), "{call:x?}");
}

/// A call failed: it has changed nothing, but that a refused sender now waits.
pub(crate) fn check_failure(guest: &Guest, call: &Call, returned: i64, before: &Seen, after: &Seen) {
    if call.op == OP_NOTIFY {
        // What it answered before it failed stays answered.
        return;
    }
    if returned != Errno::AGAIN.to_return() {
        assert_eq!(after, before, "{call:x?}: {returned}");
        return;
    }
    let to = SendAddr::decode(&structure(guest, call.args[0])).dst;
    let waits = |ring: &RingStats| ring.id.owner == to.domain && ring.id.port == to.port && ring.pending > 0;
    let found = |d: &DomainStats| d.id == to.domain && d.waiting > 0;
    assert!(
        after.rings.iter().any(waits) && after.domains.iter().any(found),
        "{call:x?}"
    );
}
