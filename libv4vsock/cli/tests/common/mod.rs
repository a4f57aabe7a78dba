//! A daemon of the test's own, and the program.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use v4v_hosted::spawn::{self, Daemon};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_v4v");

pub(crate) fn daemon() -> Daemon {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let program = spawn::built_in(&PathBuf::from(PROGRAM).with_file_name("")).expect("v4vd builds");
    let socket = std::env::temp_dir().join(format!("v4v-cli-{}-{count}.sock", std::process::id()));
    Daemon::start(&program, socket, None).expect("v4vd listens")
}
