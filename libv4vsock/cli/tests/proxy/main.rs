//! `v4v proxy` between TCP and V4V, against a real `v4vd`.

mod bytes;
#[path = "../common/mod.rs"]
mod common;
mod ends;
mod mistakes;
mod resets;
mod rig;
