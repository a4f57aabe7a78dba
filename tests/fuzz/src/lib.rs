//! Fuzz targets: functions that eat any bytes and check what must hold, whatever they are.
//!
//! | target | what the bytes are |
//! |---|---|
//! | [`ring_take`] | steps of a producer, a receiver and somebody who writes the ring's memory between and during them |
//! | [`hypercall_decode`] | hypercalls of three guests, well-formed and not, deaths, failing allocations |
//! | [`stream_frames`] | messages of a hostile peer to a connection, to a listener and to a connector, and what its user does |
//! | [`wire`] | requests of three processes to v4vd's core, well-formed and not |
//! | [`policy`] | a policy file |
//!
//! A target panics where something does not hold. `cargo test -p v4v-fuzz` runs each over its corpus (`corpus/TARGET`) and over
//! changed copies of it, the same ones in every run.
//!
//! # To fuzz
//! `cargo install cargo-fuzz`, then, from the top of the repository (the variable lets the stable compiler instrument code):
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir tests/fuzz wire -- -max_len=4096 -max_total_time=600
//! ```
//!
//! What it finds on its way is added to `corpus/wire`; what fails lies in `artifacts/wire`, and
//! `cargo run -p v4v-fuzz --bin wire -- FILE` runs the target on it without libFuzzer, in a debugger if need be. A failure
//! becomes a test with a name in the crate that is at fault, and its input a file of the corpus.
//!
//! The corpus stays small: `cargo fuzz cmin` keeps what adds coverage, `cargo fuzz tmin` makes one input shorter; files of 4 KiB
//! and more, or more than 60 of a target, fail the test.
#![forbid(unsafe_code)]

mod calls;
mod files;
mod hypercalls;
mod input;
mod outcomes;
mod policies;
mod requests;
mod ring;
mod streams;

pub use files::run_on_files;
pub use hypercalls::hypercall_decode;
pub use policies::policy;
pub use requests::wire;
pub use ring::ring_take;
pub use streams::stream_frames;

/// A target.
pub type Target = fn(&[u8]);

/// All of them, by the names of their corpora.
pub const TARGETS: [(&str, Target); 5] = [
    ("ring_take", ring_take),
    ("hypercall_decode", hypercall_decode),
    ("stream_frames", stream_frames),
    ("wire", wire),
    ("policy", policy),
];
