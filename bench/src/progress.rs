//! A bar on stderr, where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far a measurement is; silent unless stderr is a terminal.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar of `steps` steps.
    #[must_use]
    pub fn new(steps: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:32} {pos}/{len}  {elapsed_precise}  {msg}");
        let bar = ProgressBar::new(steps as u64);
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    /// No bar.
    #[must_use]
    pub fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Says what begins now, and counts it.
    pub fn step(&self, what: &str) {
        self.0.set_message(what.to_owned());
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
