//! Locks that catch nesting, and a second CPU that runs at a chosen lock boundary.

use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::sync::Mutex;

use crate::host::Lock;

/// A mutex that panics where its thread already holds another.
pub struct TestLock<T>(Mutex<T>);

/// Another CPU's work, and the number of lock boundaries until its turn.
type Planned = Option<(u32, Box<dyn FnOnce()>)>;

std::thread_local! {
    static HELD: Cell<bool> = const { Cell::new(false) };
    static PLANNED: RefCell<Planned> = const { RefCell::new(None) };
}

/// Panics where this thread holds a lock.
pub(super) fn assert_unlocked() {
    assert!(!HELD.get(), "a hook was called with a lock held");
}

/// Clears the mark however the closure ends.
struct Mark;

impl Drop for Mark {
    fn drop(&mut self) {
        HELD.set(false);
    }
}

impl<T> Lock<T> for TestLock<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        assert!(!HELD.replace(true), "two locks at once");
        let result = {
            let _mark = Mark;
            let mut guard = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            f(&mut guard)
        };
        boundary();
        result
    }
}

/// A lock was just dropped: runs what is planned for here.
fn boundary() {
    let due = PLANNED.with_borrow_mut(|planned| match planned {
        Some((0, _)) => planned.take().map(|(_, other)| other),
        Some((left, _)) => {
            *left -= 1;
            None
        }
        None => None,
    });
    if let Some(other) = due {
        other();
    }
}

/// Runs `body`, and in it `other`, as another CPU would, after the lock boundary number `at` (0 is the first). Returns
/// what `body` did, and whether there were that many boundaries; where not, `other` did not run.
pub fn interleave<R>(at: u32, other: impl FnOnce() + 'static, body: impl FnOnce() -> R) -> (R, bool) {
    plan(at, other);
    let result = body();
    (result, PLANNED.take().is_none())
}

/// Plans further work of the other CPU, from within such work: after the boundary number `at` from here.
pub fn plan(at: u32, other: impl FnOnce() + 'static) {
    PLANNED.set(Some((at, Box::new(other))));
}
