//! The numbers of `docs/PROTOCOL.md` are those of the code.

use v4v_ring::layout::{event, space, state};
use v4v_ring::{Addr, DomId, MessageHeader, Word};
use v4v_sock::frame::{Accept, Reject, Request, SocketKind, VERSION, VERSION_LEAST, kind, reason};
use v4v_sock::limits;

const DOCUMENT: &str = include_str!("../../../docs/PROTOCOL.md");

/// The cells of a table's row.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Rows between the heading that starts with `heading` and the next blank line after a table began.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let lines = DOCUMENT.lines().skip_while(|line| !line.starts_with(heading));
    lines
        .skip_while(|l| !l.starts_with('|'))
        .take_while(|l| l.starts_with('|'))
        .skip(2)
        .map(cells)
        .collect()
}

/// Every row whose first cell is a name and whose second is a number.
fn named_numbers() -> Vec<(String, u64)> {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `")).map(cells);
    rows.filter_map(|row| Some((row[0].trim_matches('`').to_string(), number(row[1])?)))
        .collect()
}

/// What the code says, under the document's names.
fn from_code() -> Vec<(&'static str, u64)> {
    let words = [
        ("Rx", Word::Rx),
        ("Tx", Word::Tx),
        ("Event", Word::Event),
        ("Space", Word::Space),
        ("State", Word::State),
        ("RxCpu", Word::RxCpu),
        ("TxCpu", Word::TxCpu),
    ];
    let bits_and_kinds = [
        ("event::ALWAYS", event::ALWAYS),
        ("event::SUPPRESS", event::SUPPRESS),
        ("event::SLEEPS", event::SLEEPS),
        ("event::POLLS", event::POLLS),
        ("space::SLEEPS", space::SLEEPS),
        ("space::POLLS", space::POLLS),
        ("space::PENDING", space::PENDING),
        ("state::PEER_GONE", state::PEER_GONE),
        ("state::UNREGISTERED", state::UNREGISTERED),
        ("REQUEST", kind::REQUEST),
        ("ACCEPT", kind::ACCEPT),
        ("REJECT", kind::REJECT),
        ("DATA", kind::DATA),
        ("FIN", kind::FIN),
        ("DGRAM", kind::DGRAM),
        ("reason::VERSION", reason::VERSION),
        ("reason::TYPE", reason::TYPE),
        ("reason::RESOURCES", reason::RESOURCES),
        ("reason::CLOSED", reason::CLOSED),
        ("VERSION", VERSION.into()),
        ("VERSION_LEAST", VERSION_LEAST.into()),
    ];
    let limits = [
        ("PRIVILEGED_PORTS", limits::PRIVILEGED_PORTS as usize),
        ("EPHEMERAL_FIRST", limits::EPHEMERAL_FIRST as usize),
        ("EPHEMERAL_LAST", limits::EPHEMERAL_LAST as usize),
        ("WIDE_PORT_FIRST", limits::WIDE_PORT_FIRST as usize),
        ("RING_PORT_BIT", limits::RING_PORT_BIT as usize),
        ("CONN_RING_MIN", limits::CONN_RING_MIN as usize),
        ("CONN_RING_MAX", limits::CONN_RING_MAX as usize),
        ("CONN_RING_DEFAULT", limits::CONN_RING_DEFAULT as usize),
        ("LISTEN_RING", limits::LISTEN_RING as usize),
        ("DATAGRAM_RING_DEFAULT", limits::DATAGRAM_RING_DEFAULT as usize),
        ("DATAGRAM_MAX", limits::DATAGRAM_MAX as usize),
        ("STREAM_CHUNK", limits::STREAM_CHUNK as usize),
        ("CONTROL_RESERVE", limits::CONTROL_RESERVE as usize),
        ("BACKLOG_MAX", limits::BACKLOG_MAX),
        ("REQUESTS_PER_CALL", limits::REQUESTS_PER_CALL),
        ("STRANGERS_PER_CALL", limits::STRANGERS_PER_CALL),
        ("PORT_TRIES", limits::PORT_TRIES),
        ("PORTS_MAX", limits::PORTS_MAX),
    ];
    let words = words.into_iter().map(|(name, word)| (name, word as u64));
    let bits = bits_and_kinds
        .into_iter()
        .map(|(name, value)| (name, u64::from(value)));
    words
        .chain(bits)
        .chain(limits.into_iter().map(|(name, value)| (name, value as u64)))
        .collect()
}

#[test]
fn every_number_of_the_document_is_the_codes_and_none_is_missing() {
    let header_fields = ["len", "port", "domain", "kind"];
    let mut written = named_numbers();
    written.retain(|(name, _)| !header_fields.contains(&name.as_str()));
    let mut coded: Vec<_> = from_code()
        .into_iter()
        .map(|(name, value)| (name.to_string(), value))
        .collect();
    written.sort();
    coded.sort();
    assert_eq!(written, coded);
}

/// Compares a table of fields (offset, bytes, name) with the encoding of known values.
fn check_fields(heading: &str, encoded: &[u8], values: &[(&str, u64)]) {
    let rows = table(heading);
    assert_eq!(rows.len(), values.len(), "{heading}");
    let mut described = vec![false; encoded.len()];
    for row in rows {
        let (offset, bytes) = (number(row[0]).unwrap() as usize, number(row[1]).unwrap() as usize);
        let name = row[2].trim_matches('`');
        let value = values.iter().find(|(n, _)| *n == name).expect(name).1;
        assert_eq!(
            encoded[offset..offset + bytes],
            value.to_le_bytes()[..bytes],
            "{heading} {name}"
        );
        described[offset..offset + bytes].fill(true);
    }
    for (at, byte) in encoded.iter().enumerate() {
        assert!(
            described[at] || *byte == 0,
            "{heading}: byte {at} is not described"
        );
    }
}

#[test]
fn the_layouts_of_the_document_are_the_codes() {
    let cookie = 0x0102_0304_0506_0708;
    let request = Request {
        version: 11,
        least: 12,
        kind: 13,
        port: 14,
        ring: 0x8000_0015,
        ring_len: 16,
        cookie,
    };
    let fields = [
        ("version", 11),
        ("least", 12),
        ("kind", 13),
        ("port", 14),
        ("ring", 0x8000_0015),
        ("ring_len", 16),
        ("cookie", cookie),
    ];
    check_fields("### REQUEST, 32 bytes", &request.encode(), &fields);
    assert_eq!(Request::decode(&request.encode()), Some(request));

    let accept = Accept {
        version: 11,
        ring: 0x8000_0012,
        ring_len: 13,
        cookie,
    };
    let fields = [
        ("version", 11),
        ("ring", 0x8000_0012),
        ("ring_len", 13),
        ("cookie", cookie),
    ];
    check_fields("### ACCEPT, 24 bytes", &accept.encode(), &fields);
    assert_eq!(Accept::decode(&accept.encode()), Some(accept));

    let reject = Reject {
        version: 11,
        least: 12,
        reason: 13,
        cookie,
    };
    let fields = [("version", 11), ("least", 12), ("reason", 13), ("cookie", cookie)];
    check_fields("### REJECT, 16 bytes", &reject.encode(), &fields);
    assert_eq!(Reject::decode(&reject.encode()), Some(reject));
}

#[test]
fn the_message_header_of_the_document_is_the_codes() {
    let header = MessageHeader {
        len: 21,
        source: Addr::new(DomId(23), 22),
        kind: 24,
    };
    let encoded = header.encode();
    let lines: Vec<_> = DOCUMENT.lines().collect();
    for (name, value) in [("len", 21), ("port", 22), ("domain", 23), ("kind", 24_u64)] {
        let row = lines
            .iter()
            .map(|l| cells(l))
            .find(|row| row[0] == format!("`{name}`"))
            .expect(name);
        let (offset, bytes) = (number(row[1]).unwrap() as usize, number(row[2]).unwrap() as usize);
        assert_eq!(
            encoded[offset..offset + bytes],
            value.to_le_bytes()[..bytes],
            "{name}"
        );
    }
}

#[test]
fn sizes_and_types_of_the_document_are_the_codes() {
    for (kind, size) in [
        ("REQUEST", Request::SIZE),
        ("ACCEPT", Accept::SIZE),
        ("REJECT", Reject::SIZE),
    ] {
        assert!(DOCUMENT.contains(&format!("### {kind}, {size} bytes")));
        let row = DOCUMENT
            .lines()
            .find(|l| l.starts_with(&format!("| `{kind}` |")))
            .unwrap();
        assert_eq!(*cells(row).last().unwrap(), format!("{size} bytes"));
    }
    assert!(DOCUMENT.contains("socket type: 1 stream, 5 packets"));
    assert_eq!((SocketKind::Stream as u16, SocketKind::SeqPacket as u16), (1, 5));
}
