//! Measurements between processes: this program runs itself again as the two ends of a connection.
//!
//! ```text
//!   v4v-bench ──stdin: jobs──────► v4v-bench end drive   (pinned, in a domain of its own)
//!             ◄─stdout: answers──       │
//!                                       │ the transport that is measured
//!             ◄─stdout: address──  v4v-bench end serve   (pinned, in a domain of its own)
//! ```
//!
//! A session that has no job sleeps, so many can stand by while one is measured.

mod end;
mod job;
mod session;

pub use end::{End, run as run_end};
pub use job::{Answer, Job};
pub use session::{Launcher, Session};
