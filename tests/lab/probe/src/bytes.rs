//! The ABI's structures as bytes (`xen/include/public/argo.h`).

/// An address of a ring: port, domain, padding.
#[derive(Clone, Copy)]
pub(crate) struct Addr {
    pub(crate) port: u32,
    pub(crate) domain: u16,
    pub(crate) pad: u16,
}

impl Addr {
    pub(crate) fn new(port: u32, domain: u16) -> Self {
        Self { port, domain, pad: 0 }
    }

    pub(crate) fn encode(self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&self.port.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.domain.to_le_bytes());
        bytes[6..].copy_from_slice(&self.pad.to_le_bytes());
        bytes
    }
}

/// `xen_argo_register_ring_t`.
pub(crate) fn register(ring: Addr, len: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&ring.encode());
    bytes[8..].copy_from_slice(&len.to_le_bytes());
    bytes
}

/// `xen_argo_send_addr_t`.
pub(crate) fn send(source: Addr, destination: Addr) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&source.encode());
    bytes[8..].copy_from_slice(&destination.encode());
    bytes
}

/// `xen_argo_iov_t`.
#[derive(Clone, Copy)]
pub(crate) struct Iov {
    pub(crate) handle: u64,
    pub(crate) len: u32,
    pub(crate) pad: u32,
}

impl Iov {
    /// What `data` holds; the caller keeps it.
    pub(crate) fn of(data: &[u8]) -> Self {
        Self {
            handle: data.as_ptr() as u64,
            len: data.len() as u32,
            pad: 0,
        }
    }

    pub(crate) fn encode(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.handle.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.len.to_le_bytes());
        bytes[12..].copy_from_slice(&self.pad.to_le_bytes());
        bytes
    }
}

/// One entry of `xen_argo_ring_data_t`, as asked or as answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RingData {
    pub(crate) flags: u16,
    pub(crate) max: u32,
}

/// A whole question to notify: the header and its entries, each a ring and the space wanted there.
pub(crate) fn question(wanted: &[(Addr, u32)]) -> Vec<u8> {
    let mut bytes = (wanted.len() as u32).to_le_bytes().to_vec();
    bytes.extend([0; 4]);
    for (ring, space) in wanted {
        bytes.extend(ring.encode());
        // Flags and padding are the hypervisor's; a value here shows what it leaves alone.
        bytes.extend([0; 4]);
        bytes.extend(space.to_le_bytes());
        bytes.extend(UNTOUCHED.to_le_bytes());
    }
    bytes
}

/// What [`question`] puts where the greatest message comes back.
pub(crate) const UNTOUCHED: u32 = 0xA5A5_A5A5;

/// The answer to one entry of a question.
pub(crate) fn answer(question: &[u8], entry: usize) -> RingData {
    let at = 8 + entry * 20;
    let field = |from: usize| &question[at + from..];
    RingData {
        flags: u16::from_le_bytes([field(8)[0], field(8)[1]]),
        max: u32::from_le_bytes([field(16)[0], field(16)[1], field(16)[2], field(16)[3]]),
    }
}
