//! What happens when the library is loaded.

use crate::log::{self, say};
use crate::{active, listener, next, process};
use v4v_wrapper_policy::{OnError, Sources, load};

/// The exit status of a program that may not start with its policy: EX_CONFIG of sysexits.h.
const BAD_CONFIGURATION: i32 = 78;

/// The loader calls what is in this section, before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    next::resolve();
    // A unit test has the functions of this library without its start.
    if cfg!(test) {
        return;
    }
    process::prepare();
    log::prepare();
    v4vsock::remember_environment();
    let loaded = load(&Sources::of_process());
    for note in &loaded.notes {
        say!(Warn, "{note}");
    }
    match (loaded.policy, loaded.on_error) {
        (Ok(policy), _) => active::set(policy),
        (Err(mistake), OnError::Continue) => log::line(format_args!(
            "this program runs without V4V, because of its policy: {mistake}"
        )),
        (Err(mistake), OnError::Refuse) => {
            log::line(format_args!(
                "this program does not start, because of its policy (on_error = \"refuse\"): {mistake}"
            ));
            // SAFETY: it ends the process, without handlers that the program has not installed yet.
            unsafe { libc::_exit(BAD_CONFIGURATION) };
        }
    }
    listener::recover();
}
