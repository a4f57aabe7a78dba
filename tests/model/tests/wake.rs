//! No wake-up is lost, in any interleaving that the memory model allows; and the fences are why.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use v4v_model::words::Words;
use v4v_ring::layout::{Word, event, space};
use v4v_ring::{RingMem, wake};

/// What a sleep would be: the sleeper goes to sleep only where it sees nothing to do, so a peer that neither is seen nor wakes
/// leaves it asleep for ever.
struct Outcome {
    saw_it: bool,
    woken: bool,
}

/// A producer publishes a message and signals; a receiver asks to be woken, looks once more, and sleeps.
fn data<const FENCED: bool>() -> Outcome {
    let ring = Words::<FENCED>::new();
    let woken = Arc::new(AtomicBool::new(false));
    let producer = {
        let (ring, woken) = (ring.clone(), Arc::clone(&woken));
        loom::thread::spawn(move || {
            ring.store(Word::Tx, 16);
            if wake::signal_data(&ring).sleeper() {
                woken.store(true, Ordering::Relaxed);
            }
        })
    };
    wake::want_data(&ring, event::SLEEPS);
    let saw_it = ring.load(Word::Tx) == 16;
    producer.join().expect("the producer does not panic");
    Outcome {
        saw_it,
        woken: woken.load(Ordering::Relaxed),
    }
}

/// A receiver publishes space and signals; a sender asks to be woken, looks once more, and sleeps.
fn space<const FENCED: bool>() -> Outcome {
    let ring = Words::<FENCED>::new();
    let woken = Arc::new(AtomicBool::new(false));
    let receiver = {
        let (ring, woken) = (ring.clone(), Arc::clone(&woken));
        loom::thread::spawn(move || {
            ring.store(Word::Rx, 16);
            if wake::signal_space(&ring).sleeper() {
                woken.store(true, Ordering::Relaxed);
            }
        })
    };
    wake::want_space(&ring, space::SLEEPS);
    let saw_it = ring.load(Word::Rx) == 16;
    receiver.join().expect("the receiver does not panic");
    Outcome {
        saw_it,
        woken: woken.load(Ordering::Relaxed),
    }
}

fn assert_no_lost_wake_up(outcome: &Outcome) {
    assert!(outcome.saw_it || outcome.woken, "a lost wake-up");
}

/// Whether loom finds an interleaving in which `model` fails.
fn loom_objects(model: impl Fn() + Send + Sync + 'static) -> bool {
    catch_unwind(AssertUnwindSafe(|| loom::model(model))).is_err()
}

#[test]
fn no_wake_up_for_data_is_lost() {
    loom::model(|| assert_no_lost_wake_up(&data::<true>()));
}

#[test]
fn no_wake_up_for_space_is_lost() {
    loom::model(|| assert_no_lost_wake_up(&space::<true>()));
}

#[test]
fn without_its_fences_the_data_protocol_loses_wake_ups() {
    assert!(loom_objects(|| assert_no_lost_wake_up(&data::<false>())));
}

#[test]
fn without_its_fences_the_space_protocol_loses_wake_ups() {
    assert!(loom_objects(|| assert_no_lost_wake_up(&space::<false>())));
}

/// Two producers (a wildcard ring) and a receiver that sleeps twice: each sleep is answered, and a wish wakes at most once.
#[test]
fn a_wish_is_used_up_by_one_signal() {
    loom::model(|| {
        let ring = Words::<true>::new();
        wake::want_data(&ring, event::SLEEPS);
        let theirs = ring.clone();
        let other = loom::thread::spawn(move || wake::signal_data(&theirs).sleeper());
        let ours = wake::signal_data(&ring).sleeper();
        let theirs = other.join().expect("no panic");
        assert!(ours ^ theirs, "exactly one of two signals finds the wish");
    });
}

/// A poller's and a sleeper's wishes stand side by side: one signal answers both.
#[test]
fn wishes_of_two_kinds_are_kept_apart() {
    loom::model(|| {
        let ring = Words::<true>::new();
        let theirs = ring.clone();
        let poller = loom::thread::spawn(move || {
            wake::want_data(&theirs, event::POLLS);
        });
        wake::want_data(&ring, event::SLEEPS);
        poller.join().expect("no panic");
        let signal = wake::signal_data(&ring);
        assert!(signal.sleeper() && signal.poller());
    });
}
