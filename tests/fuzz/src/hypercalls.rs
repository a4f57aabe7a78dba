//! Guests that make any hypercall.

use std::sync::Arc;

use v4v_hv::abi::{Caps, OP_SENDV, RingSetup};
use v4v_hv::limits::MAX_PENDING;
use v4v_hv::testing::{Guest, MEMORY_SIZE, MEMORY_START, TestHost, domains};
use v4v_hv::{DomId, Errno, Hypervisor, Params, RingId, RingStats};
use v4v_ring::cursor::footprint;
use v4v_ring::layout::{MESSAGE_HEADER, MESSAGE_MAX, MessageHeader, Word};
use v4v_ring::{RingMem, cursor};

use crate::calls::{self, Call, Places};
use crate::input::Input;
use crate::outcomes::{self, Seen};

const IDS: [u16; 3] = [1, 2, 3];
const MAX_RINGS: u32 = 6;
/// Of one input; what comes after them repeats what came before.
const STEPS: usize = 200;
const PLACES: Places = Places {
    first: Guest::STRUCT,
    iovs: Guest::IOVS,
    data: Guest::DATA,
    frames: Guest::GFNS,
};

struct World {
    hv: Arc<Hypervisor<TestHost>>,
    guests: [Guest; 3],
}

/// Fuzz target: see the crate's table.
///
/// # Panics
/// Where a call returns what no call may, succeeds with arguments that it must refuse, or fails and has changed something; where a
/// sent message is not the ring's last one with its sender's true name, a sender that waits or a ring whose partner died is
/// forgotten, a bound is exceeded, a lock is taken on top of another, or something is left when all are dead.
pub fn hypercall_decode(data: &[u8]) {
    structures(data);
    let mut input = Input::new(data);
    let hv = TestHost::boot_with(Params {
        enabled: true,
        mac_permissive: true,
        max_rings: MAX_RINGS,
    });
    let guests = domains(&hv, IDS);
    let world = World { hv, guests };
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
        world.check_bounds();
    }
    world.hv.host().fail_allocation(None);
    world
        .guests
        .iter()
        .for_each(|guest| world.hv.domain_destroy(guest.id));
    assert_eq!((world.hv.host().live(), world.hv.host().mappings()), (0, 0));
}

/// Structures that are both read and written come back as they were.
fn structures(data: &[u8]) {
    if let Some(bytes) = data.first_chunk::<{ RingSetup::SIZE }>() {
        assert_eq!(RingSetup::decode(bytes).encode(), *bytes);
    }
    if let Some(bytes) = data.first_chunk::<{ Caps::SIZE }>() {
        assert_eq!(Caps::decode(bytes).encode()[..24], bytes[..24]);
    }
}

impl World {
    fn step(&self, input: &mut Input<'_>) {
        let guest = self.guests[usize::from(input.u8()) % 3].clone();
        match input.u8() % 32 {
            0 => self.destroy(guest.id),
            1 => drop(self.hv.domain_create(guest.id)),
            2 => self.hv.host().fail_allocation(Some((input.u8() % 8).into())),
            3 => drop(self.hv.soft_reset(guest.id)),
            4 | 5 => self.scribble(&guest, input),
            6 => self.delegate(&guest, input),
            7 => self
                .hv
                .host()
                .spoil_frame(guest.id, u64::from(input.u8() % 4) << 12, Errno::PERM),
            _ => self.call(&guest, &calls::draw(input, PLACES, &IDS)),
        }
    }

    fn rings(&self) -> Vec<RingStats> {
        let mut rings = Vec::new();
        for id in IDS {
            self.hv.for_each_ring(DomId(id), |r| rings.push(r));
        }
        rings
    }

    fn seen(&self) -> Seen {
        let mut domains = Vec::new();
        self.hv.for_each_domain(|d| domains.push(d));
        let host = self.hv.host();
        Seen {
            domains,
            rings: self.rings(),
            mappings: host.mappings(),
            live: host.live(),
        }
    }

    /// An owner writes nonsense into one of its rings.
    fn scribble(&self, guest: &Guest, input: &mut Input<'_>) {
        let mut own = self.rings();
        own.retain(|ring| ring.id.owner == guest.id);
        let word = input.pick(&[Word::Rx, Word::Tx, Word::Event, Word::Space, Word::State]);
        let value = if input.one_in(3) {
            input.u32()
        } else {
            u32::from(input.u8()) * 16
        };
        if let Some(ring) = own.first() {
            let mem = self.hv.ring_mem(ring.id).expect("it was just listed");
            mem.store(word, value);
        }
    }

    /// A guest takes over a ring that is for it alone; from then on the hypervisor does not write it.
    fn delegate(&self, guest: &Guest, input: &mut Input<'_>) {
        let id = RingId {
            owner: DomId(input.pick(&IDS)),
            port: 5000 + u32::from(input.u8() % 4),
            partner: guest.id,
        };
        if self.hv.delegate(id).is_ok() {
            let ring = self.rings().into_iter().find(|ring| ring.id == id);
            assert!(ring.is_some_and(|ring| ring.delegated && ring.pending == 0));
        }
    }

    fn call(&self, guest: &Guest, call: &Call) {
        let range = MEMORY_START..MEMORY_SIZE as u64;
        for (at, bytes) in &call.memory {
            if range.contains(at) && range.contains(&(at + bytes.len() as u64)) {
                guest.poke(*at, bytes);
            }
        }
        let before = self.seen();
        self.hv.host().happened();
        let [arg1, arg2, arg3, arg4] = call.args;
        let returned = guest.call(call.op, arg1, arg2, arg3, arg4);
        let range = -4095..=i64::from(MESSAGE_MAX);
        assert!(range.contains(&returned), "{call:x?}: {returned}");
        let (after, signals) = (self.seen(), self.hv.host().signalled().len());
        assert!(signals >= before.waiters_lost(&after), "{call:x?}");
        if returned < 0 {
            outcomes::check_failure(guest, call, returned, &before, &after);
        } else {
            outcomes::check_success(guest, call, returned, &before, &after);
        }
        if call.op == OP_SENDV {
            self.check_sent(guest.id, call, returned, &before, &after);
        } else {
            assert!(returned <= 0, "only sendv counts: {call:x?}");
        }
    }

    /// A domain dies; whoever waited for its rings is told, but for itself.
    fn destroy(&self, id: DomId) {
        let before = self.seen();
        self.hv.host().happened();
        self.hv.domain_destroy(id);
        let (after, told) = (self.seen(), self.hv.host().signalled());
        let own = before.rings.len() - after.rings.len();
        assert!(told.len() + own >= before.waiters_lost(&after) && !told.contains(&id));
    }

    /// A message was sent, or none was.
    fn check_sent(&self, sender: DomId, call: &Call, returned: i64, before: &Seen, after: &Seen) {
        let mut grown = after.rings.iter().filter(|ring| {
            let old = before.rings.iter().find(|old| old.id == ring.id);
            old.is_none_or(|old| old.messages != ring.messages)
        });
        let Ok(len) = u32::try_from(returned) else {
            assert!(grown.next().is_none(), "{call:x?}");
            return;
        };
        let ring = grown.next().expect("a message went somewhere");
        assert!(grown.next().is_none() && !ring.delegated, "{call:x?}");
        assert!(ring.id.partner == sender || ring.id.partner.is_any());
        let mem = self.hv.ring_mem(ring.id).expect("it was just listed");
        let back = ring.len - footprint(len);
        let start = cursor::advance(mem.load(Word::Tx), back, ring.len);
        let mut raw = [0; MESSAGE_HEADER as usize];
        mem.read(start, &mut raw);
        let header = MessageHeader::decode(raw);
        assert_eq!(header.len, MESSAGE_HEADER + len, "{call:x?}");
        assert_eq!(
            (header.source.domain, u64::from(header.kind)),
            (sender, call.args[3]),
            "{call:x?}"
        );
    }

    fn check_bounds(&self) {
        let seen = self.seen();
        for ring in &seen.rings {
            let most = MAX_PENDING.min(seen.domains.len());
            assert!(ring.pending <= most && ring.free <= ring.len, "{ring:?}");
            let partner = ring.id.partner;
            let orphan = !partner.is_any() && !seen.is_alive(partner);
            assert!(!orphan || ring.peer_gone, "{ring:?}");
        }
        for d in &seen.domains {
            let within = d.rings <= MAX_RINGS as usize && d.watches <= d.rings && d.waiting <= d.rings;
            assert!(within, "{d:?}");
        }
    }
}
