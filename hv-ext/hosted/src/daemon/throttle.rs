//! Log lines that a client can cause at will, but not without end.

use std::time::{Duration, Instant};

use super::limits::{LOG_LINES, LOG_PERIOD_S};

/// Lets [`LOG_LINES`] lines pass in [`LOG_PERIOD_S`] seconds and counts the others.
#[derive(Debug)]
pub struct Throttle {
    since: Instant,
    lines: u32,
    held_back: u64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            lines: 0,
            held_back: 0,
        }
    }
}

impl Throttle {
    /// Logs a warning, unless there were too many of late.
    pub fn warn(&mut self, line: impl FnOnce() -> String) {
        self.warn_at(Instant::now(), line);
    }

    /// Whether the line was let through.
    fn warn_at(&mut self, now: Instant, line: impl FnOnce() -> String) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(LOG_PERIOD_S) {
            if self.held_back > 0 {
                log::warn!(
                    "{} more lines about clients' faults were left out",
                    self.held_back
                );
            }
            *self = Self {
                since: now,
                lines: 0,
                held_back: 0,
            };
        }
        if self.lines >= LOG_LINES {
            self.held_back += 1;
            return false;
        }
        self.lines += 1;
        log::warn!("{}", line());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_a_later_line_passes() {
        let mut throttle = Throttle::default();
        let now = throttle.since;
        let passed = (0..100).filter(|_| throttle.warn_at(now, String::new)).count();
        assert_eq!(passed, LOG_LINES as usize);
        assert_eq!(throttle.held_back, 80);
        assert!(throttle.warn_at(now + Duration::from_secs(LOG_PERIOD_S), String::new));
    }
}
