//! Processes that ask v4vd's core for anything.

use std::rc::Rc;

use v4v_hosted::daemon::Policy;
use v4v_hosted::daemon::limits::Capacity;
use v4v_hosted::daemon::machine::{Hv, Machine};
use v4v_hosted::daemon::rings::{Caller, ClientId};
use v4v_hosted::daemon::service::Session;
use v4v_hosted::wire::{
    BLOB_BASE, BLOB_MAX, DomainRecord, FDS_MAX, MAGIC, REQUEST_HEADER, Request, Response, RingRecord,
    VERSION, check_name, decode_name, op,
};
use v4v_hv::abi::OP_REGISTER;
use v4v_ring::DomId;

use crate::calls::{self, Places};
use crate::input::Input;

/// Small quotas, a rule of each kind, a name with a fixed id.
const POLICY: &str = "
unlisted = 'allow'
rings = 5
bytes = 65536
[domain.gpu]
uid = 1000
id = 7
rings = 3
[[allow]]
from = '*'
to = 'gpu'
[[deny]]
from = 'web-*'
to = 'db'
ports = '5001-5002'
";
/// v4vd's own user.
const OWNER: u32 = 500;
const UIDS: [u32; 3] = [1000, 1000, 0];
/// Ids that domains get here, and one that none has.
const IDS: [u16; 4] = [1, 2, 7, 9];
const NAMES: [&[u8]; 6] = [b"gpu", b"db", b"web-1", b"web-2", b"", b"no name"];
const STEPS: usize = 200;
/// A blob's layout: structure, buffers, frames (which v4vd does not look at), payload.
const PLACES: Places = Places {
    first: BLOB_BASE,
    iovs: BLOB_BASE + 16,
    data: BLOB_BASE + 96,
    frames: 0,
};

/// Fuzz target: see the crate's table.
///
/// # Panics
/// Where bytes decode to what does not encode to them, a refusal is no errno, an answer does not fit a packet or has the wrong
/// descriptors, a quota is exceeded, the daemon's books and the hypervisor's differ, or something is left when all are gone.
pub fn wire(data: &[u8]) {
    encodings(data);
    let mut input = Input::new(data);
    let policy = Policy::parse(POLICY, OWNER).expect("a policy");
    let hv = Hv::new(Machine::new(Rc::new(policy), Capacity::of(1024)));
    let mut next = 0;
    let mut clients = UIDS.map(|uid| new_client(&mut next, uid));
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        let at = usize::from(input.u8()) % clients.len();
        if input.one_in(32) {
            let fresh = new_client(&mut next, UIDS[at]);
            std::mem::replace(&mut clients[at], fresh).end(&hv);
        } else {
            ask(&hv, &mut clients[at], &mut input);
        }
        check_books(&hv);
    }
    clients.into_iter().for_each(|client| client.end(&hv));
    assert_eq!(hv.host().rings().count(), 0);
    assert_eq!(hv.host().domains().from(DomId(0)).count(), 0);
    hv.for_each_domain(|d| panic!("{d:?} is left"));
}

fn new_client(next: &mut u64, uid: u32) -> Session {
    *next += 1;
    Session::new(Caller {
        client: ClientId(*next),
        uid,
    })
}

/// What decodes encodes to the same bytes.
fn encodings(data: &[u8]) {
    match Request::decode(data) {
        Ok((request, blob)) => assert_eq!([&request.encode()[..], blob].concat(), data),
        Err(_) => assert!(data.len() < REQUEST_HEADER || data.len() > REQUEST_HEADER + BLOB_MAX),
    }
    if let Ok((response, blob)) = Response::decode(data) {
        // Four bytes of the header are reserved.
        let encoded = response.encode();
        assert_eq!((&encoded[..4], &encoded[8..]), (&data[..4], &data[8..16]));
        assert_eq!(blob, &data[16..]);
    }
    for record in DomainRecord::decode_all(data) {
        let again = DomainRecord::decode_all(&record.encode()).next();
        // A name that was no text has become longer; no daemon sends one.
        assert!(
            again.as_ref() == Some(&record) || check_name(&record.name).is_err(),
            "{record:?}"
        );
    }
    for record in RingRecord::decode_all(data) {
        assert_eq!(RingRecord::decode_all(&record.encode()).next(), Some(record));
    }
    if let Ok(name) = decode_name(data) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        assert!(check_name(name).is_ok() && (1..64).contains(&name.len()) && name.bytes().all(plain));
    }
}

/// One request, through its bytes as they would travel.
fn ask(hv: &Hv, client: &mut Session, input: &mut Input<'_>) {
    let (request, blob) = draw(input);
    let packet = [&request.encode()[..], &blob].concat();
    let (request, blob) = Request::decode(&packet).expect("it was just encoded");
    match client.serve(hv, &request, blob) {
        Ok(answer) => {
            assert!(answer.result >= 0 && answer.blob.len() <= BLOB_MAX);
            let fds = match request.op {
                OP_REGISTER => FDS_MAX,
                op::ATTACH => 2,
                op::LISTEN | op::CONNECT => 1,
                _ => 0,
            };
            assert_eq!(answer.gift.fds().len(), fds, "{request:?}");
        }
        Err(refusal) => {
            assert!((1..4096).contains(&refusal.errno), "{request:?}: {refusal:?}");
            assert!(refusal.sentence.len() <= BLOB_MAX);
        }
    }
}

fn draw(input: &mut Input<'_>) -> (Request, Vec<u8>) {
    let sequence = u32::from(input.u8());
    let request = |op, args| Request { op, sequence, args };
    match input.u8() % 16 {
        0..=2 => (
            request(op::HELLO, [MAGIC, VERSION.into(), 0, 0]),
            input.pick(&NAMES).to_vec(),
        ),
        3 => {
            let (id, a, b) = (input.pick(&IDS).into(), port(input), port(input));
            match input.u8() % 4 {
                1 => (request(op::LISTEN, [a, b, 0, 0]), Vec::new()),
                2 => (request(op::CONNECT, [id, a, 0, 0]), Vec::new()),
                _ => (request(op::ATTACH, [id, a, b, 0]), Vec::new()),
            }
        }
        4 => (request(op::RESOLVE, [0; 4]), input.pick(&NAMES).to_vec()),
        5 => {
            let op = input.pick(&[op::NAME_OF, op::LIST_DOMAINS, op::LIST_RINGS]);
            (
                request(op, [input.pick(&IDS).into(), u64::from(input.u8()) % 4, 0, 0]),
                Vec::new(),
            )
        }
        6 => {
            let args = [input.u64(), input.u64(), input.u64(), input.u64()];
            (
                request(0x1000 + u32::from(input.u8() % 8), args),
                input.bytes(80).to_vec(),
            )
        }
        _ => {
            let call = calls::draw(input, PLACES, &IDS);
            let mut blob = vec![0; 256];
            for (at, bytes) in &call.memory {
                let at = at.checked_sub(BLOB_BASE).and_then(|at| usize::try_from(at).ok());
                if let Some(to) = at.and_then(|at| blob.get_mut(at..)?.get_mut(..bytes.len())) {
                    to.copy_from_slice(bytes);
                }
            }
            (request(call.op, call.args), blob)
        }
    }
}

/// As the calls draw them.
fn port(input: &mut Input<'_>) -> u64 {
    let n = u64::from(input.u8());
    5000 + n % 4 + if n >= 192 { 1 << 31 } else { 0 }
}

/// The daemon's books, the hypervisor's, and the policy agree.
fn check_books(hv: &Hv) {
    let (machine, policy) = (hv.host(), hv.host().policy());
    let mut rings = 0;
    hv.for_each_domain(|d| {
        rings += d.rings;
        let domains = machine.domains();
        let domain = domains.get(d.id).expect("the daemon knows it");
        let (used, quota) = (machine.rings().of_domain(d.id), policy.quota(&domain.name));
        assert_eq!(used.rings as usize, d.rings);
        assert!(used.rings <= quota.rings && used.bytes <= quota.bytes, "{used:?}");
        assert!(domain.processes > 0 && policy.may_join(&domain.name, domain.uid).is_ok());
        hv.for_each_ring(d.id, |ring| {
            let known = machine.rings().get(ring.id).map(v4v_ring::RingMem::data_len);
            assert_eq!(known, Some(ring.len), "{ring:?}");
        });
    });
    assert_eq!(machine.rings().count(), rings);
}
