//! A ring in a sealed memfd, mapped by every party to it.
//!
//! The seals keep its size fixed, so that no party can make another one fault by truncating it.

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use v4v_ring::RingMem;
use v4v_ring::layout::{PAGE, RING_HEADER, RING_LEN_MIN, RING_LEN_USABLE, SLOT, Word, pages};

/// The seals of a ring's memfd.
const SEALS: SealFlag = SealFlag::F_SEAL_SHRINK
    .union(SealFlag::F_SEAL_GROW)
    .union(SealFlag::F_SEAL_SEAL);

/// Offset of the count of messages in the ring's header: reserved bytes behind the words of the ring's layout.
const MESSAGES_AT: usize = 32;
/// Offset of the count of payload bytes.
const BYTES_AT: usize = 40;

const _: () = assert!(BYTES_AT + 8 <= RING_HEADER as usize && MESSAGES_AT >= Word::TxCpu as usize + 4);

/// Creates the memory of a ring of `len` data bytes: zeroed, sealed, close-on-exec.
///
/// # Errors
/// The system's: no descriptors, no memory.
pub fn create(len: u32) -> io::Result<OwnedFd> {
    let fd = memfd_create(c"v4v-ring", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    nix::unistd::ftruncate(&fd, i64::from(pages(len) * PAGE))?;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(SEALS))?;
    Ok(fd)
}

/// A mapped ring. Clones share the mapping; it goes with the last of them.
#[derive(Clone, Debug)]
pub struct ShmRing(Arc<Mapping>);

#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    /// Data bytes.
    len: u32,
}

// SAFETY: the mapping is shared memory that is only touched through atomics and raw copies, from any thread, and `base` stays
// mapped until the drop of the last owner.
unsafe impl Send for Mapping {}
// SAFETY: as above; no method hands out a reference to the data.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `base` came from mmap with this length, and nothing refers to it any more.
        let unmapped = unsafe { munmap(self.base.cast(), map_size(self.len)) };
        if let Err(error) = unmapped {
            log::error!("cannot unmap a ring: {error}");
        }
    }
}

const fn map_size(len: u32) -> usize {
    (pages(len) * PAGE) as usize
}

impl ShmRing {
    /// Maps the ring of `len` data bytes in `fd`.
    ///
    /// # Errors
    /// `InvalidData` where `fd` is not a sealed ring of this length; else the system's.
    pub fn map(fd: impl AsFd, len: u32) -> io::Result<Self> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
        if !(RING_LEN_MIN..=RING_LEN_USABLE).contains(&len) || !len.is_multiple_of(SLOT) {
            return Err(invalid("a ring of impossible length"));
        }
        let size = map_size(len);
        let stat = nix::sys::stat::fstat(&fd)?;
        if usize::try_from(stat.st_size).ok() != Some(size) {
            return Err(invalid("a ring whose memory has another size"));
        }
        let seals = fcntl(&fd, FcntlArg::F_GET_SEALS)?;
        if !SealFlag::from_bits_truncate(seals).contains(SEALS) {
            return Err(invalid("a ring whose memory is not sealed"));
        }
        let size = NonZeroUsize::new(size).ok_or_else(|| invalid("an empty ring"))?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new shared mapping at an address of the kernel's choice; it touches no other memory.
        let base = unsafe { mmap(None, size, protection, MapFlags::MAP_SHARED, &fd, 0)? };
        Ok(Self(Arc::new(Mapping {
            base: base.cast(),
            len,
        })))
    }

    /// A word of the header: to load, store and sleep on.
    #[inline]
    #[must_use]
    pub fn word(&self, word: Word) -> &AtomicU32 {
        // SAFETY: the header's words lie in the first page of the mapping, aligned to 4 bytes; the reference does not
        // outlive `self`, which keeps the mapping. Every party uses these words through atomics only.
        unsafe { AtomicU32::from_ptr(self.0.base.as_ptr().add(word as usize).cast()) }
    }

    /// What the producer counted: messages, payload bytes. Statistics only: in a delegated ring they are the partner's claim.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        (
            self.total(MESSAGES_AT).load(Ordering::Relaxed),
            self.total(BYTES_AT).load(Ordering::Relaxed),
        )
    }

    /// The producer's counts, for whoever looks at them.
    #[inline]
    pub fn set_totals(&self, messages: u64, bytes: u64) {
        self.total(MESSAGES_AT).store(messages, Ordering::Relaxed);
        self.total(BYTES_AT).store(bytes, Ordering::Relaxed);
    }

    #[inline]
    fn total(&self, at: usize) -> &AtomicU64 {
        // SAFETY: as in `word`; both offsets lie in the header, aligned to 8 bytes, and no other word overlaps them.
        unsafe { AtomicU64::from_ptr(self.0.base.as_ptr().add(at).cast()) }
    }

    /// Where data at `offset` is, if `n` bytes from there lie inside the ring.
    #[inline]
    fn data(&self, offset: u32, n: usize) -> Option<*mut u8> {
        let end = (offset as usize).checked_add(n)?;
        if end > self.0.len as usize {
            return None;
        }
        // SAFETY: header and data lie inside the mapping, and `offset` inside the data.
        Some(unsafe { self.0.base.as_ptr().add((RING_HEADER + offset) as usize) })
    }
}

impl RingMem for ShmRing {
    #[inline]
    fn data_len(&self) -> u32 {
        self.0.len
    }
    #[inline]
    fn load(&self, word: Word) -> u32 {
        self.word(word).load(Ordering::Acquire)
    }
    #[inline]
    fn store(&self, word: Word, value: u32) {
        self.word(word).store(value, Ordering::Release);
    }
    #[inline]
    fn swap(&self, word: Word, value: u32) -> u32 {
        self.word(word).swap(value, Ordering::AcqRel)
    }
    #[inline]
    fn fetch_or(&self, word: Word, bits: u32) -> u32 {
        self.word(word).fetch_or(bits, Ordering::AcqRel)
    }
    #[inline]
    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
    #[inline]
    fn write(&self, offset: u32, from: &[u8]) {
        if let Some(to) = self.data(offset, from.len()) {
            // SAFETY: `data` checked the range; `from` is private memory, so the two do not overlap. Another process may
            // read or write the same bytes: no reference to them exists, and what they hold is never trusted.
            unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
        }
    }
    #[inline]
    fn read(&self, offset: u32, to: &mut [u8]) {
        if let Some(from) = self.data(offset, to.len()) {
            // SAFETY: as in `write`, the other way.
            unsafe { ptr::copy_nonoverlapping(from, to.as_mut_ptr(), to.len()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4v_ring::{Addr, Consumer, DomId, Producer};

    #[test]
    fn two_mappings_are_one_ring() {
        let fd = create(4032).expect("memory");
        let (a, b) = (
            ShmRing::map(&fd, 4032).expect("map"),
            ShmRing::map(&fd, 4032).expect("map"),
        );
        let source = Addr::new(DomId(1), 2);
        Producer::attach(&a)
            .insert(&a, source, 3, 5, &mut &b"hello"[..])
            .expect("room");
        let mut bytes = [0; 5];
        let message = Consumer::new().peek(&b).expect("honest").expect("one message");
        message.copy(&b, 0, 5, &mut &mut bytes[..]).expect("long enough");
        assert_eq!((&bytes, message.source), (b"hello", source));
    }

    #[test]
    fn totals_are_seen_by_all_and_touch_no_word() {
        let fd = create(4032).expect("memory");
        let (a, b) = (
            ShmRing::map(&fd, 4032).expect("map"),
            ShmRing::map(&fd, 4032).expect("map"),
        );
        a.set_totals(u64::MAX, 3);
        assert_eq!(b.totals(), (u64::MAX, 3));
        for word in [
            Word::Rx,
            Word::Tx,
            Word::Event,
            Word::Space,
            Word::State,
            Word::RxCpu,
            Word::TxCpu,
        ] {
            assert_eq!(b.load(word), 0, "{word:?}");
        }
    }

    #[test]
    fn a_ring_cannot_be_truncated() {
        let fd = create(4032).expect("memory");
        assert_eq!(nix::unistd::ftruncate(&fd, 0), Err(nix::errno::Errno::EPERM));
        assert_eq!(
            nix::unistd::ftruncate(&fd, 1 << 20),
            Err(nix::errno::Errno::EPERM)
        );
    }

    #[test]
    fn other_memory_is_refused() {
        let fd = create(4032).expect("memory");
        assert!(ShmRing::map(&fd, 4032 + PAGE).is_err(), "too short");
        assert!(ShmRing::map(&fd, 40).is_err(), "no ring is that small");
        let open = memfd_create(c"open", MFdFlags::MFD_CLOEXEC).expect("memory");
        nix::unistd::ftruncate(&open, i64::from(PAGE)).expect("unsealed");
        assert!(ShmRing::map(&open, 4032).is_err(), "not sealed");
    }

    #[test]
    fn an_offset_outside_touches_nothing() {
        let ring = ShmRing::map(create(4032).expect("memory"), 4032).expect("map");
        ring.write(4030, b"xyz");
        let mut bytes = [7; 3];
        ring.read(4030, &mut bytes);
        assert_eq!(bytes, [7; 3]);
        ring.read(4029, &mut bytes);
        assert_eq!(bytes, [0; 3]);
    }
}
