//! The speed targets of the hosted backend: all of them in one run, each figure beside what it is compared with.
//!
//! A repeat measures everything once; all repeats together take some twenty seconds. Figures that are compared are measured
//! right after each other, and ratios are medians of the ratios of neighbours, so that a slow minute of the machine
//! touches both sides.

mod metric;
mod rig;

pub use metric::{Bound, Metric, show};
pub use rig::{Options, measure};
