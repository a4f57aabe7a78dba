//! How much of what was sent the peer has not read yet (`SIOCOUTQ`).
//!
//! Xen tells whether a ring has room for so many bytes, not how many it has. The answers to a row of such questions enclose the
//! number, and a few rows find it.

use crate::hypercall::{Question, Questions, answer};
use crate::table;
use v4v_ring::Addr;
use v4v_sock::Errno;

/// Questions of one row; what fits a kernel stack.
const ROW: u32 = 32;
/// A ring's bytes that no message can have: a header and the slot that stays free.
const OVERHEAD: u32 = 32;
/// Bytes of a slot, the unit of a ring.
const SLOT: u32 = 16;

/// Bytes of `ring`, which is `len` bytes long, that are in use: headers and padding count.
///
/// # Errors
/// Xen's. A ring that is gone has nothing in use.
pub(crate) fn in_use(ring: Addr, len: u32) -> Result<u32, Errno> {
    let max = len.saturating_sub(OVERHEAD);
    // Room is at least `least` bytes, and less than `least + span`.
    let (mut least, mut span) = (0, max + SLOT);
    while span > SLOT {
        let step = span.div_ceil(ROW).next_multiple_of(SLOT);
        let Some(sufficient) = ask(ring, least, step, max)? else {
            return Ok(0);
        };
        least += step * sufficient.saturating_sub(1);
        span = step;
    }
    // The questions took back what Xen had noted about senders that wait.
    table::retry_blocked();
    Ok(max - least.min(max))
}

/// How many of the sizes `least`, `least + step`, … have room. `None` where there is no ring.
fn ask(ring: Addr, least: u32, step: u32, max: u32) -> Result<Option<u32>, Errno> {
    let size = |i: u32| (least + step * i).min(max);
    let mut questions =
        Questions::<{ ROW as usize }>::new(core::array::from_fn(|i| Question::new(ring, size(i as u32))));
    questions.ask(ROW as usize)?;
    let mut sufficient = 0;
    for (i, question) in questions.entry.iter().enumerate() {
        // SAFETY: a pointer to a live local's aligned field; Xen wrote it behind the compiler's back.
        let flags = unsafe { (&raw const question.flags).read_volatile() };
        if flags & answer::EXISTS == 0 {
            return Ok(None);
        }
        if flags & answer::SUFFICIENT != 0 && least + step * i as u32 <= max {
            sufficient = i as u32 + 1;
        }
    }
    Ok(Some(sufficient))
}
