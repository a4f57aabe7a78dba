//! Hypercalls drawn from an input: mostly such that they get past the first checks, now and then anything.

use v4v_hv::abi::{
    NO_SLOT, OP_CAPS, OP_NOTIFY, OP_READY_SETUP, OP_REGISTER, OP_RING_SETUP, OP_SENDV, OP_UNREGISTER,
    RingSetup,
};
use v4v_ring::layout::{RING_LEN_MAX, pages};
use v4v_ring::{Addr, DomId};

use crate::input::Input;

/// Longest ring that is drawn, but for lengths that are refused: longer ones only take longer.
const LONGEST: u32 = 1 << 16;

/// Where a call's structures go in its caller's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    /// The structure of the first argument.
    pub(crate) first: u64,
    /// Buffer descriptions.
    pub(crate) iovs: u64,
    /// Payload.
    pub(crate) data: u64,
    /// Frame numbers.
    pub(crate) frames: u64,
}

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) op: u32,
    pub(crate) args: [u64; 4],
    /// What is to be written to memory before: address, bytes.
    pub(crate) memory: Vec<(u64, Vec<u8>)>,
}

/// Draws a call by, and about, one of `domains`.
pub(crate) fn draw(input: &mut Input<'_>, places: Places, domains: &[u16]) -> Call {
    let mut call = match input.u8() % 16 {
        0..=3 => register(input, places, domains),
        4 | 5 => unregister(input, places, domains),
        6..=9 => sendv(input, places, domains),
        10 | 11 => notify(input, places, domains),
        12 | 13 => ring_setup(input, places, domains),
        14 => simple(input.pick(&[OP_CAPS, OP_READY_SETUP]), places.first),
        _ => simple(input.u32(), input.u64()),
    };
    if input.one_in(8) {
        spoil(input, &mut call);
    }
    call
}

/// Changes one thing about a call to anything.
fn spoil(input: &mut Input<'_>, call: &mut Call) {
    match input.u8() % 6 {
        at @ 0..=3 => call.args[usize::from(at)] = input.u64(),
        4 => call.op = input.u32(),
        _ => {
            if let Some((_, bytes)) = call.memory.first_mut() {
                let at = usize::from(input.u8()) % bytes.len().max(1);
                let anything = input.bytes(8);
                for (to, from) in bytes.iter_mut().skip(at).zip(anything) {
                    *to = *from;
                }
            }
        }
    }
    bound_register(call);
}

/// Keeps a registration that would succeed small.
fn bound_register(call: &mut Call) {
    if call.op != OP_REGISTER {
        return;
    }
    let structure = call.memory.first_mut();
    let Some(len) = structure.and_then(|(_, bytes)| bytes.get_mut(8..12)) else {
        return;
    };
    let said = u32::from_le_bytes([len[0], len[1], len[2], len[3]]);
    if (LONGEST..=RING_LEN_MAX).contains(&said) {
        len.copy_from_slice(&(said % LONGEST).to_le_bytes());
    }
}

fn simple(op: u32, arg1: u64) -> Call {
    Call {
        op,
        args: [arg1, 0, 0, 0],
        memory: Vec::new(),
    }
}

/// Few ports, so that calls meet; some with the bit of a connection's ring.
fn port(input: &mut Input<'_>) -> u32 {
    let n = u32::from(input.u8());
    5000 + n % 4 + if n >= 192 { 1 << 31 } else { 0 }
}

fn partner(input: &mut Input<'_>, domains: &[u16]) -> DomId {
    match input.u8() % 8 {
        0..=5 => DomId(input.pick(domains)),
        6 => DomId::ANY,
        _ => DomId(input.u16()),
    }
}

fn register(input: &mut Input<'_>, places: Places, domains: &[u16]) -> Call {
    let len = u32::from(input.pick(&[3_u16, 4, 5, 8, 60, 252, 253, 4092])) * 16;
    let mut bytes = port(input).to_le_bytes().to_vec();
    bytes.extend(partner(input, domains).0.to_le_bytes());
    bytes.extend([0; 2]);
    bytes.extend(len.to_le_bytes());
    let first = u64::from(input.u8() % 4) << 12;
    let frames = (0..u64::from(pages(len)))
        .flat_map(|n| (first + n).to_le_bytes())
        .collect();
    let flags = u64::from(input.one_in(4));
    Call {
        op: OP_REGISTER,
        args: [places.first, places.frames, pages(len).into(), flags],
        memory: vec![(places.first, bytes), (places.frames, frames)],
    }
}

fn unregister(input: &mut Input<'_>, places: Places, domains: &[u16]) -> Call {
    let port = port(input);
    let bytes = Addr::new(partner(input, domains), port).encode().to_vec();
    Call {
        memory: vec![(places.first, bytes)],
        ..simple(OP_UNREGISTER, places.first)
    }
}

fn sendv(input: &mut Input<'_>, places: Places, domains: &[u16]) -> Call {
    let source = if input.one_in(8) {
        partner(input, domains)
    } else {
        DomId::ANY
    };
    let to = Addr::new(partner(input, domains), port(input));
    let addresses = [Addr::new(source, input.u8().into()).encode(), to.encode()].concat();
    let count = input.u8() % 4;
    let (mut iovs, mut at) = (Vec::new(), places.data);
    for _ in 0..count {
        let len = if input.one_in(16) {
            input.u32()
        } else {
            u32::from(input.u8()) % 128
        };
        iovs.extend(at.to_le_bytes());
        iovs.extend(len.to_le_bytes());
        iovs.extend([0; 4]);
        at = at.wrapping_add(len.into());
    }
    Call {
        op: OP_SENDV,
        args: [places.first, places.iovs, count.into(), input.u8().into()],
        memory: vec![(places.first, addresses), (places.iovs, iovs)],
    }
}

fn notify(input: &mut Input<'_>, places: Places, domains: &[u16]) -> Call {
    if input.one_in(3) {
        return simple(OP_NOTIFY, 0);
    }
    let count = input.u8() % 4;
    let mut bytes = u64::from(count).to_le_bytes().to_vec();
    for _ in 0..count {
        bytes.extend(Addr::new(partner(input, domains), port(input)).encode());
        bytes.extend([0; 4]);
        bytes.extend(u32::from(input.u16() % 512).to_le_bytes());
        bytes.extend([0; 4]);
    }
    Call {
        memory: vec![(places.first, bytes)],
        ..simple(OP_NOTIFY, places.first)
    }
}

fn ring_setup(input: &mut Input<'_>, places: Places, domains: &[u16]) -> Call {
    let setup = RingSetup {
        port: port(input),
        partner: partner(input, domains),
        pad: 0,
        flags: (input.u8() % 8).into(),
        ready_slot: if input.one_in(4) {
            NO_SLOT
        } else {
            input.u8().into()
        },
        watch_port: port(input),
    };
    Call {
        memory: vec![(places.first, setup.encode().to_vec())],
        ..simple(OP_RING_SETUP, places.first)
    }
}
