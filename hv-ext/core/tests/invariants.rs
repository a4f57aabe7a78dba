//! Random operations of four domains against a model: counts, bytes, and nothing left when all are dead.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use v4v_hv::abi::setup_flags::{SET_READY, SET_WATCH, USE_FLAGS};
use v4v_hv::testing::{Guest, Reader, TestHost, domains};
use v4v_hv::{Addr, DomId, Errno, Hypervisor, Params};

const DOMAINS: u16 = 4;
const MAX_RINGS: u32 = 5;

#[derive(Clone, Copy, Debug)]
enum Op {
    Create,
    Destroy,
    Reset,
    Register { len: u32 },
    Unregister,
    Send { len: u8 },
    Take,
    Notify,
    Ask { space: u8 },
    Setup { flags: u32, number: u32 },
    ReadyPage,
}

/// An operation of one domain towards another (4 is the wildcard) at a port.
#[derive(Clone, Copy, Debug)]
struct Step {
    op: Op,
    who: u16,
    whom: u16,
    port: u32,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => Just(Op::Create),
        1 => Just(Op::Destroy),
        1 => Just(Op::Reset),
        6 => (3_u32..8).prop_map(|slots| Op::Register { len: slots * 16 }),
        3 => Just(Op::Unregister),
        12 => (0..90_u8).prop_map(|len| Op::Send { len }),
        8 => Just(Op::Take),
        4 => Just(Op::Notify),
        3 => (0..90_u8).prop_map(|space| Op::Ask { space }),
        4 => (0..8_u32, 0..3_u32).prop_map(|(flags, number)| Op::Setup { flags, number }),
        1 => Just(Op::ReadyPage),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (op(), 0..DOMAINS, 0..=DOMAINS, 0..3_u32).prop_map(|(op, who, whom, port)| Step { op, who, whom, port })
}

/// What a ring should hold.
struct ModelRing {
    len: u32,
    reader: Reader,
    messages: VecDeque<Vec<u8>>,
    /// Its partner died since it was registered.
    orphaned: bool,
}

type Key = (DomId, u32, DomId);

struct World {
    hv: Arc<Hypervisor<TestHost>>,
    guests: Vec<Guest>,
    alive: Vec<bool>,
    rings: BTreeMap<Key, ModelRing>,
    sent: u8,
}

impl World {
    fn new() -> Self {
        let hv = TestHost::boot_with(Params {
            enabled: true,
            mac_permissive: true,
            max_rings: MAX_RINGS,
        });
        let guests = domains(&hv, [0, 1, 2, 3]).to_vec();
        Self {
            hv,
            guests,
            alive: vec![true; DOMAINS.into()],
            rings: BTreeMap::new(),
            sent: 0,
        }
    }

    fn died(&mut self, id: DomId) {
        self.rings.retain(|key, _| key.0 != id);
        self.rings
            .iter_mut()
            .filter(|(key, _)| key.2 == id)
            .for_each(|(_, ring)| ring.orphaned = true);
    }

    fn count(&self, owner: DomId) -> usize {
        self.rings.keys().filter(|key| key.0 == owner).count()
    }

    fn register(&mut self, key: Key, len: u32) -> i64 {
        let (owner, port, partner) = key;
        let guest = &self.guests[usize::from(owner.0)];
        let returned = guest.register(port, partner, len);
        let partner_alive = partner.is_any() || self.alive[usize::from(partner.0)];
        let expected = if !self.alive[usize::from(owner.0)] {
            Err(Errno::NODEV)
        } else if !partner_alive {
            Err(Errno::CONNREFUSED)
        } else if self.count(owner) >= MAX_RINGS as usize {
            Err(Errno::NOSPC)
        } else if self.rings.get(&key).is_some_and(|ring| ring.len != len) {
            Err(Errno::EXIST)
        } else {
            Ok(())
        };
        if expected.is_ok() {
            match self.rings.get_mut(&key) {
                Some(ring) => ring.orphaned = false,
                None => self.start(key, len),
            }
        }
        assert_eq!(returned, expected.map_or_else(Errno::to_return, |()| 0));
        returned
    }

    /// A new ring's pages may be an old ring's: its cursors are made equal, and reading starts there.
    fn start(&mut self, key: Key, len: u32) {
        let guest = &self.guests[usize::from(key.0.0)];
        let mut reader = guest.reader(key.1, key.2);
        while reader.take().is_some() {}
        self.rings.insert(
            key,
            ModelRing {
                len,
                reader,
                messages: VecDeque::new(),
                orphaned: false,
            },
        );
    }

    fn route(&mut self, who: DomId, whom: DomId, port: u32) -> Option<&mut ModelRing> {
        let own = (whom, port, who);
        let key = if self.rings.get(&own).is_some_and(|r| !r.orphaned) {
            own
        } else {
            (whom, port, DomId::ANY)
        };
        self.rings.get_mut(&key)
    }

    fn send(&mut self, who: &Guest, whom: DomId, port: u32, len: u8) {
        self.sent = self.sent.wrapping_add(1);
        let payload = vec![self.sent; len.into()];
        let returned = who.send(whom, port, &payload);
        let alive = |id: DomId| self.alive.get(usize::from(id.0)).copied();
        let expected = match (alive(who.id), alive(whom)) {
            (_, None) => Err(Errno::SRCH),
            (Some(false), _) => Err(Errno::NODEV),
            (_, Some(false)) => Err(Errno::CONNREFUSED),
            _ => self
                .route(who.id, whom, port)
                .ok_or(Errno::CONNREFUSED)
                .and_then(|ring| {
                    let need = |n: usize| 16 + n.next_multiple_of(16);
                    let used: usize = ring.messages.iter().map(|m| need(m.len())).sum();
                    if need(payload.len()) >= ring.len as usize {
                        Err(Errno::MSGSIZE)
                    } else if need(payload.len()) >= ring.len as usize - used {
                        Err(Errno::AGAIN)
                    } else {
                        ring.messages.push_back(payload);
                        Ok(len)
                    }
                }),
        };
        assert_eq!(returned, expected.map_or_else(Errno::to_return, i64::from));
    }

    fn run(&mut self, Step { op, who, whom, port }: Step) {
        let guest = self.guests[usize::from(who)].clone();
        let partner = if whom == DOMAINS { DomId::ANY } else { DomId(whom) };
        let key = (guest.id, port, partner);
        let alive = self.alive[usize::from(who)];
        match op {
            Op::Create => {
                let expected = if alive { Err(Errno::EXIST) } else { Ok(()) };
                assert_eq!(self.hv.domain_create(guest.id), expected);
                self.alive[usize::from(who)] = true;
            }
            Op::Destroy => {
                self.hv.domain_destroy(guest.id);
                self.alive[usize::from(who)] = false;
                self.died(guest.id);
            }
            Op::Reset => {
                assert_eq!(self.hv.soft_reset(guest.id), Ok(()));
                self.died(guest.id);
            }
            Op::Register { len } => drop(self.register(key, len)),
            Op::Unregister => {
                let known = self.rings.remove(&key).is_some();
                let expected = if known {
                    0
                } else if alive {
                    Errno::NOENT.to_return()
                } else {
                    Errno::NODEV.to_return()
                };
                assert_eq!(guest.unregister(port, partner), expected);
            }
            Op::Send { len } => self.send(&guest, partner, port, len),
            Op::Take => {
                if let Some(ring) = self.rings.get_mut(&key) {
                    assert_eq!(
                        ring.reader.take().map(|got| got.payload),
                        ring.messages.pop_front()
                    );
                }
            }
            Op::Notify => {
                guest.notify();
            }
            Op::Ask { space } => {
                let (_, flags, _) = guest.ask(Addr::new(partner, port), space.into());
                let known = alive && self.route(guest.id, partner, port).is_some();
                assert_eq!(flags & 1 != 0 && flags != 0xAAAA, known);
            }
            Op::Setup { flags, number } => {
                let wild = if partner.is_any() { !SET_WATCH } else { !0 };
                guest.set(
                    port,
                    partner,
                    flags & (SET_READY | SET_WATCH | USE_FLAGS) & wild,
                    number,
                );
            }
            Op::ReadyPage => {
                guest.give_ready_page(3);
            }
        }
    }

    fn check(&self) {
        self.hv.for_each_domain(|d| {
            let own = || self.rings.iter().filter(|(key, _)| key.0 == d.id);
            assert_eq!(d.rings, own().count());
            assert_eq!(d.bytes, own().map(|(_, ring)| u64::from(ring.len)).sum::<u64>());
            assert!(d.watches <= d.rings && d.waiting <= d.rings, "{d:?}");
            let mut waiting = 0;
            self.hv.for_each_ring(d.id, |ring| {
                waiting += usize::from(ring.pending > 0);
                assert!(ring.pending <= DOMAINS.into());
                let model = &self.rings[&(ring.id.owner, ring.id.port, ring.id.partner)];
                assert!(ring.peer_gone || !model.orphaned);
            });
            assert!(
                waiting <= d.waiting,
                "notify finds every ring for which somebody waits"
            );
        });
    }
}

proptest! {
    #[test]
    fn any_sequence_of_operations_agrees_with_the_model(steps in vec(step(), 0..120)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
            world.check();
        }
        let World { hv, guests, rings, .. } = world;
        drop(rings);
        guests.iter().for_each(|guest| hv.domain_destroy(guest.id));
        prop_assert_eq!((hv.host().live(), hv.host().mappings()), (0, 0));
    }

    /// Hypercalls of bytes and numbers drawn at random return, and return what a hypercall may.
    #[test]
    fn any_hypercall_returns(
        calls in vec((0..20_u32, any::<[u8; 64]>(), 0..0x1_0004_u64, 0..0x2_0000_u64, 0..10_u64, any::<u32>()), 1..40),
    ) {
        let world = World::new();
        for (at, (cmd, bytes, arg1, arg2, arg3, arg4)) in (0..).zip(calls) {
            let guest = &world.guests[at % 4];
            guest.poke(Guest::STRUCT, &bytes);
            guest.poke(Guest::IOVS, &bytes);
            let arg1 = if arg1 > 0x8000 { Guest::STRUCT } else { arg1 };
            let arg2 = if arg2 > 0x1_0000 { 0 } else { arg2 };
            let arg4 = if arg4 & 1 == 0 { 0 } else { u64::from(arg4) };
            let returned = guest.call(cmd, arg1, arg2, arg3, arg4);
            prop_assert!((-4095..=0xFF_FFE0).contains(&returned), "{returned}");
        }
        world.guests.iter().for_each(|guest| world.hv.domain_destroy(guest.id));
        prop_assert_eq!((world.hv.host().live(), world.hv.host().mappings()), (0, 0));
    }
}
