//! What has to be looked for every now and then: on a stock Xen whether peers are still there, and on any whether space came
//! free where Xen could not note that somebody waits.

use crate::glue;
use crate::hv;
use crate::hypercall::{Question, Questions, answer};
use crate::linger;
use crate::ring::KernelRing;
use crate::stats::{self, Counter};
use crate::table;
use core::sync::atomic::{AtomicBool, Ordering};
use v4v_ring::Addr;

/// Rings asked about in one hypercall; what fits a kernel stack.
const BATCH: usize = 32;
/// How soon a send is tried again that Xen could not note, in milliseconds.
const RETRY_MS: u32 = 5;
/// Bounds of the parameter `probe_ms`.
const PERIOD_MS: core::ops::RangeInclusive<u32> = 10..=60_000;

static RETRY: AtomicBool = AtomicBool::new(false);

/// A ring watches something that only this side can look at.
pub(crate) fn needed() {
    glue::tick(period());
}

/// A send waits that nobody will wake.
pub(crate) fn retry_soon() {
    stats::count(Counter::Retries);
    RETRY.store(true, Ordering::Release);
    glue::tick(RETRY_MS);
}

fn period() -> u32 {
    glue::probe_ms().clamp(*PERIOD_MS.start(), *PERIOD_MS.end())
}

/// The module's tick.
pub(crate) fn tick() {
    if RETRY.swap(false, Ordering::AcqRel) {
        table::retry_blocked();
    }
    if linger::run() {
        glue::tick(linger::period());
    }
    if !hv::has_watch() && look_for_peers() {
        glue::tick(period());
    }
}

/// Asks Xen whether the watched rings exist. Whether there are any.
fn look_for_peers() -> bool {
    let (mut slot, mut any) = (0, false);
    loop {
        let mut batch = [const { None }; BATCH];
        let mut count = 0;
        while count < BATCH {
            let Some((at, ring)) = table::next(slot) else {
                break;
            };
            slot = at + 1;
            if let (Some(port), Some(place)) = (ring.0.watched(), batch.get_mut(count)) {
                *place = Some((ring, port));
                count += 1;
            }
        }
        if count == 0 {
            break;
        }
        any = true;
        ask(&batch);
    }
    if any {
        // The question took back what Xen had noted about senders that wait.
        table::retry_blocked();
    }
    any
}

/// Asks about one batch; whoever lost its peer is woken.
fn ask(batch: &[Option<(KernelRing, u32)>; BATCH]) {
    let mut questions = Questions::new([Question::default(); BATCH]);
    let mut count = 0;
    for (question, (ring, port)) in questions.entry.iter_mut().zip(batch.iter().flatten()) {
        *question = Question::new(Addr::new(ring.0.id.partner, *port), 0);
        count += 1;
    }
    if questions.ask(count).is_err() {
        return;
    }
    for (question, (ring, port)) in questions.entry.iter().zip(batch.iter().flatten()) {
        // SAFETY: a pointer to a live local's aligned field; Xen wrote it behind the compiler's back.
        let flags = unsafe { (&raw const question.flags).read_volatile() };
        if flags & answer::EXISTS == 0 && ring.0.lose_watched(*port) {
            table::wake(ring);
        }
    }
}
