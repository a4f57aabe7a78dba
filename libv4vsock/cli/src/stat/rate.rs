//! What happened between two looks, by the second.

use std::time::Duration;

/// An earlier look, and the time since.
pub(crate) struct Pace<'a, T> {
    pub(crate) before: &'a T,
    elapsed: Duration,
}

// Not derived, which would ask the same of `T`.
impl<T> Clone for Pace<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Pace<'_, T> {}

impl<'a, T> Pace<'a, T> {
    pub(crate) fn new(before: &'a T, elapsed: Duration) -> Self {
        Self { before, elapsed }
    }

    /// The same of a part.
    pub(crate) fn of<U>(self, part: impl FnOnce(&'a T) -> Option<&'a U>) -> Option<Pace<'a, U>> {
        part(self.before).map(|before| Pace {
            before,
            elapsed: self.elapsed,
        })
    }

    /// By the second, for a counter that was `before` and is `now`. What counts anew has a rate of 0.
    pub(crate) fn rate(self, before: u64, now: u64) -> f64 {
        now.saturating_sub(before) as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_by_the_second() {
        let pace = Pace::new(&(), Duration::from_millis(500));
        assert_eq!((pace.rate(10, 60), pace.rate(60, 10)), (100.0, 0.0));
    }
}
