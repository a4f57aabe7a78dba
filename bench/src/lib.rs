//! Benchmarks of V4VSockets beside TCP loopback and AF_UNIX, always in one run on one machine.
//!
//! - [`netpipe`]: the NetPIPE sweep on any connected byte stream; also what `v4v netpipe` runs between two domains.
//! - [`transport`], [`peer`]: the transports, and pairs of pinned processes connected by them.
//! - [`measure`], [`baseline`], [`targets`]: the single measurements, the hardware's ceilings, and both side by side in
//!   the table of speed targets.
//! - [`daemon`]: a `v4vd` where the user runs none.
//! - [`compare`]: two revisions of the source tree against each other, each with its own `v4vd`.
//! - [`table`], [`plot`], [`progress`]: what people look at.

pub mod baseline;
pub mod clock;
pub mod compare;
pub mod cpu;
pub mod daemon;
pub mod measure;
pub mod netpipe;
pub mod peer;
pub mod plot;
pub mod progress;
pub mod sample;
pub mod sizes;
pub mod stats;
pub mod table;
pub mod targets;
pub mod transport;

pub use sample::Sample;
