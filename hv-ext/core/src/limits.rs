//! Every maximum of this crate, with its reason.

/// Rings per domain unless the boot parameter says otherwise. Upstream's 128 is too few for a server with a ring per
/// connection; 4096 costs the hypervisor less than 1 MiB per domain.
pub const MAX_RINGS_DEFAULT: u32 = 4096;
/// Greatest value of that parameter: one ready slot for each ring. It bounds the memory moved under a domain's lock
/// when its sorted table changes.
pub const MAX_RINGS_LIMIT: u32 = READY_SLOTS;
/// Pending senders per ring (`MAX_PENDING_PER_RING` of upstream's `argo.c`). Bounds what a ring's lock covers.
pub const MAX_PENDING: usize = 32;
/// Entries of one notify (`MAX_NOTIFY_COUNT` of upstream's `argo.c`).
pub const MAX_NOTIFY: u32 = 256;
/// Buffers of one message (`XEN_ARGO_MAXIOV` of `public/argo.h`).
pub const MAX_IOV: u32 = 8;
/// Bytes copied under one hold of a ring's lock: about 10 µs, less than what an interrupt may wait.
pub const COPY_CHUNK: u32 = 64 * 1024;
/// How often a message longer than a chunk starts again because another sender took its place in the ring, before
/// its sender is told to wait.
pub const SEND_ATTEMPTS: u32 = 8;
/// Bytes on the stack through which a host without a direct way copies from a caller to a ring.
pub const BOUNCE: usize = 256;
/// 64-bit words of a ready page that summarise it: one bit for each of the other words.
pub const READY_SUMMARY_WORDS: usize = 8;
/// 64-bit words of a ready page that hold slots.
pub const READY_WORDS: usize = 512 - READY_SUMMARY_WORDS;
/// Ready slots of a domain: what one page holds.
pub const READY_SLOTS: u32 = READY_WORDS as u32 * 64;

const _: () = assert!(READY_SLOTS == 32_256 && READY_WORDS <= READY_SUMMARY_WORDS * 64);
